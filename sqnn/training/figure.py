"""The picture of a training run: loss, accuracy, confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqnn.metrics import draw_confusion

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN_COLOUR, VALIDATION_COLOUR = "#3b6ea8", "#c8553d"


def plot_run(result: Mapping[str, Any], history: pd.DataFrame, title: str | None = None) -> Figure:
    """Draw loss and accuracy against epochs, and the confusion matrix of the test images in percent of each class."""
    from circuits.plotting import Picture

    figure = Picture(figsize=(13.5, 4.4), layout="constrained")
    loss, accuracy, confusion = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
    plot_curves(loss, result, history, "loss")
    plot_curves(accuracy, result, history, "accuracy")
    images = sum(map(sum, result["confusion"]))
    draw_confusion(confusion, result["confusion"], result["classes"], f"{images:,} test images")
    parameters = result["parameters"]
    figure.suptitle(
        title
        or f"{result['model']} on {result['data']}: {parameters['total']:,} parameters "
        f"({parameters['spiking']:,} spiking, {parameters['quantum']:,} quantum, {parameters['classical']:,} classical)"
    )
    return figure


def plot_curves(axes: Axes, result: Mapping[str, Any], history: pd.DataFrame, quantity: str) -> None:
    """Draw "loss" or "accuracy" of training and validation against epochs.

    A ring marks the chosen epoch on the validation curve, a diamond the test value with the weights of that epoch.
    """
    from matplotlib.ticker import MaxNLocator

    factor, label, form = (100.0, "accuracy (%)", "{:.2f} %") if quantity == "accuracy" else (1.0, LOSS, "{:.4f}")
    best = result["best_epoch"]
    for split, colour in (("train", TRAIN_COLOUR), ("validation", VALIDATION_COLOUR)):
        name = f"{split}_{quantity}"
        if name in history:
            # A single epoch has no line.
            marker = "o" if len(history) == 1 else None
            axes.plot(history.index, factor * history[name], color=colour, lw=1.2, marker=marker, ms=3, label=split)
    name = f"validation_{quantity}"
    if name in history and best in history.index:
        chosen = factor * history[name][best]
        label_of_best, colour = f"chosen: epoch {best}", VALIDATION_COLOUR
        axes.plot([best], [chosen], ls="", marker="o", ms=8, mfc="none", color=colour, label=label_of_best)
    test = factor * result[f"test_{quantity}"]
    axes.plot([best], [test], ls="", marker="D", ms=5, color="black", label=f"test {form.format(test)}", zorder=3)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


LOSS = "cross-entropy (nats)"
