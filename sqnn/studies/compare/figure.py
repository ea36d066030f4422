"""Picture of a comparison: accuracy against what it costs, with the Pareto front, and against images and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqnn.core import counted, require
from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Axis(NamedTuple):
    """What a panel has from left to right: the column, its unit in the column's, its label, and whether it is a cost.

    Costs are drawn one point per network, with the Pareto front; others as a line per network.
    """

    column: str
    unit: float
    label: str
    cost: bool


class Look(NamedTuple):
    """Colour and marker of a network."""

    color: str
    marker: str


AXES: Sequence[Axis] = (
    Axis("parameters", 1, "trainable parameters", True),
    Axis("energy", 1e3, "energy per image (nJ), without the circuit", True),
    Axis("seconds", 1, "time of training (s)", True),
    Axis("train_images", 1, "training images", False),
    Axis("noise", 1, "standard deviation of the noise on test images", False),
)
MARKERS = "osD^vP"
"""Markers of the networks, a new one after every ten colours."""
WIDTH, HEIGHT = 3.9, 3.5
"""Inches of a panel."""
BESIDE = 1.005
"""Factor between the places of networks of the same cost."""
LARGE_SHARE = 10
"""From this ratio of the largest to the smallest on, an axis is logarithmic where it need not be."""


def plot_compare(
    frame: pd.DataFrame,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    title: str | None = None,
    labels: Labels = None,
) -> Figure:
    """Draw the test accuracy of networks against parameters, energy and time of training, one row per image set.

    Points are means over the seeds, bars reach from the least to the largest; costs are logarithmic, and the grey line
    joins the networks that no other beats at no more cost (Pareto front). The costs are those on all training images
    and clean test images; where there are several numbers of training images, or several strengths of noise, a panel
    shows the accuracy against them. Costs that no row has are left out. `ax` are axes of the caller's, one per panel.

    Raises ConfigError where no row has an accuracy.
    """
    frame = frame[frame.test_accuracy.notna()]
    require(len(frame) > 0, "frame", "no rows with an accuracy", "some")
    sets = list(dict.fromkeys(frame.data)) if "data" in frame else [""]
    axes = [axis for axis in AXES if _drawn(axis, frame)]
    down, across = len(sets), len(axes)
    size = (max(4.6, WIDTH * across), HEIGHT * down + 0.5)
    panels = Panels(ax, down * across, size, across=across, labels=labels)
    models = list(dict.fromkeys(frame.model))
    looks = {model: Look(f"C{k % 10}", MARKERS[k // 10 % len(MARKERS)]) for k, model in enumerate(models)}
    for row, name in enumerate(sets):
        part = frame[frame.data == name] if name else frame
        for column, axis in enumerate(axes):
            place = panels.axes[row * across + column]
            (_draw_costs if axis.cost else _draw_lines)(place, _chosen(part, axis), axis, looks)
            place.set_xlabel(axis.label)
            place.set_ylabel("test accuracy (%)" if column == 0 else "")
            place.grid(alpha=0.25)
            if down > 1:
                place.set_title(name, fontsize=10)
    columns = min(len(models) + 1, max(2, int(size[0] / 1.9)))
    panels.legend(panels.handles(), columns=columns)
    if title is None and panels.own:
        seeds = counted(int(frame.groupby("model").seed.nunique().max()), "seed") if "seed" in frame else "seeds"
        spread = "one seed" if seeds == "1 seed" else f"means and ranges over {seeds}"
        title = f"{sets[0]}: " * (down == 1 and bool(sets[0])) + spread
    panels.title(title)
    return panels.figure


def pareto(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Return the positions of those that no other equals or beats in both cost and gain, cheapest first."""
    front: list[int] = []
    for number in sorted(range(len(costs)), key=lambda number: (costs[number], -gains[number])):
        if not front or gains[number] > gains[front[-1]]:
            front.append(number)
    return front


def _drawn(axis: Axis, frame: pd.DataFrame) -> bool:
    """Say whether the rows have what a panel shows."""
    if axis.column not in frame:
        return False
    return bool((frame[axis.column] > 0).any()) if axis.cost else frame[axis.column].nunique() > 1


def _chosen(part: pd.DataFrame, axis: Axis) -> pd.DataFrame:
    """Return the rows of a panel: those on clean test images and on the most training images, where it shows others."""
    if axis.column != "noise" and "noise" in part:
        part = part[part.noise == part.noise.min()]
    if axis.column != "train_images" and "train_images" in part:
        part = part[part.train_images == part.train_images.max()]
    return part


def _draw_costs(axes: Axes, part: pd.DataFrame, axis: Axis, looks: dict[str, Look]) -> None:
    part = part[part[axis.column] > 0]
    costs: list[float] = []
    means: list[float] = []
    for model, rows in part.groupby("model", sort=False):
        cost, accuracy = float(rows[axis.column].mean()) / axis.unit, 100 * rows.test_accuracy
        low, high = float(accuracy.min()), float(accuracy.max())
        look = looks[str(model)]
        # Networks of the same cost stand side by side.
        place = cost * BESIDE ** costs.count(cost)
        axes.plot([place, place], [low, high], "-", color=look.color, lw=1.5, alpha=0.6)
        axes.plot(place, accuracy.mean(), look.marker, color=look.color, ms=6, label=str(model))
        costs.append(cost)
        means.append(float(accuracy.mean()))
    axes.set_xscale("log")
    if costs and max(costs) < 2 * min(costs):
        # Within a factor of two a logarithmic axis has hardly a tick.
        axes.set_xlim(min(costs) / 1.5, max(costs) * 1.5)
    _plain_ticks(axes)
    if len(costs) > 1:
        front, limits = pareto(costs, means), axes.get_xlim()
        steps = [costs[number] for number in front] + [limits[1]]
        heights = [means[number] for number in front] + [means[front[-1]]]
        axes.step(steps, heights, where="post", color="0.6", lw=1, ls="--", zorder=1, label="Pareto front")
        axes.set_xlim(limits)


def _draw_lines(axes: Axes, part: pd.DataFrame, axis: Axis, looks: dict[str, Look]) -> None:
    for model, rows in part.groupby("model", sort=False):
        groups = (100 * rows.test_accuracy).groupby(rows[axis.column])
        middle, low, high = groups.mean(), groups.min(), groups.max()
        look = looks[str(model)]
        axes.fill_between(middle.index, low, high, color=look.color, alpha=0.15, lw=0)
        axes.plot(middle.index, middle, f"{look.marker}-", color=look.color, ms=4, label=str(model))
    values = part[axis.column]
    if values.min() > 0 and values.max() >= LARGE_SHARE * values.min():
        axes.set_xscale("log")
        _plain_ticks(axes)


def _plain_ticks(axes: Axes) -> None:
    """Write the numbers of a logarithmic axis out, up to a few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    low, high = axes.get_xlim()
    if high < LARGE_SHARE * low:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 100 else f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
