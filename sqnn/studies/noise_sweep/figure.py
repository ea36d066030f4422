"""The picture of a noise sweep: accuracy against strength, one panel a noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from noise_models import strength_label
from sqnn.studies.noise_sweep.summary import line_names, summarise_sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1)))
"""Engines that agree draw the same curve: line styles keep the ones beneath visible."""
MARKERS = "osD^vP"
OVER = {"networks": "networks", "draws": "draws of the shots", "images": "images (Wilson)"}
MAX_COLUMNS = 4


def plot_sweep(frame: pd.DataFrame) -> Figure:
    """Draw the rows of a results table: mean accuracy against strength, bands are 95 % intervals.

    One panel a noise and one line an engine and training noise; the intervals are those of `summarise_sweep`. The
    dotted line is the accuracy of guessing among equally likely classes.
    """
    from circuits.plotting import Picture

    summary = summarise_sweep(frame)
    summary = summary.assign(line=line_names(summary))
    noises = list(dict.fromkeys(summary.noise))
    lines = list(dict.fromkeys(summary.line))
    across = min(len(noises), MAX_COLUMNS)
    down = -(-len(noises) // across)
    figure = Picture(figsize=(max(3.6 * across, 5.2), 3.3 * down + 0.8), layout="constrained")
    panels = figure.subplots(down, across, sharey=True, squeeze=False).flatten()
    for axes, noise in zip(panels, noises, strict=False):
        _panel(axes, noise, summary[summary.noise == noise], lines)
        for classes in sorted(set(frame[frame.noise == noise].classes.dropna())):
            axes.axhline(100 / classes, color="0.4", lw=1, ls=":", label="guessing", zorder=1)
    for axes in panels[len(noises) :]:
        axes.set_visible(False)
    for row in range(down):
        panels[row * across].set_ylabel("accuracy (%)")
    handles: dict[str, Any] = {}
    for axes in panels[: len(noises)]:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    order = sorted(handles, key=lambda label: label == "guessing")
    over = " and ".join(OVER[name] for name in dict.fromkeys(summary.over))
    figure.legend(
        [handles[label] for label in order],
        order,
        loc="outside lower center",
        ncols=min(len(order), 2 * across),
        frameon=False,
        title=f"{_images(frame)}; bands: 95 % over {over}",
        title_fontsize=9,
        fontsize=9,
    )
    return figure


def _panel(axes: Axes, noise: str, rows: pd.DataFrame, lines: list[str]) -> None:
    for number, name in enumerate(lines):
        part = rows[rows.line == name].sort_values("strength")
        if part.empty:
            continue
        style: dict[str, Any] = {
            "color": f"C{number}",
            "ls": LINES[number % len(LINES)],
            "marker": MARKERS[number % len(MARKERS)],
        }
        axes.plot(part.strength, 100 * part.accuracy, lw=1.8, ms=4, label=name, zorder=3, **style)
        axes.fill_between(part.strength, 100 * part.low, 100 * part.high, color=f"C{number}", alpha=0.15, lw=0)
    axes.set_title(noise if len(noise) <= 40 else f"{noise[:37]}...", fontsize=10)
    axes.set_xlabel(strength_label(noise))
    axes.grid(alpha=0.25)


def _images(frame: pd.DataFrame) -> str:
    kinds = frame[["data", "split", "images"]].drop_duplicates().itertuples(index=False)
    return ", ".join(f"{row.images:,} {row.split} images of {row.data}" for row in kinds)
