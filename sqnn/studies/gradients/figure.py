"""Picture of a gradient study: loss against circuits, against seconds, and by initialisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqnn.studies.runner import Labels, Panels, geometric_mean, require_spread, spread

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1)))
"""Exact rules take the same path: line styles keep the ones beneath visible."""


def plot_gradients(
    frame: pd.DataFrame,
    *,
    ax: Sequence[Axes] | None = None,
    title: str | None = None,
    labels: Labels = None,
    bands: str = "range",
) -> Figure:
    """Draw the three panels of a study's rows; lines are geometric means over the seeds.

    `bands`: their range, one geometric standard deviation (std), or none.
    """
    require_spread(bands)
    panels = Panels(ax, 3, (14.5, 5), labels=labels)
    by_circuits, by_seconds, by_initial = panels.axes
    algorithm, initial = frame.algorithm.iloc[0], frame.initial.iloc[0]
    algorithms = frame[(frame.initial == initial) & (frame.step > 0)]
    cosines = {str(name): value for name, value in algorithms.groupby("algorithm").cosine.mean().items()}
    names = {name: f"{panels.label(name)} ({value:.2f})" for name, value in cosines.items()}
    _curves(by_circuits, algorithms, "algorithm", "executions", names, bands)
    by_circuits.set_xscale("log")
    by_circuits.set_xlabel("circuits executed")
    by_circuits.set_title(f"by algorithm, {panels.label(initial)} start", fontsize=10)
    _curves(by_seconds, algorithms, "algorithm", "seconds", panels.labels, bands)
    by_seconds.set_xscale("log")
    by_seconds.set_xlabel("wall time (s)")
    by_seconds.set_title("the same against time", fontsize=10)
    _curves(by_initial, frame[frame.algorithm == algorithm], "initial", "step", panels.labels, bands)
    by_initial.set_xlabel("step")
    by_initial.set_title(f"by initialisation, {panels.label(algorithm)}", fontsize=10)
    for axes in panels.axes:
        axes.set_yscale("log")
        axes.set_ylabel("mean squared error of $\\langle Z\\rangle$")
        axes.grid(alpha=0.25)
    panels.title(title)
    heading = "algorithm (mean cosine of its gradient with the exact one)"
    lines, words = by_circuits.get_legend_handles_labels()
    if panels.own:
        options = {"ncols": len(words), "frameon": False, "title": heading}
        panels.figure.legend(lines, words, loc="outside lower left", **options)
    else:
        by_circuits.legend(lines, words, frameon=False, fontsize=8)
    by_initial.legend(frameon=False, fontsize=8)
    return panels.figure


def _curves(axes: Axes, frame: pd.DataFrame, key: str, across: str, labels: Labels, bands: str) -> None:
    for number, (name, part) in enumerate(frame.groupby(key, sort=False)):
        steps = part.groupby("step")
        place, losses = steps[across].mean(), steps.loss
        colour, label = f"C{number}", (labels or {}).get(str(name), str(name))
        axes.plot(place, losses.agg(geometric_mean), color=colour, ls=LINES[number % len(LINES)], lw=1.8, label=label)
        if bands != "none":
            low, high = zip(*(spread(values, bands) for _, values in losses), strict=True)
            axes.fill_between(place, low, high, color=colour, alpha=0.12, lw=0)
