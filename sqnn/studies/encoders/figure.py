"""Picture of an encoder study: the test accuracy of every training, one panel per variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqnn.studies.encoders.study import CELL, WITHOUT, cell_label
from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"order": "C0", "paper": "C1", "none": "C2"}
TITLES = {"hybrid": "hybrid: both branches", "no-ann": "no-ann: spiking branches alone"}
BAR = 0.32
"""Half the height of the bar at a mean, in rows."""


def plot_encoders(
    frame: pd.DataFrame,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    title: str | None = None,
    labels: Labels = None,
) -> Figure:
    """Draw the rows of an encoder study: a dot per seed, a bar at their mean; each panel has an axis of its own.

    The network without spiking branches stands below the others of every panel.
    """
    variants = [variant for variant in dict.fromkeys(frame.variant) if variant != WITHOUT] or [WITHOUT]
    groups = [frame[frame.variant.isin([variant, WITHOUT])] for variant in variants]
    rows = max(len(part[CELL].drop_duplicates()) for part in groups)
    panels = Panels(ax, len(variants), (6 * len(variants) + 0.5, 0.36 * rows + 1.5), labels=labels)
    for axes, variant, part in zip(panels.axes, variants, groups, strict=True):
        _panel(axes, part, panels)
        axes.set_title(panels.label(TITLES.get(variant, variant)), fontsize=10)
    one = frame.iloc[0]
    if title is not None:
        panels.title(title)
    elif panels.own:
        panels.figure.suptitle(
            f"{one.model}, {one.train_images:,} training images of {one.data}, {one.epochs} epochs; "
            f"surrogate and rescaling; dots: {frame.seed.nunique()} seeds, bars: means",
            fontsize=10,
        )
    return panels.figure


def _panel(axes: Axes, frame: pd.DataFrame, panels: Panels) -> None:
    names = []
    for height, (cell, part) in enumerate(frame.groupby(CELL, sort=False)):
        _, surrogate, rescaling = map(str, cell)
        values = 100 * part.test_accuracy.dropna()
        colour = COLOURS.get(rescaling, "0.35")
        axes.plot(values, [height] * len(values), "o", color=colour, ms=5, alpha=0.6, mew=0)
        if len(values):
            axes.plot([values.mean()] * 2, [height - BAR, height + BAR], color=colour, lw=2.5, solid_capstyle="butt")
        names.append(panels.label(cell_label(surrogate, rescaling, int((part.failure != "").sum()))))
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("test accuracy (%)")
    axes.grid(alpha=0.25)
