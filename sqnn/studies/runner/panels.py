"""Panels and legends of the studies' pictures, in a figure of their own or in axes of the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from noise_models import Choices
from sqnn.studies.runner.intervals import geometric_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Labels = Mapping[str, str] | None
BANDS: Choices[str] = Choices(
    "bands",
    {
        "t": "95 % intervals",
        "std": "standard deviations",
        "range": "least to largest",
        "none": "",
    },
)
"""What is shaded around a mean."""


class Panels:
    """The axes of a picture and what is common to them.

    `ax` are axes of the caller's, as many as there are panels; without them a figure of this `size` is made, with at
    most `across` panels in a row.
    """

    def __init__(
        self,
        ax: Axes | Sequence[Axes] | None,
        count: int,
        size: tuple[float, float],
        *,
        across: int | None = None,
        labels: Labels = None,
        sharey: bool = False,
    ) -> None:
        from circuits.plotting import Picture

        self.labels = labels or {}
        self.own = ax is None
        self.across = across or count
        if ax is None:
            self.figure: Figure = Picture(figsize=size, layout="constrained")
            down = -(-count // self.across)
            grid = self.figure.subplots(down, self.across, squeeze=False, sharey=sharey).flatten()
            self.axes: list[Axes] = list(grid[:count])
            for unused in grid[count:]:
                unused.set_visible(False)
        else:
            self.axes = _flat(ax)
            if len(self.axes) != count:
                raise ValueError(f"ax: got {len(self.axes)} axes, expected {count}, one per panel")
            self.figure = self.axes[0].get_figure(root=True)  # type: ignore[assignment]

    def label(self, name: str) -> str:
        """Return the label of a name."""
        return self.labels.get(name, name)

    def title(self, text: str | None) -> None:
        """Put a title over a single panel, or over the figure."""
        if text and len(self.axes) == 1:
            self.axes[0].set_title(text, fontsize=10)
        elif text and self.own:
            self.figure.suptitle(text, fontsize=10)
        elif text:
            raise ValueError(f"title: got {text!r} for {len(self.axes)} axes of yours; set the titles on them")

    def legend(self, entries: Mapping[str, Artist], title: str | None = None, columns: int | None = None) -> None:
        """Draw a legend of artists by name, below a figure of our own, or within the last of the caller's axes."""
        words = [self.label(name) for name in entries]
        handles = list(entries.values())
        if not self.own:
            self.axes[-1].legend(handles, words, frameon=False, fontsize=9)
            return
        self.figure.legend(
            handles,
            words,
            loc="outside lower center",
            ncols=columns or len(words),
            title=title,
            title_fontsize=9,
            frameon=False,
            fontsize=9,
        )

    def handles(self) -> dict[str, Artist]:
        """Return the artists of all panels by name, each name once."""
        handles: dict[str, Artist] = {}
        for axes in self.axes:
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(name, handle)
        return handles


def require_spread(bands: str) -> None:
    """Raise ValueError where this study has no such bands."""
    BANDS.pick(bands)
    if bands == "t":
        raise ValueError("bands: got 't', expected range, std or none, which this study draws")


def spread(values: pd.Series, bands: str) -> tuple[float, float]:
    """Return the ends of a band around the geometric mean of values: their range, or one standard deviation of ln."""
    import numpy as np

    positive = values[values > 0]
    if bands == "range" or len(positive) < len(values) or len(values) < 2:
        return float(values.min()), float(values.max())
    mean, factor = geometric_mean(values), float(np.exp(np.log(values).std(ddof=1)))
    return mean / factor, mean * factor


def _flat(ax: object) -> list[Axes]:
    """Return axes, a list of them or an array of them as one list."""
    from matplotlib.axes import Axes

    if isinstance(ax, Axes):
        return [ax]
    if isinstance(ax, str) or not isinstance(ax, Iterable):
        raise ValueError(f"ax: got {ax!r}, expected axes of matplotlib, one per panel")
    return [each for part in ax for each in _flat(part)]
