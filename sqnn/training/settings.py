"""How a network is trained; frozen, validated, stored beside every run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from sqnn.core import ConfigError, option, require, require_one_of
from sqnn.data import AUGMENTATIONS, MAX_BATCH, SEED_LIMIT

OPTIMIZERS: tuple[str, ...] = ("adam", "adamw", "sgd")
MAX_LEARNING_RATE = 1e6
"""Far beyond any use, and small enough that an optimiser's own arithmetic does not overflow."""
SCHEDULES: tuple[str, ...] = ("one-cycle", "cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The choices of the training loop; ConfigError names the field that does not fit."""

    epochs: int = option(10, "passes over the training images")
    batch_size: int = option(128, "images a step")
    learning_rate: float = option(0.05, "peak learning rate")
    optimizer: str = option("adam", f"optimiser: {', '.join(OPTIMIZERS)}")
    weight_decay: float = option(0.0, "weight decay")
    schedule: str = option("one-cycle", f"learning rate over the run: {', '.join(SCHEDULES)}")
    gradient_clip: float = option(1.0, "largest norm of the gradient; 0 switches clipping off")
    augmentation: str = option("none", f"random change of training images: {', '.join(AUGMENTATIONS)}")
    bit_penalty: float = option(
        0.0, "weight of the penalty on spikes of qcfs activations, in nats per spike and neuron"
    )
    seed: int = option(0, "seed of initial weights, order and augmentation of the images, and random encoders")

    def __post_init__(self) -> None:
        for name, low, high in (("epochs", 1, None), ("batch_size", 2, MAX_BATCH), ("seed", 0, SEED_LIMIT - 1)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            expected = f"of at least {low}" if high is None else f"from {low} to {high:,}"
            fits = whole and value >= low and (high is None or value <= high)
            require(fits, name, value, f"a whole number {expected}")
        for name in ("learning_rate", "weight_decay", "gradient_clip", "bit_penalty"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            require(number and 0 <= value < math.inf, name, value, "a finite number of at least 0")
        rate = self.learning_rate
        require(0 < rate <= MAX_LEARNING_RATE, "learning_rate", rate, f"above 0 and at most {MAX_LEARNING_RATE:g}")
        require_one_of("optimizer", self.optimizer, OPTIMIZERS)
        require_one_of("schedule", self.schedule, SCHEDULES)
        require_one_of("augmentation", self.augmentation, AUGMENTATIONS)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def for_model(cls, model: Any, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what they leave out is as the network, or its class, says in `training_defaults`.

        ConfigError as in `from_dict`.
        """
        return cls.from_dict({**getattr(model, "training_defaults", {}), **values})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain values; ConfigError names an unknown field and the known ones."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(f"{name}: the training loop has no such setting; it has {', '.join(known)}")
        return cls(**values)
