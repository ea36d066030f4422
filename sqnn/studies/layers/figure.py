"""Picture of a layer study: gradient against depth, one panel per variant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqnn.studies.layers.study import summarise_layers
from sqnn.studies.runner import Labels, Panels, require_spread, spread

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BRANCH_STYLES = {"snn": ("-", "spiking branch"), "ann": ("--", "ordinary branch")}
MARKERS = "osD^v"
TITLES = {"hybrid": "hybrid: both branches", "no-ann": "no-ann: spiking branches alone"}
DODGE = 0.09
"""Distance in stages between marks of surrogates that lie at the same height, 0."""


def plot_layers(
    frame: pd.DataFrame,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    title: str | None = None,
    labels: Labels = None,
    bands: str = "range",
) -> Figure:
    """Draw the rows of a layer study: geometric means of `rms` over the seeds.

    `bands`: from the least to the largest (range), one geometric standard deviation (std), or none. A gradient of
    exactly 0 has no place on a logarithmic axis: its marks stand at the line labelled 0.
    """
    from matplotlib.lines import Line2D

    require_spread(bands)
    summary = summarise_layers(frame)
    if bands == "std":
        by_line = frame.groupby(["variant", "surrogate", "rescaling", "branch", "stage"], sort=False).rms
        ends = [spread(values, bands) for _, values in by_line]
        summary = summary.assign(low=[low for low, _ in ends], high=[high for _, high in ends])
    variants, surrogates = list(dict.fromkeys(summary.variant)), list(dict.fromkeys(summary.surrogate))
    panels = Panels(ax, len(variants), (5.6 * len(variants) + 0.6, 5), labels=labels, sharey=True)
    zero = _zero_height(summary)
    for axes, variant in zip(panels.axes, variants, strict=True):
        _panel(axes, summary[summary.variant == variant], surrogates, zero, bands != "none")
        axes.set_title(panels.label(TITLES.get(variant, variant)), fontsize=10)
    for axes in panels.axes[: 1 if panels.own else None]:
        _label_decades(axes, summary, zero)
    panels.axes[0].set_ylabel("gradient of a first weight, root mean square\n(nats per unit of weight)")
    lines = {
        name: Line2D([], [], color=f"C{number}", marker=MARKERS[number % len(MARKERS)], ms=5)
        for number, name in enumerate(surrogates)
    }
    branches = [branch for branch in BRANCH_STYLES if branch in set(summary.branch)]
    lines |= {name: Line2D([], [], color="0.3", ls=style) for style, name in map(BRANCH_STYLES.__getitem__, branches)}
    one = frame.iloc[0]
    panels.title(title)
    panels.legend(
        lines,
        f"{one.model} at its first weights, {one.images:,} images of {one.data}, rescaling {one.rescaling}; "
        f"{_seeds(frame.seed.nunique(), bands)}",
    )
    return panels.figure


def _panel(axes: Axes, summary: pd.DataFrame, surrogates: list[str], zero: float | None, shaded: bool) -> None:
    silent = list(dict.fromkeys(summary.surrogate[summary.rms == 0]))
    for (surrogate, branch), part in summary.groupby(["surrogate", "branch"], sort=False):
        number = surrogates.index(str(surrogate))
        colour, marker = f"C{number}", MARKERS[number % len(MARKERS)]
        line = BRANCH_STYLES[str(branch)][0]
        part = part.sort_values("stage")
        seen = part.rms.where(part.rms > 0)
        axes.plot(part.stage, seen, color=colour, ls=line, marker=marker, ms=4, lw=1.6, zorder=3)
        if shaded:
            low, drawn = part.low.clip(lower=zero), part.high > 0
            axes.fill_between(part.stage, low, part.high, where=drawn, color=colour, alpha=0.12, lw=0)
        nothing = part.stage[part.rms == 0]
        if zero is not None and len(nothing):
            place = nothing + DODGE * (silent.index(str(surrogate)) - (len(silent) - 1) / 2)
            height = [zero] * len(nothing)
            axes.plot(place, height, color=colour, ls="", marker=marker, ms=7, mfc="white", zorder=4)
    if zero is not None:
        axes.axhline(zero, color="0.6", lw=0.8, zorder=1)
    axes.set_xlabel("stage, from the input to the output")
    axes.set_xticks(sorted(set(summary.stage)))
    axes.grid(alpha=0.25)


def _zero_height(summary: pd.DataFrame) -> float | None:
    """Return where the line for exact zeros lies, a decade or more under all else; None where it needs none."""
    if not (summary.low == 0).any():
        return None
    positive = [value for value in (*summary.low, *summary.rms, *summary.high) if value > 0]
    return 10.0 ** (math.floor(math.log10(min(positive, default=1.0))) - 1)


def _label_decades(axes: Axes, summary: pd.DataFrame, zero: float | None) -> None:
    """Give the axis its decades, and where there are zeros a 0 beneath them."""
    axes.set_yscale("log")
    if zero is None:
        return
    positive = summary.high[summary.high > 0]
    highest = math.ceil(math.log10(positive.max())) if len(positive) else 1
    powers = range(round(math.log10(zero)) + 1, highest + 1)
    axes.set_yticks([zero, *(10.0**power for power in powers)], ["0", *(f"$10^{{{power}}}$" for power in powers)])
    axes.minorticks_off()
    axes.set_ylim(zero / 2, 10.0**highest)


def _seeds(count: int, bands: str) -> str:
    if count == 1:
        return "one seed"
    shaded = {"none": "", "std": ", bands of one standard deviation"}
    return f"geometric means of {count} seeds{shaded.get(bands, ', bands from the least to the largest')}"
