"""The picture of a training run: loss, accuracy, confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN_COLOUR, VALIDATION_COLOUR = "#3b6ea8", "#c8553d"


def plot_run(result: dict[str, Any], history: pd.DataFrame) -> Figure:
    """Draw loss and accuracy against epochs, and the confusion matrix of the test images in percent of each class."""
    # A Figure of its own, not pyplot's: nothing global changes, and it also draws without a screen.
    from circuits.plotting import Picture

    figure = Picture(figsize=(13.5, 4.4), layout="constrained")
    loss, accuracy, confusion = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
    _curves(loss, history, "loss", 1.0, "cross-entropy (nats)")
    _curves(accuracy, history, "accuracy", 100.0, "accuracy (%)")
    test = 100 * result["test_accuracy"]
    accuracy.axhline(test, color="black", lw=1, ls=":", label=f"test {test:.2f} %")
    accuracy.legend(frameon=False, loc="lower right")
    _confusion(figure, confusion, np.asarray(result["confusion"]), result["classes"])
    parameters = result["parameters"]
    figure.suptitle(
        f"{result['model']} on {result['data']}: {parameters['total']:,} parameters "
        f"({parameters['spiking']:,} spiking, {parameters['quantum']:,} quantum, {parameters['classical']:,} classical)"
    )
    return figure


def _curves(axes: Axes, history: pd.DataFrame, quantity: str, factor: float, label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for split, colour in (("train", TRAIN_COLOUR), ("validation", VALIDATION_COLOUR)):
        name = f"{split}_{quantity}"
        if name in history:
            axes.plot(history.index, factor * history[name], color=colour, marker="o", ms=3, label=split)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def _confusion(figure: Figure, axes: Axes, counts: np.ndarray, classes: list[str]) -> None:
    percent = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(percent):
        if counts[row, column]:
            colour = "white" if value > 55 else "black"
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    turn = 45 if max(map(len, classes)) > 3 else 0
    axes.set_xticks(range(len(classes)), classes, rotation=turn, ha="right" if turn else "center")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"{counts.sum():,} test images", fontsize=10)
    figure.colorbar(image, ax=axes, label="% of the true class", shrink=0.9)
