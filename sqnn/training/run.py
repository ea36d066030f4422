"""A finished training run with its numbers, network and picture."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sqnn.core import counted, path_of, write_figure
from sqnn.metrics import ParameterCount, figure_of
from sqnn.training.figure import plot_curves, plot_run
from sqnn.training.folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sqnn.models import Make


PARTS = ("spiking", "quantum", "quantum_effective", "classical")


@dataclass(frozen=True)
class Run:
    """The outcome of one training run, in memory and in its folder.

    `history` has one row per epoch: train and validation loss and accuracy, the quantity of each loss term (with a bit
    penalty `train_spikes`, mean spikes per neuron), and what callbacks logged. The test split was read once, after
    training, with the weights of the epoch that did best on validation images; `confusion` counts its images, true
    classes in rows and predicted ones in columns.
    """

    folder: Path
    model: nn.Module
    result: dict[str, Any]
    history: pd.DataFrame

    @classmethod
    def load(cls, folder: str | Path, model: Make | None = None) -> Run:
        """Read a finished run from its folder; RunError where it is not one.

        `model` makes the network of a run that trained one of your own, as in `load_model`.
        """
        place = RunFolder(path_of("folder", folder))
        result = place.read_result()
        return cls(place.path, place.read_network(result, model), result, place.read_history())

    @property
    def validation_accuracy(self) -> float:
        """Best validation accuracy, a fraction."""
        return float(self.result["validation_accuracy"])

    @property
    def test_accuracy(self) -> float:
        """Test accuracy of the best epoch's weights, a fraction."""
        return float(self.result["test_accuracy"])

    @property
    def warnings(self) -> list[str]:
        """Signs that the training collapsed, in words; none where it went well."""
        return list(self.result.get("warnings", []))

    @property
    def parameters(self) -> dict[str, int]:
        """Trainable parameters by part."""
        return dict(self.result["parameters"])

    @property
    def confusion(self) -> pd.DataFrame:
        """Test images by true class (rows) and predicted class (columns)."""
        import pandas as pd

        classes = self.result["classes"]
        return pd.DataFrame(
            self.result["confusion"],
            index=pd.Index(classes, name="true"),
            columns=pd.Index(classes, name="predicted"),
        )

    def plot(self, path: str | Path | None = None, *, ax: Axes | None = None, title: str | None = None) -> Figure:
        """Return the learning curves and the confusion matrix as a figure; write it to `path` where one is given.

        The file appears whole or not at all; WriteError where it cannot be written. With `ax`, draw the accuracies
        there alone and return its figure. By default the title is the network, the data and the parameters; on `ax`
        none.
        """
        place = None if path is None else path_of("path", path)
        if ax is None:
            figure = plot_run(self.result, self.history, title)
        else:
            plot_curves(ax, self.result, self.history, "accuracy")
            ax.set_title(title or "")
            figure = figure_of(ax)
        if place is not None:
            write_figure(place, figure)
        return figure

    def __repr__(self) -> str:
        r = self.result
        return (
            f"Run({r['model']} on {r['data']}, {counted(len(self.history), 'epoch')}: "
            f"validation {self.validation_accuracy:.2%}, test {self.test_accuracy:.2%}, "
            f"{r['parameters']['total']:,} parameters, {self.folder}{', collapsed' if self.warnings else ''})"
        )

    def _repr_html_(self) -> str:
        r = self.result
        rows = {
            "model": r["model"],
            "data": r["data"],
            "epochs": len(self.history),
            "validation accuracy": f"{self.validation_accuracy:.2%}",
            "test accuracy": f"{self.test_accuracy:.2%}",
            "parameters": str(ParameterCount(**{part: r["parameters"][part] for part in PARTS})),
            "training time": f"{r['seconds']:.1f} s",
            "folder": str(self.folder),
            **({"warnings": "; ".join(self.warnings)} if self.warnings else {}),
        }
        cells = "".join(f"<tr><th>{key}</th><td>{html.escape(str(value))}</td></tr>" for key, value in rows.items())
        return f"<table>{cells}</table>"
