"""The peri-stimulus time histogram: spikes per step after the onset of an image, by class or by neuron."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import counted, require_one_of
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import Labels, LayerLike, binary_trains, binned, classes_of, start_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GROUPS = ("class", "neuron", "all")
LEGEND_MOST = 12
"""More groups than these are drawn as a map, not as lines."""


@dataclass(frozen=True, repr=False, eq=False)
class Psth(Signal):
    """Spikes per neuron, image and step in bins between `edges`: `rates` `[groups, bins]`.

    `errors` `[groups, bins]` are standard errors over the images of a group, NaN where it has one image.
    """

    by: str
    groups: tuple[int, ...]
    edges: tuple[int, ...]
    rates: Tensor
    errors: Tensor

    @property
    def frame(self) -> pd.DataFrame:
        """One row per group and bin: group, start, stop (exclusive), rate, error."""
        import pandas as pd

        bins = len(self.edges) - 1
        return pd.DataFrame(
            {
                self.by: [group for group in self.groups for _ in range(bins)],
                "start": [*self.edges[:-1]] * len(self.groups),
                "stop": [*self.edges[1:]] * len(self.groups),
                "rate": self.rates.flatten().tolist(),
                "error": self.errors.flatten().tolist(),
            }
        )

    def draw(self, axes: Axes) -> None:
        """Draw a line per group with its standard error, or a map where there are many groups."""
        from sqnn.metrics import figure_of

        axes.set_xlabel("step")
        if len(self.groups) > LEGEND_MOST:
            rows = torch.arange(len(self.groups) + 1) - 0.5
            mesh = axes.pcolormesh(self.edges, rows.numpy(), self.rates.numpy(), vmin=0, cmap="viridis")
            axes.set_ylabel(self.by)
            figure_of(axes).colorbar(mesh, ax=axes, label="spikes per image and step")
            return
        for number, group in enumerate(self.groups):
            rates, errors = self.rates[number].numpy(), self.errors[number].nan_to_num().numpy()
            label = None if self.by == "all" else f"{self.by} {group}"
            axes.stairs(rates, self.edges, color=f"C{number % 10}", label=label)
            middles = [(start + stop) / 2 for start, stop in pairwise(self.edges)]
            axes.errorbar(middles, rates, errors, fmt="none", color=f"C{number % 10}", lw=0.8)
        axes.set_ylabel("spikes per neuron, image and step")
        axes.set_ylim(bottom=0)
        if self.by != "all":
            axes.legend(frameon=False, fontsize=8, ncols=2)

    def summary(self) -> str:
        """Say over which groups and bins."""
        bins = counted(len(self.edges) - 1, "bin")
        return f"by {self.by}, {len(self.groups)} of them, {bins}, mean {self.rates.mean():.3g}"


def psth(layer: LayerLike, labels: Labels = None, *, by: str = "class", width: int = 1) -> Psth:
    """Return spikes per neuron, image and step in bins of `width` steps, the last bin perhaps shorter.

    Trials are images: by "class" those of a label, over all neurons; by "neuron" all images for each neuron; by "all"
    all images and neurons in one. Raises ConfigError by "class" without labels.
    """
    require_one_of("by", by, GROUPS)
    trains = binary_trains(layer)
    sums, edges = binned(trains, width)
    rates = sums / torch.tensor(edges).diff()[:, None, None]  # [bins, batch, neurons]
    if by == "neuron":
        groups: tuple[int, ...] = tuple(range(trains.shape[2]))
        each = [rates[:, :, neuron] for neuron in groups]
    elif by == "all":
        groups, each = (0,), [rates.mean(2)]
    else:
        groups, members = classes_of(labels, trains.shape[1])
        each = [rates.mean(2)[:, images] for images in members]
    return Psth(
        by=by,
        groups=groups,
        edges=tuple(edge + start_of(layer) for edge in edges),
        rates=torch.stack([group.mean(1) for group in each]),
        errors=torch.stack([_standard_error(group) for group in each]),
    )


def _standard_error(rates: Tensor) -> Tensor:
    """Return the standard error `[bins]` of a mean over images `[bins, images]`; NaN for one image."""
    images = rates.shape[1]
    if images == 1:
        return torch.full_like(rates[:, 0], torch.nan)
    return rates.std(1) / images**0.5
