"""Strip plot of a seed study: a dot per training, one column per variant and number of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, BAR = 0.32, 0.38
"""Half the width of a column of dots, and of the line at its mean; columns are 1 apart."""
BINS = 40
"""Heights of the axis within which dots stand side by side."""
TURNED = 6
"""From so many columns on their names are turned."""


def plot_seeds(
    frame: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None, labels: Labels = None
) -> Figure:
    """Draw the test accuracy of every training, lines at the means and at the chance level.

    Where chance lies far below all trainings, the axis leaves it out and its label says so. Trainings that collapsed
    are crosses; those without an accuracy are counted below their column.
    """
    groups = [
        (str(variant), str(threads), part)
        for variant, group in frame.groupby("variant", sort=False)
        for threads, part in group.groupby("threads")
    ]
    wide = max(4.6, 1.4 + min(0.95, 0.62 + 2 / len(groups)) * len(groups))
    panels = Panels(None if ax is None else [ax], 1, (wide, 4.4), labels=labels)
    (axes,) = panels.axes
    values = 100 * frame.test_accuracy.dropna()
    chance = 100 / frame.classes.iloc[0]
    low, high = (values.min(), values.max()) if len(values) else (chance, chance)
    shown = chance > low - max(high - low, 1.0)
    bottom = min(low, chance) if shown else low
    margin = 0.08 * max(high - bottom, 1.0)
    axes.set_ylim(bottom - margin, high + margin)
    names = []
    for place, (variant, threads, part) in enumerate(groups):
        accuracies = 100 * part.test_accuracy
        colour = f"C{list(dict.fromkeys(frame.variant)).index(variant) % 10}"
        across = place + _beside(accuracies.to_numpy(), (high - bottom + 2 * margin) / BINS)
        for collapsed, marker in ((0, "o"), (1, "x")):
            chosen = (part.collapsed == collapsed).to_numpy()
            axes.plot(
                across[chosen],
                accuracies[chosen],
                marker,
                color=colour,
                ms=5,
                alpha=0.65,
                mew=0 if marker == "o" else 1.5,
            )
        if accuracies.notna().any():
            axes.plot([place - BAR, place + BAR], [accuracies.mean()] * 2, color="0.15", lw=1.8, zorder=3)
        missing = int(accuracies.isna().sum())
        names.append(_name(panels.label(variant), threads, frame) + (f"\n({missing} failed)" if missing else ""))
    if shown:
        axes.axhline(chance, color="0.5", ls="--", lw=1)
        axes.annotate(
            f"chance, {chance:.3g} %",
            (0.995, chance),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=8,
            color="0.35",
        )
    turned = len(groups) > TURNED
    axes.set_xticks(
        range(len(groups)),
        names,
        rotation=35 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor" if turned else "default",
        fontsize=9,
    )
    axes.set_xlim(-0.6, len(groups) - 0.4)
    varied = [name for name in ("variant", "threads") if frame[name].nunique() > 1] or ["threads"]
    axes.set_xlabel(", ".join(varied) + ("" if shown else f"\n(chance: {chance:.3g} %, below this axis)"))
    axes.set_ylabel("test accuracy (%)")
    axes.grid(axis="y", alpha=0.25)
    if title is not None:
        panels.title(title)
    elif panels.own:
        one = frame.iloc[0]
        axes.set_title(f"{_one(frame.model)} on {one.data}: {len(frame)} trainings, lines at the means", fontsize=10)
    return panels.figure


def _name(variant: str, threads: str, frame: pd.DataFrame) -> str:
    number = f"{threads} thread{'' if threads == '1' else 's'}"
    if frame.variant.nunique() == 1:
        return number
    return variant if frame.threads.nunique() == 1 else f"{variant}, {threads}"


def _one(column: pd.Series) -> str:
    return ", ".join(dict.fromkeys(map(str, column)))


def _beside(values: np.ndarray, height: float) -> np.ndarray:
    """Return where dots stand across their column, so that those of nearly one height stand side by side."""
    import numpy as np

    across = np.zeros(len(values))
    order = [number for number in np.argsort(values, kind="stable") if np.isfinite(values[number])]
    row: list[int] = []
    for number in [*order, None]:
        if row and (number is None or values[number] - values[row[0]] > height):
            step = min(2 * COLUMN / max(len(row) - 1, 1), 0.12)
            across[row] = step * (np.arange(len(row)) - (len(row) - 1) / 2)
            row = []
        if number is not None:
            row.append(int(number))
    return across
