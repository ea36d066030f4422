"""The picture of a gradient study: loss against circuits, against seconds, and by initialisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sqnn.studies.gradients.study import geometric_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1)))
"""Exact rules take the same path: line styles keep the ones beneath visible."""


def plot_gradients(frame: pd.DataFrame) -> Figure:
    """Draw the three panels of a study's rows; lines are geometric means over the seeds, bands their range."""
    from circuits.plotting import Picture

    figure = Picture(figsize=(14.5, 5), layout="constrained")
    by_circuits, by_seconds, by_initial = figure.subplots(1, 3)
    algorithm, initial = frame.algorithm.iloc[0], frame.initial.iloc[0]
    algorithms = frame[(frame.initial == initial) & (frame.step > 0)]
    _curves(by_circuits, algorithms, "algorithm", "executions", _cosines(algorithms))
    by_circuits.set_xscale("log")
    by_circuits.set_xlabel("circuits executed")
    by_circuits.set_title(f"by algorithm, {initial} start", fontsize=10)
    _curves(by_seconds, algorithms, "algorithm", "seconds")
    by_seconds.set_xscale("log")
    by_seconds.set_xlabel("wall time (s)")
    by_seconds.set_title("the same against time", fontsize=10)
    _curves(by_initial, frame[frame.algorithm == algorithm], "initial", "step")
    by_initial.set_xlabel("step")
    by_initial.set_title(f"by initialisation, {algorithm}", fontsize=10)
    for axes in (by_circuits, by_seconds, by_initial):
        axes.set_yscale("log")
        axes.set_ylabel("mean squared error of $\\langle Z\\rangle$")
        axes.grid(alpha=0.25)
    title = "algorithm (mean cosine of its gradient with the exact one)"
    lines, labels = by_circuits.get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower left", ncols=len(labels), frameon=False, title=title)
    by_initial.legend(frameon=False, fontsize=8)
    return figure


def _cosines(frame: pd.DataFrame) -> dict[str, str]:
    means = frame.groupby("algorithm").cosine.mean()
    return {str(name): f"{name} ({value:.2f})" for name, value in means.items()}


def _curves(axes: Axes, frame: pd.DataFrame, key: str, across: str, labels: dict[str, str] | None = None) -> None:
    for number, (name, part) in enumerate(frame.groupby(key, sort=False)):
        steps = part.groupby("step")
        place, loss = steps[across].mean(), steps.loss
        colour, label = f"C{number}", (labels or {}).get(str(name), str(name))
        line = LINES[number % len(LINES)]
        axes.plot(place, loss.agg(geometric_mean), color=colour, ls=line, lw=1.8, label=label)
        axes.fill_between(place, loss.min(), loss.max(), color=colour, alpha=0.12, lw=0)
