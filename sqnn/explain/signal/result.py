"""What every measure of spike trains returns: frozen numbers with a table and a picture."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 20
"""Rows of a table that a notebook shows."""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Signal(ABC):
    """Base of the results: a subclass states its fields, its `frame`, how it is drawn and one line about itself."""

    size: ClassVar[tuple[float, float]] = (6.0, 3.8)
    """Width and height of a picture of its own, in inches."""

    @property
    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """The numbers as a table."""

    @abstractmethod
    def draw(self, axes: Axes) -> None:
        """Draw the numbers on `axes`."""

    @abstractmethod
    def summary(self) -> str:
        """Say in one line what was measured."""

    def plot(self, ax: Axes | None = None, title: str | None = None) -> Figure:
        """Draw the numbers, on `ax` where given; return the figure."""
        from circuits.plotting import panel

        figure, axes = panel(ax, self.size, title)
        self.draw(axes)
        return figure

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values, tensors as lists."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary()})"

    def _repr_html_(self) -> str:
        return self.frame.to_html(max_rows=MOST_ROWS, index=False, border=0)


def _plain(value: object) -> object:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value.to_dict() if isinstance(value, Signal) else value
