"""The rows of a noise sweep as an object that draws itself and prints a paper's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqnn.studies.noise_sweep.study import NoiseSweep
from sqnn.studies.noise_sweep.summary import summarise_sweep
from sqnn.studies.runner import BANDS, StudyFrame

if TYPE_CHECKING:
    import pandas as pd


class SweepFrame(StudyFrame):
    """Rows of a noise sweep; `frame` is the pandas DataFrame, whose columns and methods are attributes here too.

    `plot` draws accuracy against strength; its options are those of `plot_sweep`. Selecting rows keeps the class:
    `sweep[sweep.engine == "aer"].plot()`.
    """

    study = NoiseSweep
    first = ("noise", "strength", "accuracy", "loss", "model", "engine")

    def table(self, bands: str = "std") -> pd.DataFrame:
        """Return accuracies in percent, strengths in rows, noises (and lines, where there are several) in columns.

        `bands` says what stands after the mean: "64.8 ± 2.1" with the standard deviation over networks or draws (std)
        or half the 95 % interval (t), "64.8 [62.0, 66.9]" with the least and the largest (range), or nothing (none).
        """
        from sqnn.studies.runner import WholeTable

        BANDS.pick(bands)
        summary = summarise_sweep(self._checked(), bands)
        several = summary.line.nunique() > 1
        cells = summary.assign(text=[_text(row, bands) for row in summary.itertuples()])
        wide = cells.pivot(index="strength", columns=["noise", "line"] if several else ["noise"], values="text")
        columns = cells[["noise", "line"] if several else ["noise"]].drop_duplicates()
        order = list(columns.itertuples(index=False, name=None)) if several else list(columns.noise)
        return WholeTable(wide[order].loc[list(dict.fromkeys(summary.strength))].fillna("-"))


def _text(row: Any, bands: str) -> str:
    mean, low, high = 100 * row.accuracy, 100 * row.low, 100 * row.high
    if bands == "none" or low == high:
        return f"{mean:.1f}"
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]" if bands == "range" else f"{mean:.1f} ± {(high - low) / 2:.1f}"
