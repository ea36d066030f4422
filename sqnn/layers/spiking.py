"""The spiking branches: the counterparts of the ordinary ones on spike trains [time, batch, ...]."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from sqnn.core import channels_last
from sqnn.layers.analog import KERNEL
from sqnn.neurons import MakeNeuron


def stepwise(layer: nn.Module, trains: Tensor) -> Tensor:
    """Apply a layer without memory to every step of `[time, batch, ...]`: the steps are one large batch."""
    steps = trains.flatten(0, 1)
    if steps.ndim == 4:
        steps = channels_last(layer, steps)
    mapped: Tensor = layer(steps)
    return mapped.unflatten(0, trains.shape[:2])


class SpikingConv(nn.Module):
    """Convolution without bias, batch norm, neurons: `[time, batch, channels, height, width]`.

    The norm averages over time and batch. The stride divides height and width, rounding up.
    """

    def __init__(
        self, in_channels: int, out_channels: int, make_neuron: MakeNeuron, stride: int = 1, kernel: int = KERNEL
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.neuron = make_neuron(out_channels)

    def forward(self, trains: Tensor) -> Tensor:
        return self.neuron(stepwise(nn.Sequential(self.conv, self.norm), trains))


class SpikingDense(nn.Module):
    """Linear layer without bias, batch norm, neurons: `[time, batch, features]`."""

    def __init__(self, in_features: int, out_features: int, make_neuron: MakeNeuron) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features, bias=False)
        self.norm = nn.BatchNorm1d(out_features)
        self.neuron = make_neuron(out_features)

    def forward(self, trains: Tensor) -> Tensor:
        return self.neuron(stepwise(nn.Sequential(self.linear, self.norm), trains))


class SpikingResidual(nn.Module):
    """A spiking residual block that adds spikes to spikes: y = fire(norm(conv(fire(norm(conv(x)))))) + shortcut(x).

    The shortcut is the identity, or neurons after a normalised 1x1 convolution where stride or width change. The sum
    takes values 0, 1, 2, ... Source: SEW-ResNet with ADD, Fang et al., NeurIPS 2021.
    """

    def __init__(self, in_channels: int, out_channels: int, make_neuron: MakeNeuron, stride: int = 1) -> None:
        super().__init__()
        self.first = SpikingConv(in_channels, out_channels, make_neuron, stride)
        self.second = SpikingConv(out_channels, out_channels, make_neuron)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = SpikingConv(in_channels, out_channels, make_neuron, stride, kernel=1)

    def forward(self, trains: Tensor) -> Tensor:
        return self.second(self.first(trains)) + self.shortcut(trains)


class SpikingStack(nn.Module):
    """Spiking blocks in a row, each followed by a layer without memory, such as a pool or nothing (`nn.Identity`)."""

    def __init__(self, blocks: Sequence[nn.Module], after: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.after = nn.ModuleList(after)

    def forward(self, trains: Tensor) -> Tensor:
        for block, after in zip(self.blocks, self.after, strict=True):
            trains = block(trains)
            if not isinstance(after, nn.Identity):
                trains = stepwise(after, trains)
        return trains
