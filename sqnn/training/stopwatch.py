"""Wall time of the validations of a run."""

from __future__ import annotations

import time

import lightning.pytorch as pl


class Stopwatch(pl.Callback):
    """Adds up the seconds that are spent on validation images."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds += time.perf_counter() - self._began
