"""The rows of a sweep as a data frame that draws itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sqnn.studies.noise_sweep.figure import plot_sweep
from sqnn.studies.noise_sweep.summary import summarise_sweep
from sqnn.studies.runner.table import COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SweepFrame(pd.DataFrame):
    """Rows of the results table, as a pandas DataFrame whose `plot` draws accuracy against strength.

    Selecting rows keeps the class: `frame[frame.engine == "aer"].plot()`. pandas' own plots are those of
    `pd.DataFrame(frame)`.
    """

    @property
    def _constructor(self) -> type[SweepFrame]:
        return SweepFrame

    def plot(self, path: str | Path | None = None) -> Figure:  # type: ignore[override]
        """Return the picture of these rows; write it to `path` where one is given.

        Raises ValueError where there are no rows, or a column of the table is missing.
        """
        self._check()
        figure = plot_sweep(pd.DataFrame(self))
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure

    def summary(self) -> pd.DataFrame:
        """Return mean accuracy, its 95 % interval and mean loss by noise, engine, training and strength."""
        self._check()
        return summarise_sweep(pd.DataFrame(self))

    def _check(self) -> None:
        missing: list[Any] = [name for name in COLUMNS if name not in self.columns]
        if missing or not len(self):
            came = f"no column {missing[0]}" if missing else "no rows"
            raise ValueError(f"frame: got {came}, expected rows of a noise sweep (pandas' plots: pd.DataFrame(frame))")
