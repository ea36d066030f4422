"""The rows of a seed study as an object that prints a paper's table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnn.studies.runner import StudyFrame
from sqnn.studies.seeds.study import SeedStudy

if TYPE_CHECKING:
    import pandas as pd


class SeedFrame(StudyFrame):
    """Rows of a seed study; `frame` is the pandas DataFrame, whose columns and methods are attributes here too."""

    study = SeedStudy
    first = ("variant", "seed", "threads", "test_accuracy", "validation_accuracy", "best_epoch", "collapsed")

    def table(self) -> pd.DataFrame:
        """Return in percent mean ± standard deviation, range and 95 % interval of the mean, and how many trainings."""
        from sqnn.studies.runner import WholeTable

        summary = self.summary()
        table = summary[["variant", "threads", "n"]].copy()
        table["test accuracy (%)"] = [
            f"{100 * m:.2f} ± {100 * s:.2f}" for m, s in zip(summary["mean"], summary["std"], strict=True)
        ]
        for name, low, high in (("range", "least", "largest"), ("95 % of the mean", "low", "high")):
            table[name] = [f"{100 * a:.2f} to {100 * b:.2f}" for a, b in zip(summary[low], summary[high], strict=True)]
        return WholeTable(table)
