"""The log of a run's curves: a CSV file that is whole whenever its writer is killed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import lightning.pytorch as pl
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from sqnn.core import whole_file


class CurveLogger(CSVLogger):
    """Lightning's CSV log, whose file is not appended to but replaced, so that no row of it is torn or lost."""

    @property
    @rank_zero_experiment
    def experiment(self) -> _WholeWriter:
        """The writer of the file."""
        if not isinstance(self._experiment, _WholeWriter):
            self._experiment = _WholeWriter(self.log_dir)
        return self._experiment


class _WholeWriter(ExperimentWriter):
    written = 0
    """How many rows are on the disk."""

    def log_metrics(self, metrics_dict: dict[str, float], step: int | None = None) -> None:
        """Add a row unless it is the one before once more."""
        super().log_metrics(metrics_dict, step)
        if len(self.metrics) > 1 and _values(self.metrics[-2]) == _values(self.metrics[-1]):
            self.metrics.pop()

    def save(self) -> None:
        """Write all rows so far where some are new."""
        if len(self.metrics) == self.written:
            return
        names = sorted({name for row in self.metrics for name in row})
        with whole_file(Path(self.metrics_file_path)) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.metrics)
        self.written = len(self.metrics)


def _values(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step"}


def store_curves(trainer: pl.Trainer) -> None:
    """Write the curves of the epoch that ends, which Lightning itself logs after the epoch's checkpoint.

    A process that is killed between the two would have finished the epoch and lost its curves.
    """
    results = trainer._results
    if results is None:
        return
    row = {name: float(value) for name, value in results.metrics(on_step=False)["log"].items()}
    for logger in trainer.loggers:
        if isinstance(logger, CurveLogger) and row:
            logger.log_metrics({**row, "epoch": trainer.current_epoch}, trainer.global_step - 1)
            logger.save()
