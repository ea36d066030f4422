"""Picture of a plasticity study: accuracy against the steps read, and against hidden spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqnn.studies.plasticity.study import CLEAN, LAST
from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_plasticity(
    frame: pd.DataFrame, *, ax: Axes | Sequence[Axes] | None = None, title: str | None = None, labels: Labels = None
) -> Figure:
    """Draw the test accuracy by the step of reading (mean and range over seeds), and each training by its spikes."""
    panels = Panels(ax, 2, (10.5, 4.0), labels=labels)
    early, cost = panels.axes
    clean = frame[(frame.noise == CLEAN) & (frame.failure == "")]
    for number, (variant, part) in enumerate(clean.groupby("variant", sort=False)):
        colour, name = f"C{number % 10}", panels.label(str(variant))
        steps = part[~part["read"].str.startswith("confidence")].groupby("steps").test_accuracy
        middle, least, largest = (100 * getattr(steps, how)() for how in ("mean", "min", "max"))
        early.plot(middle.index, middle, "-", color=colour, label=name)
        early.fill_between(middle.index, least, largest, color=colour, alpha=0.2, lw=0)
        last = part[part["read"] == LAST]
        cost.plot(last.hidden_spikes, 100 * last.test_accuracy, "o", color=colour, ms=6, alpha=0.7, mew=0, label=name)
    early.set_xlabel("step after which the answer is read")
    early.set_ylabel("test accuracy (%)")
    cost.set_xlabel("hidden spikes per image")
    cost.set_ylabel("test accuracy after the last step (%)")
    cost.set_xlim(left=0)
    for axes in (early, cost):
        axes.grid(alpha=0.25)
    early.legend(frameon=False, fontsize=9)
    if title is not None:
        panels.title(title)
    elif panels.own:
        one = frame.iloc[0]
        panels.figure.suptitle(
            f"{one.data}, {one.epochs} epochs, {frame.seed.nunique()} seeds; bands and dots: all seeds", fontsize=10
        )
    return panels.figure
