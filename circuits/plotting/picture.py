"""The figure that every plot of the package returns."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

NOTEBOOK_DPI = 100


class Picture(Figure):
    """A matplotlib figure that shows itself in a notebook, without pyplot and its global state."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=NOTEBOOK_DPI)
        return buffer.getvalue()
