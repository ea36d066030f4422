"""The figure that every plot of the package returns."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NOTEBOOK_DPI = 100
TRUETYPE = 42
"""Font type of PDF and PostScript whose text stays editable: journals refuse matplotlib's default, Type 3."""


class Picture(Figure):
    """A matplotlib figure that shows itself in a notebook, without pyplot and its global state."""

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Save as matplotlib's figures do, with TrueType fonts in PDF and PostScript."""
        with matplotlib.rc_context({"pdf.fonttype": TRUETYPE, "ps.fonttype": TRUETYPE}):
            super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=NOTEBOOK_DPI)
        return buffer.getvalue()


def panel(ax: Axes | None, figsize: tuple[float, float], title: str | None = None) -> tuple[Figure, Axes]:
    """Return the figure of `ax` and `ax`, titled, or those of a new picture of `figsize` inches where it is None."""
    axes = Picture(figsize=figsize, layout="constrained").subplots() if ax is None else ax
    if title is not None:
        axes.set_title(title, fontsize=10)
    return (axes.figure if isinstance(axes.figure, Figure) else axes.figure.figure), axes
