"""The picture of a conversion study: accuracy against time steps, a line for each way to convert."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from sqnn.studies.conversion.study import EXACT, RATES, SOURCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS: Mapping[str, str] = MappingProxyType(
    {
        EXACT: "exact, most significant planes",
        "qcfs-rate": "rate, learned thresholds (QCFS)",
        "max": "rate, largest activation",
        "percentile": "rate, 99.9th percentile",
    }
)


def plot_conversion(frame: pd.DataFrame) -> Figure:
    """Draw the rows of a conversion study but for its ablation; the source network is a dashed line."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    from circuits.plotting import Picture

    figure = Picture(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    steps: set[int] = set()
    for number, method in enumerate((EXACT, *RATES)):
        part = frame[frame.method == method].sort_values("timesteps")
        if len(part):
            steps |= set(map(int, part.timesteps))
            axes.plot(part.timesteps, 100 * part.accuracy, "o-", color=f"C{number}", ms=5, label=LABELS[method])
    for accuracy in frame[frame.method == SOURCE].accuracy:
        axes.axhline(100 * accuracy, ls="--", color="0.25", lw=1, label="source network")
    one = frame.iloc[0]
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(steps)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:g}"))
    axes.set_xlabel("time steps")
    axes.set_ylabel("accuracy (%)")
    axes.set_title(f"{one.model} of {one.bits} bits, {one.images:,} test images of {one.data}", fontsize=10)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure
