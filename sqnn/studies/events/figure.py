"""Picture of a study of events: likeness to the real camera, and accuracy on its recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqnn.studies.runner import Labels, Panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {"recordings": "likeness to real recordings", "network": "trained on synthetic recordings alone"}


def plot_events(
    frame: pd.DataFrame, *, ax: Axes | Sequence[Axes] | None = None, title: str | None = None, labels: Labels = None
) -> Figure:
    """Draw the correlations of each synthetic camera with the real one, and each training's accuracies."""
    panels = Panels(ax, 2, (10, 4.2), labels=labels)
    likeness = frame.part.eq("recordings") & frame.measure.str.startswith("correlation")
    for axes, part in zip(panels.axes, (frame[likeness], frame[frame.part == "network"]), strict=True):
        measures = list(dict.fromkeys(part.measure))
        for number, (camera, rows) in enumerate(part.groupby("camera", sort=False)):
            places = [measures.index(measure) + 0.2 * number for measure in rows.measure]
            axes.plot(rows.value, places, "o", color=f"C{number}", alpha=0.7, label=panels.label(str(camera)))
        axes.set_yticks(range(len(measures)), measures)
        axes.invert_yaxis()
        axes.grid(alpha=0.25)
        if measures:
            axes.legend(frameon=False, fontsize=9, title="synthetic camera")
    panels.axes[0].set(xlabel="correlation", title=TITLES["recordings"])
    panels.axes[1].set(xlabel="accuracy", title=TITLES["network"])
    panels.title(title or "")
    return panels.figure
