"""How often a simpler model answers as a network does, and where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import counted
from sqnn.metrics import draw_confusion, figure_of, wilson_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Agreement:
    """The answers of a network and of what it was distilled into, class numbers [images], beside the labels."""

    network: Tensor
    distilled: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    @property
    def images(self) -> int:
        """How many images were answered."""
        return len(self.network)

    @property
    def fidelity(self) -> float:
        """The share of images that both answer alike."""
        return float((self.network == self.distilled).double().mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % Wilson interval of the fidelity."""
        return wilson_interval(self.fidelity, self.images)

    @property
    def baseline(self) -> float:
        """The share of the network's most frequent answer: the fidelity of always giving it."""
        return float(self.network.bincount().max()) / self.images

    @property
    def accuracy(self) -> float:
        """The share of images that the simpler model answers by their label."""
        return float((self.distilled == self.labels).double().mean())

    @property
    def network_accuracy(self) -> float:
        """The share of images that the network answers by their label."""
        return float((self.network == self.labels).double().mean())

    @property
    def disagreements(self) -> list[int]:
        """Positions of the images that the two answer differently."""
        return [int(position) for position in (self.network != self.distilled).nonzero().flatten()]

    @property
    def confusion(self) -> Tensor:
        """Images by the network's answer (rows) and the simpler model's (columns)."""
        number = len(self.classes)
        return torch.bincount(self.network * number + self.distilled, minlength=number**2).view(number, number)

    @property
    def frame(self) -> pd.DataFrame:
        """Where they disagree: a row per pair of answers, the most frequent first, and how often each is right."""
        import pandas as pd

        rows = []
        for mine, its in (self.confusion * (1 - torch.eye(len(self.classes), dtype=torch.int64))).nonzero().tolist():
            among = (self.network == mine) & (self.distilled == its)
            right = (among & (self.labels == mine)).sum(), (among & (self.labels == its)).sum()
            answers = (self.classes[mine], self.classes[its])
            rows.append((*answers, int(among.sum()), *map(int, right)))
        columns = ["network", "distilled", "images", "network_right", "distilled_right"]
        return pd.DataFrame(rows, columns=columns).sort_values("images", ascending=False, ignore_index=True)

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the answers of one against those of the other, in percent of each of the network's."""
        from circuits.plotting import panel

        _, axes = panel(ax, (5.2, 4.4))
        draw_confusion(axes, self.confusion.tolist(), self.classes, f"fidelity {self.fidelity:.1%}")
        axes.set_xlabel("answer of the simpler model")
        axes.set_ylabel("answer of the network")
        return figure_of(axes)

    def to_dict(self) -> dict[str, object]:
        """Return the shares and the positions of the disagreements as plain values."""
        shares = ("images", "fidelity", "baseline", "accuracy", "network_accuracy", "disagreements")
        return {**{name: getattr(self, name) for name in shares}, "interval": list(self.interval)}

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"fidelity {self.fidelity:.2%} (95 % interval {low:.2%} to {high:.2%}; always the most frequent answer "
            f"{self.baseline:.2%}) on {counted(self.images, 'image')}; accuracy {self.accuracy:.2%}, of the network "
            f"{self.network_accuracy:.2%}"
        )

    def __repr__(self) -> str:
        return f"Agreement({self})"
