"""Picture of a study of faithfulness: per network, the methods' differences from the intensity and their badges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqnn.explain import draw_methods, summarise_methods
from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_faithfulness(
    frame: pd.DataFrame, *, ax: Axes | Sequence[Axes] | None = None, title: str | None = None, labels: Labels = None
) -> Figure:
    """Draw two panels per network: the interval of each method's deletion minus the intensity's, and its badges."""
    summary = summarise_methods(frame)
    networks = list(dict.fromkeys(summary.network))
    height = 1.2 + 0.32 * summary.groupby("network").size().max()
    panels = Panels(ax, 2 * len(networks), (11, height * len(networks)), across=2, labels=labels)
    for number, network in enumerate(networks):
        intervals, badges = panels.axes[2 * number : 2 * number + 2]
        name = panels.label(str(network))
        name = Path(name).name if name == network else name
        draw_methods(intervals, badges, summary[summary.network == network], name)
    panels.title(title or "")
    return panels.figure
