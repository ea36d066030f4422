"""The convolutional spiking front-end: spike trains of an image in, rotation angles out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import Choices, when_small
from sqnn.kernels import are_wanted, is_hooked, kind_of, pooled_rates, rule_of
from sqnn.layers.spiking import SpikingConv
from sqnn.neurons import MakeNeuron

READOUTS: Choices[str] = Choices(
    "readout", {"spike": "rate of the spikes of a last neuron", "membrane": "mean current, without a last neuron"}
)
"""What the front-end is read by."""
POOL = 2
"""Side in pixels of the window of a max pool, and its stride."""


class SpikingBlock(SpikingConv):
    """Convolution 3x3, batch norm, integrate-and-fire, max pool 2x2, on [time, batch, channels, height, width].

    Convolution, norm and pooling see the steps as one large batch; the batch norm therefore averages over time and
    batch. The convolution has no bias, which the norm's shift would cancel.
    """

    def forward(self, trains: Tensor) -> Tensor:
        timesteps = trains.shape[0]
        images = trains.flatten(0, 1)
        if not images.is_cuda:
            # With a handful of channels, convolutions of a CPU run several times faster on channels-last memory.
            images = images.to(memory_format=torch.channels_last)
        currents = self.norm(self.conv(images).contiguous())
        fired = self.neuron(currents.unflatten(0, (timesteps, -1)))
        return F.max_pool2d(fired.flatten(0, 1), POOL).unflatten(0, (timesteps, -1))


class SpikingCNN(nn.Module):
    """Spiking blocks, global average pooling, a linear layer, and a readout over time.

    Takes spike trains [time, batch, in_channels, height, width], height and width at least 2^blocks, and gives
    [batch, n_features]. With z_t the linear layer's output at step t, readout `spike` is the mean over time of the
    spikes that a last neuron fires on z_t, in [0, 1]; readout `membrane` is the mean over time of z_t itself, the
    potential per step of a neuron that never fires. In training, and within `sqnn.kernels.evaluating_by_kernels`, the
    blocks are computed by the compiled kernels where these can, unless `compiled` is set to False.
    """

    compiled = True

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        n_features: int,
        make_neuron: MakeNeuron,
        readout: str = "spike",
    ) -> None:
        super().__init__()
        READOUTS.pick(readout)
        widths = [in_channels, *channels]
        self._first_width = max(widths[:2])
        self.blocks = nn.ModuleList(SpikingBlock(before, after, make_neuron) for before, after in pairwise(widths))
        self.linear = nn.Linear(widths[-1], n_features)
        self.output = make_neuron(n_features) if readout == "spike" else None

    def forward(self, spikes: Tensor) -> Tensor:
        return when_small(spikes[:, :, :1].numel() * self._first_width, self._read, spikes)

    def rates(self, spikes: Tensor) -> Tensor:
        """Return the spikes of the last block, averaged over the image, [time, batch, channels]."""
        if self.compiled and are_wanted(self.training):
            found = self._compiled_rates(spikes)
            if found is not None:
                return found
        for block in self.blocks:
            spikes = block(spikes)
        return spikes.mean((-2, -1))

    @property
    def takes_kernels(self) -> bool:
        """Whether the compiled kernels compute blocks of this kind."""
        blocks = cast(Iterable[SpikingBlock], self.blocks)
        return self.compiled and all(kind_of(block.conv, block.norm, block.neuron) is not None for block in blocks)

    def _read(self, spikes: Tensor) -> Tensor:
        currents = self.linear(self.rates(spikes))
        if self.output is not None:
            currents = self.output(currents)
        return torch.mean(currents, 0)

    def _compiled_rates(self, spikes: Tensor) -> Tensor | None:
        """Return the rates by the compiled kernels, None where they do not compute these blocks."""
        parts = []
        for block in cast(Iterable[SpikingBlock], self.blocks):
            rule = None if is_hooked(block) else rule_of(block.conv, block.norm, block.neuron, self.training)
            if rule is None:
                return None
            parts.append((block.conv, block.norm, rule))
        return pooled_rates(spikes, parts)
