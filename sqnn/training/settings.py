"""The settings of the training loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from noise_models import did_you_mean
from sqnn.core import AUTO, Config, ConfigError, Threads, check_threads, option, require
from sqnn.data import AUGMENTATIONS, MAX_BATCH, MOST_EPOCHS, SEED_LIMIT
from sqnn.training.optimization import OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from torch import nn

    from sqnn.models import Network

MAX_LEARNING_RATE = 1e6
"""Far beyond any use, and small enough that an optimiser's own arithmetic does not overflow."""
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "lr": "learning_rate",
        "max_epochs": "epochs",
        "augmented_epochs": "augmented, a share of the epochs",
        "device": "trainer={'accelerator': 'gpu'}",
        "accelerator": "trainer={'accelerator': 'gpu'}",
        "devices": "trainer={'devices': 1}",
    }
)
"""What other libraries call a setting, and how it is given here."""


ROUNDING = 1e-9
"""Part of an epoch that a share of epochs, such as 0.7 of 10, may lie above a whole number."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """The choices of the training loop; ConfigError names the field that does not fit."""

    epochs: int = option(10, "passes over the training images", least=1, most=MOST_EPOCHS)
    batch_size: int = option(128, "images per step", least=2, most=MAX_BATCH)
    learning_rate: float = option(0.05, "peak learning rate", above=0, most=MAX_LEARNING_RATE)
    optimizer: str = option("adam", "optimiser", among=OPTIMIZERS)
    weight_decay: float = option(0.0, "weight decay", least=0)
    schedule: str = option("one-cycle", "learning rate over the run", among=SCHEDULES)
    gradient_clip: float = option(1.0, "largest norm of the gradient; 0 switches clipping off", least=0)
    augmentation: str = option("none", "random change of training images", among=AUGMENTATIONS)
    shift: int | None = option(
        None,
        "largest shift in pixels along either axis (default: 4, or 1 where a side is below 16 or for affine)",
        least=1,
    )
    pixel_noise: float = option(
        0.0, "largest standard deviation of normal noise on training images, drawn for each of them", least=0, most=10
    )
    augmented: float = option(
        1.0,
        "share of the epochs, from the first, whose images are changed at random; the last ones show them as they are",
        above=0,
        most=1,
    )
    seed: int = option(
        0,
        "seed of initial weights, order and augmentation of the images, and random encoders",
        least=0,
        most=SEED_LIMIT - 1,
    )
    threads: Threads = option(
        AUTO,
        "threads on the CPU: a number, or auto: one for small work, so that no number depends on how many cores there "
        "are, and as many as pay for large",
    )

    def validate(self) -> None:
        object.__setattr__(self, "threads", check_threads(self.threads))
        fits = self.shift is None or self.augmentation != "none"
        require(fits, "shift", self.shift, "none, or one beside augmentation shift, shift-flip or affine")
        changed = self.augmentation != "none" or self.pixel_noise > 0
        require(
            self.augmented == 1 or changed, "augmented", self.augmented, "1, or less beside augmentation or pixel_noise"
        )

    @property
    def augmented_epochs(self) -> int:
        """Epochs whose images are changed at random, rounded up."""
        return math.ceil(self.augmented * self.epochs - ROUNDING)

    @classmethod
    def for_model(cls, model: nn.Module | type[Network], values: Mapping[str, object]) -> Self:
        """Build from plain values; for what they leave out, `training_defaults` of the network count.

        A module of a user's own that has none takes a learning rate of 0.005. ConfigError as in `from_dict`.
        """
        from sqnn.models import OWN_DEFAULTS

        defaults: Mapping[str, object] = getattr(model, "training_defaults", OWN_DEFAULTS)
        return cls.from_dict({**defaults, **values})

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Build from plain values; ConfigError names an unknown field, the known ones and the nearest."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                from sqnn.training.terms import term_options

                known += term_options()
                near = f"; did you mean {ELSEWHERE[name]}?" if name in ELSEWHERE else did_you_mean(name, known)
                raise ConfigError(f"{name}: the training loop has no such setting; it has {', '.join(known)}{near}")
        return super().from_dict(values)
