"""How a network is trained; frozen, validated, stored beside every run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from sqnn.models.config import ConfigError, option, require, require_one_of

OPTIMIZERS: tuple[str, ...] = ("adam", "adamw", "sgd")
SCHEDULES: tuple[str, ...] = ("one-cycle", "cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The choices of the training loop; ConfigError names the field that does not fit."""

    epochs: int = option(10, "passes over the training images")
    batch_size: int = option(128, "images a step")
    learning_rate: float = option(0.02, "peak learning rate")
    optimizer: str = option("adam", f"optimiser: {', '.join(OPTIMIZERS)}")
    weight_decay: float = option(0.0, "weight decay")
    schedule: str = option("one-cycle", f"learning rate over the run: {', '.join(SCHEDULES)}")
    gradient_clip: float = option(1.0, "largest norm of the gradient; 0 switches clipping off")
    seed: int = option(0, "seed of initial weights, order of the images and random encoders")

    def __post_init__(self) -> None:
        for name, low in (("epochs", 1), ("batch_size", 2), ("seed", 0)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            require(whole and value >= low, name, value, f"a whole number of at least {low}")
        require(self.seed < 2**63, "seed", self.seed, "a whole number below 2^63")
        for name, strict in (("learning_rate", True), ("weight_decay", False), ("gradient_clip", False)):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = number and (value > 0 if strict else value >= 0) and value < float("inf")
            require(fits, name, value, "a positive number" if strict else "a number of at least 0")
        require_one_of("optimizer", self.optimizer, OPTIMIZERS)
        require_one_of("schedule", self.schedule, SCHEDULES)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain values; ConfigError names an unknown field and the known ones."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(f"{name}: the training loop has no such setting; it has {', '.join(known)}")
        return cls(**values)
