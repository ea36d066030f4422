"""Picture of a noise sweep: accuracy against strength, one panel per noise."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from noise_models import strength_label
from sqnn.core import counted
from sqnn.studies.noise_sweep.summary import LINE, line_key, summarise_sweep
from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1)))
"""Engines that agree draw the same curve: line styles keep the ones beneath visible."""
MARKERS = "osD^vP"
OVER = {"networks": "networks", "draws": "draws of the shots", "images": "images (Wilson)"}
MAX_COLUMNS = 4
BANDS = {"t": "95 % over", "std": "standard deviation over", "range": "least to largest of"}
CHANCE = "chance level"
LEAST_ROWS = 3
"""Noises that differ in one number from which a heat map is drawn."""
LONG_WORD = 14
"""Letters of a noise's name above which the names on the axis are turned."""
DODGE = 0.12
"""Distance between the points of neighbouring lines over one noise, in noises."""


def plot_sweep(
    frame: pd.DataFrame,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    title: str | None = None,
    labels: Labels = None,
    bands: str = "t",
    individual: bool = True,
    heat_map: bool = True,
) -> Figure:
    """Draw the rows of a results table: mean accuracy against strength.

    One panel per noise and one line per engine and training noise; several noises at one strength are points in one
    panel. Noises that differ in one number, three of them or more, are a heat map: that number over the strength;
    `heat_map=False` draws their panels.
    `bands` are those of `summarise_sweep`: 95 % intervals (t), standard deviations (std), least to largest
    (range) or none; `individual` adds a thin line for each of several networks. The dotted line is the accuracy of
    guessing among equally likely classes. `ax` are axes of the caller's, one per panel; `labels` replace the names of
    lines and noises.
    """
    summary = summarise_sweep(frame, bands)
    noises, lines = list(dict.fromkeys(summary.noise)), list(dict.fromkeys(summary.line))
    grids = _grids(noises) if heat_map and summary.strength.nunique() > 1 else {}
    if grids:
        return _heat_maps(
            summary,
            grids,
            lines,
            Panels(ax, len(grids) * len(lines), _size(grids, lines), across=len(lines), labels=labels),
            title,
            _images(frame),
        )
    points = len(noises) > 1 and summary.groupby("noise").strength.nunique().max() == 1
    count = 1 if points else len(noises)
    across = min(count, MAX_COLUMNS)
    width = max(0.9 * len(noises) + 1.5, 5.2) if points else max(3.6 * across, 5.2)
    size = (width, 3.3 * -(-count // across) + 0.8)
    panels = Panels(ax, count, size, across=across, labels=labels, sharey=True)
    if points:
        _points(panels, summary, noises, lines)
    else:
        for axes, noise in zip(panels.axes, noises, strict=True):
            if individual:
                _networks(axes, frame[frame.noise == noise], summary[summary.noise == noise], lines)
            _panel(axes, noise, summary[summary.noise == noise], lines, panels)
    for axes, part in zip(panels.axes, [frame] if points else [frame[frame.noise == n] for n in noises], strict=True):
        for classes in sorted(set(part.classes.dropna())):
            axes.axhline(100 / classes, color="0.4", lw=1, ls=":", label=CHANCE, zorder=1)
        axes.grid(alpha=0.25)
    for axes in panels.axes[:: panels.across] if panels.own else panels.axes:
        axes.set_ylabel("accuracy (%)")
    panels.title(title)
    handles = panels.handles()
    entries = {name: handles[name] for name in sorted(handles, key=lambda name: name == CHANCE)}
    seen = [name for name in dict.fromkeys(summary.over) if bands == "t" or name != "images"]
    shaded = f"; bands: {BANDS[bands]} {' and '.join(OVER[name] for name in seen)}" if seen and bands in BANDS else ""
    heading = _images(frame) + shaded
    panels.legend(entries, heading, min(len(entries), 2 * across))
    return panels.figure


_NUMBER = re.compile(r"(?<![\w.])[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?(?![\w.])")


def _grids(noises: Sequence[str]) -> dict[tuple[str, str], dict[float, str]]:
    """Return the noises that differ in one number alone, by the text before and after it; nothing where any do not."""
    if len(noises) < LEAST_ROWS:
        return {}
    grids: dict[tuple[str, str], dict[float, str]] = {}
    split = [[(n[: m.start()], n[m.end() :], float(m[0])) for m in _NUMBER.finditer(n)] for n in noises]
    frames = [{(before, after) for before, after, _ in each} for each in split]
    for noise, each in zip(noises, split, strict=True):
        shared = [sum((before, after) in frame for frame in frames) for before, after, _ in each]
        if not shared or max(shared) < LEAST_ROWS:
            return {}
        before, after, value = each[shared.index(max(shared))]
        grids.setdefault((before, after), {})[value] = noise
    return grids


def _size(grids: Mapping[tuple[str, str], object], lines: Sequence[str]) -> tuple[float, float]:
    return 4.6 * len(lines) + 0.6, 3.6 * len(grids) + 0.4


def _heat_maps(
    summary: pd.DataFrame,
    grids: Mapping[tuple[str, str], Mapping[float, str]],
    lines: Sequence[str],
    panels: Panels,
    title: str | None,
    images: str,
) -> Figure:
    """Draw accuracies by strength (across) and the number in which noises differ (up), one panel per line."""
    scale = {"vmin": 100 * summary.accuracy.min(), "vmax": 100 * summary.accuracy.max(), "cmap": "viridis"}
    for axes, ((before, after), line) in zip(panels.axes, product(grids, lines), strict=True):
        rows = grids[before, after]
        part = summary[summary.noise.isin(list(rows.values())) & (summary.line == line)]
        wide = 100 * part.pivot(index="noise", columns="strength", values="accuracy")
        wide = wide.sort_index(axis="columns").loc[[rows[value] for value in sorted(rows) if rows[value] in wide.index]]
        across, up = wide.columns.astype(float), [v for v in sorted(rows) if rows[v] in wide.index]
        mesh = axes.pcolormesh(range(len(across)), range(len(up)), wide.to_numpy(float), shading="nearest", **scale)
        axes.set_xticks(range(len(across)), [f"{value:g}" for value in across], fontsize=9)
        axes.set_yticks(range(len(up)), [f"{value:g}" for value in up], fontsize=9)
        axes.set_xlabel(strength_label(rows[up[0]]))
        axes.set_ylabel(_second_label(before, after))
        words = [_short(panels.label(f"{before}...{after}"))] + ([panels.label(line)] if len(lines) > 1 else [])
        axes.set_title(", ".join(words), fontsize=10)
        panels.figure.colorbar(
            mesh, ax=axes, label=f"accuracy (%), {images}" if len(panels.axes) == 1 else "accuracy (%)"
        )
    panels.title(title)
    return panels.figure


def _second_label(before: str, after: str) -> str:
    """Return what a number within the name of a noise is: the strength of its kind, or the second argument."""
    kind = re.split(r"[+*(\s]", before)[-1].partition(":")
    label = strength_label(kind[0] + (f":{after.lstrip(',')}" if after.startswith(",") else ""))
    return label if kind[1] else "second strength"


def _style(number: int) -> dict[str, Any]:
    marker = MARKERS[number % len(MARKERS)]
    return {"color": f"C{number}", "ls": LINES[number % len(LINES)], "marker": marker, "ms": 4, "zorder": 3}


def _panel(axes: Axes, noise: str, rows: pd.DataFrame, lines: list[str], panels: Panels) -> None:
    for number, name in enumerate(lines):
        part = rows[rows.line == name].sort_values("strength")
        if part.empty:
            continue
        axes.plot(part.strength, 100 * part.accuracy, lw=1.8, label=name, **_style(number))
        if (part.low < part.high).any():
            axes.fill_between(part.strength, 100 * part.low, 100 * part.high, color=f"C{number}", alpha=0.15, lw=0)
    axes.set_title(_short(panels.label(noise)), fontsize=10)
    axes.set_xlabel(strength_label(noise))


def _networks(axes: Axes, frame: pd.DataFrame, summary: pd.DataFrame, lines: list[str]) -> None:
    """Draw one thin line per network where a line of the picture is a mean of several."""
    several = summary[summary.networks > 1]
    names = dict(zip(map(line_key, several[LINE].to_numpy()), several.line, strict=True))
    for line, part in frame.groupby([*LINE, "model"], sort=False, dropna=False):
        name = names.get(line_key(line[:-1]))
        if name is not None:
            accuracies = 100 * part.groupby("strength").accuracy.mean()
            number = lines.index(name)
            axes.plot(accuracies.index, accuracies, color=f"C{number}", lw=0.7, alpha=0.45, zorder=2)


def _points(panels: Panels, summary: pd.DataFrame, noises: list[str], lines: list[str]) -> None:
    (axes,) = panels.axes
    for number, name in enumerate(lines):
        part = summary[summary.line == name]
        places = [noises.index(noise) + DODGE * (number - (len(lines) - 1) / 2) for noise in part.noise]
        spread = [100 * (part.accuracy - part.low).clip(lower=0), 100 * (part.high - part.accuracy).clip(lower=0)]
        style = {**_style(number), "ls": ""}
        axes.errorbar(places, 100 * part.accuracy, spread, capsize=3, label=name, **style)
    words = [_short(panels.label(noise)) for noise in noises]
    ticks = axes.set_xticks(range(len(noises)), words, fontsize=9)
    if max(map(len, words)) > LONG_WORD:
        for tick in ticks:
            tick.label1.set(rotation=30, ha="right")
    axes.set_xlim(-0.5, len(noises) - 0.5)
    strengths = sorted(set(summary.strength))
    if len(strengths) == 1:
        axes.set_xlabel(f"noise, at strength {strengths[0]:g}")


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:37]}..."


def _images(frame: pd.DataFrame) -> str:
    kinds = frame[["data", "split", "images"]].drop_duplicates().to_numpy().tolist()
    return ", ".join(f"{counted(images, f'{split} image')} of {data}" for data, split, images in kinds)
