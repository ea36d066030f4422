"""Spiking layers that are read by the rates of the last of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from sqnn.core import Choices, when_small
from sqnn.layers.spiking import SpikingDense
from sqnn.layers.spiking_cnn import SpikingBlock
from sqnn.neurons import MakeNeuron

LAYERS: Choices[str] = Choices(
    "layers",
    {
        "conv": "convolution 3x3, batch norm, neurons, max pool 2x2; rates are means over time and pixels",
        "dense": "linear layer on all pixels, batch norm, neurons; rates are means over time",
    },
)
"""What the spiking layers are."""


class SpikingRates(nn.Module):
    """Spiking layers and the rates of the last of them: trains [time, batch, ...] -> [batch, widths[-1]] in [0, 1].

    The trains are [time, batch, in_channels, height, width]; `image_size` is their height and width, at least
    2^(number of layers) where the `layers`, a name of LAYERS, are conv.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: Sequence[int],
        widths: Sequence[int],
        make_neuron: MakeNeuron,
        layers: str = "conv",
    ) -> None:
        super().__init__()
        LAYERS.pick(layers)
        self.dense = layers == "dense"
        sizes = [in_channels * math.prod(image_size) if self.dense else in_channels, *widths]
        kind = SpikingDense if self.dense else SpikingBlock
        self._first_width = max(sizes[:2])
        self.layers = nn.ModuleList(kind(before, after, make_neuron) for before, after in pairwise(sizes))

    def forward(self, spikes: Tensor) -> Tensor:
        if self.dense:
            spikes = spikes.flatten(2)
        return when_small(spikes[:, :, :1].numel() * self._first_width, self._read, spikes)

    def _read(self, spikes: Tensor) -> Tensor:
        for layer in self.layers:
            spikes = layer(spikes)
        return spikes.mean(0) if self.dense else spikes.mean((0, -2, -1))
