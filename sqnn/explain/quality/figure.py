"""Picture of a comparison of methods: differences from the intensity, and badges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnn.explain.quality.badges import BADGES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

KEPT, FAILED, OPEN = ("#2a9d5c", "s"), ("#c8553d", "x"), ("#cccccc", ".")
"""Colour and marker of a badge that a method has, has not, and that was not settled."""


def draw_methods(axes: Axes, badges: Axes, summary: pd.DataFrame, title: str = "") -> None:
    """Draw one network's methods, the best at deletion on top: intervals on `axes`, badges on `badges`."""
    measured = summary[summary.problem == ""].sort_values("deletion", kind="stable")
    lines = range(len(measured))
    looks = {True: KEPT, False: FAILED}
    for y, line in zip(lines, measured.to_dict("records"), strict=True):
        colour = looks.get(line["beats_intensity"], OPEN)[0]
        axes.plot([line["deletion_low"], line["deletion_high"]], [y, y], color=colour, lw=2)
        axes.plot([line["deletion_difference"]], [y], "o", color=colour, ms=5)
        for column, name in enumerate(BADGES):
            held, marker = looks.get(line[name], OPEN)
            badges.plot([column], [y], marker, color=held, ms=8, mew=2)
    axes.axvline(0, color="black", lw=0.8, ls=":")
    axes.set_yticks(lines, list(measured.method))
    axes.set(xlabel="deletion, minus that of the intensity", title=title, ylim=(len(measured) - 0.5, -0.5))
    axes.grid(alpha=0.25, axis="x")
    badges.set_xticks(range(len(BADGES)), [name.replace("_", "\n") for name in BADGES], fontsize=7)
    badges.set_yticks([])
    badges.set(xlim=(-0.5, len(BADGES) - 0.5), ylim=(len(measured) - 0.5, -0.5))
    for side in ("top", "right", "left", "bottom"):
        badges.spines[side].set_visible(False)
