"""The rows of a comparison as an object that prints a paper's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqnn.studies.compare.significance import paired_tests
from sqnn.studies.compare.study import CompareStudy
from sqnn.studies.compare.summary import papers, report
from sqnn.studies.compare.tables import paper_table, to_latex, to_markdown
from sqnn.studies.runner import Panel, StudyFrame

if TYPE_CHECKING:
    import pandas as pd


class CompareFrame(StudyFrame):
    """Rows of a comparison; `frame` is the pandas DataFrame, whose columns and methods are attributes here too."""

    study = CompareStudy
    first = ("model", "data", "seed", "parameters", "effective", "test_accuracy", "validation_accuracy")

    @property
    def tests(self) -> pd.DataFrame:
        """The paired tests of all pairs of networks, or of those with the network `against`: `paired_tests`."""
        return paired_tests(self._checked(), against=self._against())

    def report(self) -> Iterator[Panel | str]:
        """Yield the lines and tables that the command prints."""
        return report(self.frame, self._against())

    def papers(self) -> dict[str, str]:
        """Return the table of a paper, with the paired tests under it, as Markdown and LaTeX."""
        return papers(self.frame, self._against())

    def table(self) -> pd.DataFrame:
        """Return what a paper prints: one row per network and condition, in words."""
        return paper_table(self._checked())

    def to_markdown(self) -> str:
        """Return `table()` as Markdown."""
        return to_markdown(self.table())

    def to_latex(self, **options: Any) -> str:
        """Return `table()` as LaTeX for the package booktabs; with a `caption` or a `label`, as a floating table."""
        return to_latex(self.table(), **options)

    def _against(self) -> str | None:
        """Return the network that the study tests the others against."""
        options: Any = self.settings.get("study", {})
        against: str | None = options.get("against")
        return against
