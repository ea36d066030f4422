"""What the settings and the result of a run hold: names, types and limits, in one table each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from sqnn.core import Config, option, require

ROUNDING = 1e-5
"""How far an accuracy, computed in float32, may be from that of its confusion matrix."""


@dataclass(frozen=True, kw_only=True)
class SettingsRecord(Config):
    """What settings.yaml holds; a field without a default is always there."""

    model: str = option(MISSING, "the name of a network")
    config: Mapping[str, Any] = option(MISSING, "the options of the network")
    training: Mapping[str, Any] = option(MISSING, "the options of the training loop")
    data: Mapping[str, Any] = option(MISSING, "the name and the options of the images")
    data_sha256: str | None = option(None, "the digest of the images")
    terms: tuple[Mapping[str, Any], ...] = option((), "names and options of loss terms")
    callbacks: tuple[str, ...] = option((), "names of the user's callbacks")
    initial: str | None = option(None, "the file of the first weights")


@dataclass(frozen=True, kw_only=True)
class ResultRecord(Config):
    """What result.json holds; `settings_sha256` and `network_sha256` are digests of the run's other files.

    The test accuracy is that of the confusion matrix, which counts each test image once.
    """

    model: str = option(MISSING, "the name of a network")
    data: str = option(MISSING, "the name of the images")
    classes: tuple[str, ...] = option(MISSING, "the names of the classes")
    parameters: Mapping[str, int] = option(MISSING, "parameters by part", least=0)
    epochs: int = option(MISSING, "epochs trained", least=0)
    seed: int = option(MISSING, "the seed", least=0)
    best_epoch: int = option(MISSING, "the epoch of the weights", least=1)
    validation_accuracy: float = option(MISSING, "a fraction", least=0, most=1)
    test_accuracy: float = option(MISSING, "a fraction", least=0, most=1)
    test_loss: float = option(MISSING, "a cross-entropy in nats", least=0)
    confusion: tuple[tuple[int, ...], ...] = option(MISSING, "counts of images", least=0)
    seconds: float = option(MISSING, "seconds of training and evaluation", least=0)
    background: float | None = option(None, "the usual value at the border of the training images", least=0, most=1)
    times: Mapping[str, float] | None = option(None, "seconds by part", least=0)
    warnings: tuple[str, ...] = option((), "signs of a collapse, in words")
    threads: int | None = option(None, "threads computed in", least=1)
    machine: str | None = option(None, "the processor")
    cores: int | None = option(None, "cores of the machine", least=1)
    versions: Mapping[str, str] | None = option(None, "versions of the packages")
    settings_sha256: str | None = option(None, "the digest of settings.yaml")
    network_sha256: str | None = option(None, "the digest of the network's file")

    def validate(self) -> None:
        parts = [self.parameters.get(name) for name in ("spiking", "quantum", "classical")]
        total, effective = self.parameters.get("total"), self.parameters.get("quantum_effective")
        adds_up = None not in parts and total == sum(part or 0 for part in parts) and effective is not None
        require(
            adds_up, "parameters", self.parameters, "spiking, quantum, quantum_effective, classical and their total"
        )
        size = len(self.classes)
        square = len(self.confusion) == size and all(len(row) == size for row in self.confusion)
        require(square, "confusion", self.confusion, f"counts of {size} x {size} classes")
        images, right = sum(map(sum, self.confusion)), sum(row[k] for k, row in enumerate(self.confusion))
        agrees = images > 0 and math.isclose(self.test_accuracy, right / images, abs_tol=ROUNDING)
        require(agrees, "test_accuracy", self.test_accuracy, f"that of the confusion matrix, {right:,} of {images:,}")
