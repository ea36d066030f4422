"""The picture of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sqnn.core import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK = 55
"""Percent above which a cell is dark enough for white digits."""


def draw_confusion(axes: Axes, counts: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> None:
    """Draw counts of images, true classes in rows, in percent of each row, with a colour bar beside `axes`."""
    table = np.asarray(counts)
    percent = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(percent):
        if table[row, column]:
            colour = "white" if value > DARK else "black"
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    turn = 45 if max(map(len, classes)) > 3 else 0
    axes.set_xticks(range(len(classes)), classes, rotation=turn, ha="right" if turn else "center")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(title, fontsize=10)
    figure_of(axes).colorbar(image, ax=axes, label="% of the true class", shrink=0.9)


def figure_of(axes: Axes) -> Figure:
    """Return the figure that the axes are a part of; ConfigError where there is none."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ConfigError("ax: got axes without a figure, expected those of plt.subplots or of a figure of yours")
    return figure
