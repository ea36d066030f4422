"""Networks that are trained, beside each other: one table, paired tests, one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from sqnn.core import ConfigError, path_of, write_figure
from sqnn.studies.compare.figure import plot_compare
from sqnn.studies.compare.significance import paired_tests
from sqnn.studies.compare.tables import paper_table, tests_table, to_latex, to_markdown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sqnn.studies.runner import Labels


@dataclass(frozen=True, repr=False)
class Comparison:
    """Trainings of several networks: `frame` has one row per training, `notes` what in them is not the same for all.

    `settings` has one row per network: all settings of its training in which the networks differ. `against` is the
    network that the others are tested against, where it is not every pair.
    """

    frame: pd.DataFrame
    settings: pd.DataFrame
    notes: tuple[str, ...] = field(default=())
    against: str | None = None

    def table(self) -> pd.DataFrame:
        """Return what a paper prints: one row per network, its parameters by part, accuracy, energy and time."""
        return paper_table(self.frame)

    @cached_property
    def tests(self) -> pd.DataFrame:
        """The paired tests, `paired_tests`; ConfigError where no two networks have a seed in common."""
        return paired_tests(self.frame, against=self.against)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        ax: Axes | Sequence[Axes] | None = None,
        title: str | None = None,
        labels: Labels = None,
    ) -> Figure:
        """Return the picture, `plot_compare`; write it to `path` where one is given."""
        figure = plot_compare(self.frame, ax=ax, title=title, labels=labels)
        if path is not None:
            write_figure(path_of("path", path), figure)
        return figure

    def to_markdown(self) -> str:
        """Return `table()` as Markdown."""
        return to_markdown(self.table())

    def to_latex(self, caption: str = "", label: str = "") -> str:
        """Return `table()` as LaTeX for the package booktabs; with a `caption` or a `label`, as a floating table."""
        return to_latex(self.table(), caption, label)

    def __repr__(self) -> str:
        notes = "".join(f"{note}\n" for note in self.notes)
        return f"{self.table().to_string(index=False)}\n\n{notes}{self.settings.to_string(index=False)}"

    def _repr_html_(self) -> str:
        parts = [self.table().to_html(index=False), *(f"<p>{escape(note)}</p>" for note in self.notes)]
        parts += ["<p>settings of the trainings that differ:</p>", self.settings.to_html(index=False)]
        try:
            tests = tests_table(self.tests)
        except ConfigError as error:
            parts.append(f"<p>no paired tests: {escape(str(error))}</p>")
        else:
            parts += [tests.to_html(index=False)] if len(tests) else []
        return "\n".join(parts)
