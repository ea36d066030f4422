"""Picture of a circle study: test accuracy against the layers of the circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqnn.studies.runner import Labels, Panels, require_spread

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_circle(
    frame: pd.DataFrame,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    title: str | None = None,
    labels: Labels = None,
    bands: str = "range",
) -> Figure:
    """Draw the mean test accuracy of each kind of circuit over the seeds, and every seed as a dot.

    `bands`: the range over the seeds, one standard deviation (std), or none.
    """
    require_spread(bands)
    panels = Panels(ax, 1, (6.5, 4.2), labels=labels)
    (axes,) = panels.axes
    several = [name for name in ("data_scaling", "cost", "n_qubits") if frame[name].nunique() > 1] or ["data_scaling"]
    for number, (names, part) in enumerate(frame.groupby(several, sort=False)):
        label = ", ".join(_words(name, value) for name, value in zip(several, names, strict=True))
        blocks = part.groupby("n_blocks").test_accuracy
        mean, colour = blocks.mean(), f"C{number}"
        axes.plot(mean.index, mean, marker="o", color=colour, label=panels.label(label))
        axes.plot(part.n_blocks, part.test_accuracy, ".", ms=4, color=colour, alpha=0.5)
        if bands != "none":
            low, high = (blocks.min(), blocks.max()) if bands == "range" else (mean - blocks.std(), mean + blocks.std())
            axes.fill_between(mean.index, low, high, color=colour, alpha=0.15, lw=0)
    axes.axhline(0.5, color="grey", ls=":", lw=1, label="chance level")
    axes.set(xlabel="layers (re-upload blocks)", ylabel="accuracy on the test points", ylim=(0.45, 1.0))
    axes.set_xticks(sorted(frame.n_blocks.unique()))
    axes.grid(alpha=0.25)
    if title is None:
        band = {"range": ", range", "std": ", standard deviation", "none": ""}[bands]
        title = f"circle problem, {frame.seed.nunique()} seeds: mean{band} and every seed"
    panels.title(title)
    axes.legend(frameon=False, loc="center right", fontsize=9)
    return panels.figure


def _words(name: str, value: object) -> str:
    if name == "n_qubits":
        return f"{value} qubit{'s' if value != 1 else ''}"
    words = {"none": "data as they are", "block": "factors, two rotations", "added": "factors, one rotation"}
    return words.get(str(value), str(value))
