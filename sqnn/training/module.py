"""The one training loop: a LightningModule around any network that maps images to logits."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from sqnn.data import Batch
from sqnn.training.settings import TrainingConfig
from sqnn.training.terms import BitPenalty

EPOCH_STRIDE = 1_000_003
"""Distance between the seeds of two runs' epochs, so that runs of fewer epochs than this never share one."""
MOMENTUM = 0.9
"""Momentum of stochastic gradient descent, the customary value."""
MIN_ONE_CYCLE_STEPS = 8
"""Fewest steps of a one-cycle schedule: PyTorch divides by the length of each phase, zero in a run of one step."""
EVALUATION_SEED = 0
"""Seed of random encoders in evaluation, so that two evaluations of one network agree."""

WEIGHTS = "weights became infinite or NaN"


class NotFiniteError(RuntimeError):
    """The training loss, a weight or a running statistic became NaN or infinite."""


class Classifier(pl.LightningModule):
    """Train a network on cross-entropy; measure accuracy on whichever split is asked for.

    With a bit penalty the loss is cross-entropy + bit_penalty * (mean spikes per neuron of the QCFS activations), in
    nats; `train_loss` is the cross-entropy alone, so that curves compare.

    Random encoders draw from generators owned here and seeded afresh at the start of every epoch, so that a resumed
    run continues with the numbers that the undisturbed run would have drawn.

    Raises ValueError where there is a bit penalty and the network has no QCFS activation.
    """

    def __init__(self, model: nn.Module, training: TrainingConfig, num_classes: int) -> None:
        super().__init__()
        self.model = model
        self.training_config = training
        self.train_accuracy, self.validation_accuracy, self.test_accuracy = (
            MulticlassAccuracy(num_classes, average="micro") for _ in range(3)
        )
        self.confusion = MulticlassConfusionMatrix(num_classes)
        self.noise_source = torch.Generator()
        self.penalty = BitPenalty(model) if training.bit_penalty > 0 else None

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images, self.noise_source)
        return logits

    def on_train_epoch_start(self) -> None:
        # The seed of an epoch depends on nothing but the run's seed and the epoch's number.
        self.noise_source.manual_seed((self.training_config.seed * EPOCH_STRIDE + self.current_epoch + 1) % 2**63)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        images, labels = batch
        try:
            with self.penalty.collect() if self.penalty is not None else nullcontext() as bits:
                logits = self(images)
        except ValueError as error:
            # A circuit refuses angles that are not finite before there is a loss to look at.
            if _finite(self.model):
                raise
            raise self._not_finite(WEIGHTS) from error
        cross_entropy = loss = F.cross_entropy(logits, labels)
        if bits is not None:
            spikes = bits.value()
            loss = cross_entropy + self.training_config.bit_penalty * spikes
            self.log("train_spikes", spikes, on_step=False, on_epoch=True, batch_size=len(labels))
        if not torch.isfinite(loss):
            raise self._not_finite(f"loss became {loss.item()}")
        self.train_accuracy(logits.detach(), labels)
        self.log("train_loss", cross_entropy, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(labels))
        self.log("train_accuracy", self.train_accuracy, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        # A membrane that is NaN reaches no threshold: behind a silent neuron the loss stays finite for ever.
        if self.trainer.is_last_batch and not _finite(self.model):
            raise self._not_finite(WEIGHTS)

    def _not_finite(self, what: str) -> NotFiniteError:
        return NotFiniteError(f"{what} in epoch {self.current_epoch + 1}; lower learning_rate or gradient_clip")

    def on_validation_epoch_start(self) -> None:
        self._kept_state = self.noise_source.get_state()
        self.noise_source.manual_seed(EVALUATION_SEED)

    def on_validation_epoch_end(self) -> None:
        self.noise_source.set_state(self._kept_state)

    def on_test_epoch_start(self) -> None:
        self.noise_source.manual_seed(EVALUATION_SEED)
        self.confusion.reset()

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self._evaluate(batch, "validation", self.validation_accuracy)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        self.confusion.update(self._evaluate(batch, "test", self.test_accuracy), batch[1])

    def _evaluate(self, batch: Batch, split: str, metric: MulticlassAccuracy) -> Tensor:
        images, labels = batch
        logits = self(images)
        metric(logits, labels)
        shared = {"on_step": False, "on_epoch": True, "batch_size": len(labels)}
        self.log(f"{split}_loss", F.cross_entropy(logits, labels), **shared)  # type: ignore[arg-type]
        self.log(f"{split}_accuracy", metric, prog_bar=True, **shared)  # type: ignore[arg-type]
        return logits

    def configure_optimizers(self) -> Any:
        c = self.training_config
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        optimizer: torch.optim.Optimizer
        if c.optimizer == "sgd":
            optimizer = torch.optim.SGD(parameters, c.learning_rate, momentum=MOMENTUM, weight_decay=c.weight_decay)
        else:
            kind = torch.optim.Adam if c.optimizer == "adam" else torch.optim.AdamW
            optimizer = kind(parameters, c.learning_rate, weight_decay=c.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler: torch.optim.lr_scheduler.LRScheduler
        if c.schedule == "one-cycle":
            steps = max(steps, MIN_ONE_CYCLE_STEPS)
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, c.learning_rate, total_steps=steps)
        elif c.schedule == "cosine":
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        else:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def _finite(model: nn.Module) -> bool:
    """Say whether all that the network keeps is finite: its weights, and the statistics of its norms and ranges."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values())
