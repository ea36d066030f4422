"""The one training loop: a LightningModule around a network from images to logits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from sqnn.core import ConfigError, raised, require, seed_torch, torch_numbers
from sqnn.data import Batch
from sqnn.kernels import evaluating_by_kernels
from sqnn.metrics import EVALUATION_SEED
from sqnn.models import Network, logits_of
from sqnn.training.errors import NotFiniteError
from sqnn.training.optimization import OPTIMIZERS, SCHEDULES
from sqnn.training.settings import TrainingConfig
from sqnn.training.terms import LossTerm

EPOCH_STRIDE = 1_000_003
"""Distance between the seeds of two runs' epochs, so that runs of fewer epochs than this never share one."""
WEIGHTS = "weights became infinite or NaN"


class Classifier(pl.LightningModule):
    """Train a network on its loss and the given loss terms; measure accuracy on validation images.

    The loss is the network's own (`Network.learn`; cross-entropy where it states no other) + the sum over the terms of
    weight * quantity, in nats; `train_loss` is the network's alone, so that curves compare, and each term's quantity is
    a curve of its own.

    Random encoders draw from generators owned here and seeded afresh at the start of every epoch, and so are torch's
    own, from which a module of a user's draws (`nn.Dropout`), so that a resumed run continues with the numbers that the
    undisturbed run would have drawn.

    Raises ConfigError where a term does not fit the network.
    """

    def __init__(
        self, model: nn.Module, training: TrainingConfig, num_classes: int, terms: Sequence[LossTerm] = ()
    ) -> None:
        super().__init__()
        for term in terms:
            term.check(model)
        self.model = model
        self.training_config = training
        self.terms = tuple(terms)
        self.train_accuracy, self.validation_accuracy = (
            MulticlassAccuracy(num_classes, average="micro") for _ in range(2)
        )
        self.noise_source = torch.Generator()
        own = () if isinstance(model, Network) else model.named_buffers()
        infinite = {name for name, buffer in own if not bool(torch.isfinite(buffer).all())}
        self.watched = [name for name in model.state_dict() if name not in infinite]
        # The contexts of a validation under way: where an error ends it, the block around the training closes them.
        self.validation = ExitStack()
        self._sums: dict[str, Tensor] = {}
        self._images = 0

    def forward(self, images: Tensor) -> Tensor:
        try:
            return logits_of(self.model, images, self.noise_source)
        except (ConfigError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if isinstance(self.model, Network):
                raise
            when = f"fails in epoch {self.current_epoch + 1}"
            raise ConfigError(f"model: its forward {when} of the training: {raised(error)}; mend it") from error

    def on_train_epoch_start(self) -> None:
        # The seed of an epoch depends on nothing but the run's seed and the epoch's number.
        seed = (self.training_config.seed * EPOCH_STRIDE + self.current_epoch + 1) % 2**63
        self.noise_source.manual_seed(seed)
        seed_torch(seed)
        self._sums, self._images = {}, 0

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        images, labels = batch
        try:
            with ExitStack() as attached:
                quantities = [attached.enter_context(term.attach(self.model)) for term in self.terms]
                logits, loss = self._learn(images, labels, batch_index)
        except ValueError as error:
            # A circuit refuses angles that are not finite before there is a loss to look at.
            if self._finite():
                raise
            raise self._not_finite(WEIGHTS) from error
        learned = loss
        for term, quantity in zip(self.terms, quantities, strict=True):
            value = quantity()
            loss = loss + term.weight * value
            self._add(term.curve, value, len(labels))
        if not torch.isfinite(loss):
            raise self._not_finite(f"loss became {loss.item()}")
        self.train_accuracy.update(logits.detach(), labels)
        self._add("train_loss", learned, len(labels))
        self._images += len(labels)
        return loss

    def _add(self, curve: str, value: Tensor, images: int) -> None:
        """Add to the sum over images of a curve, whose mean is logged when the epoch ends.

        Lightning's log per step would take a small network a third of its time.
        """
        value = images * value.detach()
        self._sums[curve] = self._sums[curve] + value if curve in self._sums else value

    def log_curves(self) -> None:
        """Log the curves of the training images at the end of an epoch."""
        for curve, total in self._sums.items():
            self.log(curve, total / self._images, prog_bar=curve == "train_loss")
        self.log("train_accuracy", self.train_accuracy)

    def _learn(self, images: Tensor, labels: Tensor, batch_index: int) -> tuple[Tensor, Tensor]:
        """Return the logits of a batch and the loss that training minimises, without the loss terms."""
        if isinstance(self.model, Network):
            part = batch_index / self.trainer.num_training_batches
            progress = (self.current_epoch + part) / self.training_config.epochs
            return self.model.learn(images, labels, self.noise_source, progress)
        logits = self(images)
        return logits, F.cross_entropy(logits, labels)

    def backward(self, loss: Tensor, *args: object, **kwargs: object) -> None:
        # A loss without a gradient is of a network that has learned already: the optimiser then changes nothing.
        own_rule = isinstance(self.model, Network) and type(self.model).learn is not Network.learn
        if loss.requires_grad or not own_rule:
            super().backward(loss, *args, **kwargs)
        else:
            require_one(self.trainer)

    def on_train_batch_end(self, outputs: object, batch: Batch, batch_index: int) -> None:
        # A membrane that is NaN reaches no threshold: after a silent neuron the loss stays finite for ever.
        if self.trainer.is_last_batch and not self._finite():
            raise self._not_finite(WEIGHTS)

    def _not_finite(self, what: str) -> NotFiniteError:
        return NotFiniteError(f"{what} in epoch {self.current_epoch + 1}; lower learning_rate or gradient_clip")

    def on_validation_epoch_start(self) -> None:
        self._kept_state = self.noise_source.get_state()
        self.noise_source.manual_seed(EVALUATION_SEED)
        self.validation.enter_context(torch_numbers(EVALUATION_SEED))
        self.validation.enter_context(evaluating_by_kernels())

    def on_validation_epoch_end(self) -> None:
        self.validation.close()
        self.noise_source.set_state(self._kept_state)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        images, labels = batch
        logits = self(images)
        self.validation_accuracy.update(logits, labels)
        loss = F.cross_entropy(logits, labels)
        self.log("validation_loss", loss, on_epoch=True, on_step=False, batch_size=len(labels))
        self.log(
            "validation_accuracy",
            self.validation_accuracy,
            on_epoch=True,
            on_step=False,
            prog_bar=True,
            batch_size=len(labels),
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        c = self.training_config
        optimizer = OPTIMIZERS[c.optimizer]([p for p in self.model.parameters() if p.requires_grad], c)
        scheduler = SCHEDULES[c.schedule](optimizer, c, int(self.trainer.estimated_stepping_batches))
        if scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _finite(self) -> bool:
        """Say whether weights and statistics are finite; a user's buffers that began infinite may be."""
        state = self.model.state_dict()
        return all(bool(torch.isfinite(state[name]).all()) for name in self.watched)


class EpochCurves(pl.Callback):
    """Has the curves of an epoch logged before other callbacks look at them, of which it has to be the first."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        cast(Classifier, pl_module).log_curves()


def require_one(loop: pl.Trainer) -> None:
    """Raise ConfigError where a rule would change the weights on several devices, each in its own way."""
    one, expected = loop.world_size == 1, "1 where a rule changes weights, since each process would change its own"
    require(one, "devices", loop.world_size, expected)
