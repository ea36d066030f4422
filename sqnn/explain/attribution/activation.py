"""Spike activation maps: where a layer fires again and again, whatever the class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sqnn.core import number_of, require
from sqnn.explain.attribution.figure import draw_values
from sqnn.explain.attribution.places import axes_of
from sqnn.explain.attribution.result import IMAGE, Grouping, table_of
from sqnn.explain.recording import record
from sqnn.models import HasNetwork, network_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class ActivationMap:
    """How often neurons of a layer fired shortly before they fire: `values` [batch, time, ...], one for each neuron.

    Of layers with channels, rows and columns the channels are added up. It knows no class and explains no logit.
    """

    values: Tensor
    layer: str
    gamma: float
    axes: tuple[str, ...]
    groups: Mapping[str, Grouping] = field(default_factory=dict)

    @property
    def frame(self) -> pd.DataFrame:
        """The values as a table: one row per image, step and value."""
        return table_of(self.values, self.axes, self.groups)

    def plot(self, ax: Axes | None = None, image: int = 0) -> Figure:
        """Draw the map of one image, added up over time."""
        require(0 <= image < len(self.values), "image", image, f"a whole number from 0 to {len(self.values) - 1}")
        return draw_values(self.values[image].sum(0), self.axes[2:], f"activity of {self.layer}", ax, "spikes")

    def __repr__(self) -> str:
        return f"ActivationMap({self.layer}: {list(self.values.shape)} {', '.join(self.axes)}, gamma={self.gamma:g})"


@torch.no_grad()
def activation_map(
    model: nn.Module | HasNetwork,
    images: Tensor,
    layer: str,
    gamma: float = 0.5,
    generator: torch.Generator | None = None,
) -> ActivationMap:
    """Return the spike activation map of a layer for images [batch, channels, height, width] in [0, 1].

    M(t) = sum_channels s(t) N(t), N(t) = sum_(t' < t) s(t') exp(-gamma (t - t')): a neuron counts where it fires, and
    the more, the more often and the more recently it fired before; silent steps count nothing. The map takes no target:
    it is the same for every class, and shows where a layer is active, not what a network reads.

    Raises ConfigError on an unknown layer or a gamma below 0. Source: Kim and Panda, Sci. Rep. 11 (2021), whose code
    also counts silent steps.
    """
    gamma = number_of("gamma", gamma)
    require(math.isfinite(gamma) and gamma >= 0, "gamma", gamma, "a number of at least 0")
    seen = record(network_of(model), images, layers=[layer], membranes=False, currents=False, generator=generator)
    spikes = seen[layer].spikes
    trace, steps = torch.zeros_like(spikes[0]), []
    for step in spikes:
        steps.append(step * trace)
        trace = (trace + step) * math.exp(-gamma)
    values = torch.stack(steps, 1)
    spatial = values.ndim == 5
    values = values.sum(2) if spatial else values
    return ActivationMap(values, layer, gamma, (IMAGE, *axes_of(values.ndim - 1, True)))
