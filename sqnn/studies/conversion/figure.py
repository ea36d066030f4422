"""Picture of a conversion study: accuracy against time steps, one line per way to convert."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqnn.studies.conversion.study import EXACT, RATES, SOURCE
from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS: Mapping[str, str] = MappingProxyType(
    {
        EXACT: "exact, most significant planes",
        "qcfs-rate": "rate, learned thresholds (QCFS)",
        "max": "rate, largest activation",
        "percentile": "rate, 99.9th percentile",
    }
)


def plot_conversion(
    frame: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None, labels: Labels = None
) -> Figure:
    """Draw the rows of a conversion study but for its ablation; the source network is a dashed line."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    panels = Panels(ax, 1, (7.5, 5), labels={**LABELS, **(labels or {})})
    (axes,) = panels.axes
    steps: set[int] = set()
    for number, method in enumerate((EXACT, *RATES)):
        part = frame[frame.method == method].sort_values("timesteps")
        if len(part):
            steps |= set(map(int, part.timesteps))
            name = panels.label(method)
            axes.plot(part.timesteps, 100 * part.accuracy, "o-", color=f"C{number}", ms=5, label=name)
    for accuracy in frame[frame.method == SOURCE].accuracy:
        axes.axhline(100 * accuracy, ls="--", color="0.25", lw=1, label=panels.label("source network"))
    one = frame.iloc[0]
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(steps)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:g}"))
    axes.set_xlabel("time steps")
    axes.set_ylabel("accuracy (%)")
    words = f"{one.model} of {one.bits} bits, {one.images:,} test images of {one.data}"
    panels.title(words if title is None else title)
    axes.grid(alpha=0.25)
    panels.legend(panels.handles(), columns=3)
    return panels.figure
