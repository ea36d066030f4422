"""The picture of an encoder study: the test accuracy of every training, one panel a variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sqnn.studies.encoders.study import CELL, WITHOUT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"order": "C0", "paper": "C1", "none": "C2"}
TITLES = {"hybrid": "hybrid: both branches", "no-ann": "no-ann: spiking branches alone"}
BAR = 0.32
"""Half the height of the bar at a mean, in rows."""


def plot_encoders(frame: pd.DataFrame) -> Figure:
    """Draw the rows of an encoder study: a dot a seed, a bar at their mean; each panel has an axis of its own.

    The network without spiking branches stands below the others of every panel.
    """
    from circuits.plotting import Picture

    variants = [variant for variant in dict.fromkeys(frame.variant) if variant != WITHOUT]
    panels = variants or [WITHOUT]
    groups = [frame[frame.variant.isin([variant, WITHOUT])] for variant in panels]
    rows = max(len(part[CELL].drop_duplicates()) for part in groups)
    figure = Picture(figsize=(6 * len(panels) + 0.5, 0.36 * rows + 1.5), layout="constrained")
    for axes, variant, part in zip(
        figure.subplots(1, len(panels), squeeze=False).flatten(), panels, groups, strict=True
    ):
        _panel(axes, part)
        axes.set_title(TITLES.get(variant, variant), fontsize=10)
    one = frame.iloc[0]
    figure.suptitle(
        f"{one.model}, {one.train_images:,} training images of {one.data}, {one.epochs} epochs; "
        f"surrogate and rescaling; dots: {frame.seed.nunique()} seeds, bars: means",
        fontsize=10,
    )
    return figure


def cell_label(surrogate: str, rescaling: str, failures: int = 0) -> str:
    """Return how a cell is called beside its variant."""
    if not surrogate:
        return "no spiking branch"
    failed = f" ({failures} failed)" if failures else ""
    return f"{surrogate}, {rescaling}{failed}"


def _panel(axes: Axes, frame: pd.DataFrame) -> None:
    labels = []
    for height, (names, part) in enumerate(frame.groupby(CELL, sort=False)):
        _, surrogate, rescaling = map(str, names)
        values = 100 * part.test_accuracy.dropna()
        colour = COLOURS.get(rescaling, "0.35")
        axes.plot(values, [height] * len(values), "o", color=colour, ms=5, alpha=0.6, mew=0)
        if len(values):
            axes.plot([values.mean()] * 2, [height - BAR, height + BAR], color=colour, lw=2.5, solid_capstyle="butt")
        labels.append(cell_label(surrogate, rescaling, int((part.failure != "").sum())))
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel("test accuracy (%)")
    axes.grid(alpha=0.25)
