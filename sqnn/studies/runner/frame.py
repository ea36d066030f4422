"""The rows of a study as an object that draws and summarises itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnn.core import path_of, write_figure
from sqnn.studies.runner.folder import RowsFolder
from sqnn.studies.runner.study import AnyStudy, Panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class StudyFrame:
    """The rows of a study: `frame` is the pandas DataFrame, whose columns and methods are attributes here too.

    Selecting rows keeps the class: `rows[rows.seed == 0].plot()`. `path` is the table on the disk, `folder` the study's
    folder, where there is one.
    """

    study: type[AnyStudy]
    first: tuple[str, ...] = ()
    """Columns that are shown before the others."""

    def __init__(
        self,
        frame: pd.DataFrame,
        study: type[AnyStudy] | None = None,
        path: Path | None = None,
        folder: RowsFolder | None = None,
        settings: dict[str, object] | None = None,
    ) -> None:
        self.frame = frame
        self.study = study or self.study
        self.path = path
        self.folder = folder
        self.settings = settings or {}

    def plot(self, path: str | Path | None = None, **options: object) -> Figure:
        """Return the picture of these rows; write it to `path` where one is given.

        `options`: `ax` draws into axes of the caller's (one per panel), `title` and `labels` (name: what is shown)
        replace words, `bands` chooses what is shaded. Raises ValueError where there are no rows or columns are missing.
        """
        figure = self.study.plot(self._checked(), **options)
        if path is not None:
            write_figure(path_of("path", path), figure)
        return figure

    def summary(self) -> pd.DataFrame:
        """Return the means of these rows and how sure they are."""
        from sqnn.studies.runner.whole import WholeTable

        return WholeTable(self.study.summary(self._checked()))

    def table(self) -> pd.DataFrame:
        """Return what a paper prints of these rows."""
        return self.summary()

    def report(self) -> Iterator[Panel | str]:
        """Yield the lines and tables that the command prints."""
        return self.study.report(self.frame)

    def papers(self) -> dict[str, str]:
        """Return tables for a paper by the endings of their files, where the study has some."""
        return self.study.papers(self.frame)

    def to_latex(self, **options: object) -> str:
        """Return `table(**options)` as LaTeX."""
        shown = self.table(**options).rename(index=lambda value: f"{value:g}" if isinstance(value, float) else value)
        named = any(name is not None for name in shown.index.names)
        return shown.to_latex(escape=True, index=named).replace(" ± ", " $\\pm$ ")

    def _checked(self) -> pd.DataFrame:
        missing = [name for name in self.study.columns if name not in self.frame.columns]
        if missing or not len(self.frame):
            problem = f"no column {missing[0]}" if missing else "no rows"
            name = self.study.name.replace("-", " ")
            raise ValueError(f"frame: got {problem}, expected rows of a {name} (pandas' own plots: .frame.plot())")
        return self.frame

    def _ordered(self) -> pd.DataFrame:
        names = [name for name in self.first if name in self.frame.columns]
        return self.frame[[*names, *(name for name in self.frame.columns if name not in names)]]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "frame":
            raise AttributeError(name)
        return getattr(self.frame, name)

    def __getitem__(self, key: Any) -> Any:
        import pandas as pd

        part = self.frame[key]
        if not isinstance(part, pd.DataFrame):
            return part
        return type(self)(part, self.study, self.path, self.folder, self.settings)

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[object]:
        return iter(self.frame)

    def __repr__(self) -> str:
        return repr(self._ordered())

    def _repr_html_(self) -> str:
        return str(self._ordered().to_html(max_rows=10, index=False))
