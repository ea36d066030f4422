"""What the conversion benchmark measures: forward passes of a source network and of what becomes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sqnn.bench.peers.conversion import Converter
from sqnn.conversion import SpikingNetwork, convert, convert_rate
from sqnn.core import require_one_of
from sqnn.models import MODELS, SourceConfig, create_model

SOURCE, TWIN = "source", "relu twin"
FUSED = "fused"
LAYERS = "layer by layer"
FOLDED = "layer by layer, folded norms"
RATE_LAYERS = "rates, layer by layer"
RATE_STEPS = "rates, step by step"
OURS: tuple[str, ...] = (SOURCE, TWIN, FUSED, LAYERS, FOLDED, RATE_LAYERS, RATE_STEPS)
"""The source network of QCFS activations, its twin of ReLUs, and the spiking networks made of the source."""
EXACT = frozenset({FUSED, LAYERS, FOLDED})
"""Those that give the source's outputs but for rounding."""
SOURCES: tuple[str, ...] = tuple(name for name in MODELS if issubclass(MODELS[name].config_class, SourceConfig))
SETTLING_PASSES = 3
"""Batches, in training mode, that give the batch norms statistics of their own."""
FLOAT_BYTES = 4


@dataclass(frozen=True)
class ConversionSetting:
    """Sizes common to everything that one run compares.

    Raises ConfigError (a ValueError) on a network that is no source of conversions, and ValueError on a batch of
    fewer than two images, on which batch norms cannot train.
    """

    model: str = "resnet20"
    in_channels: int = 3
    image_size: tuple[int, int] = (32, 32)
    num_classes: int = 10
    batch: int = 64
    timesteps: int = 4
    width_multiplier: float = 1.0

    def __post_init__(self) -> None:
        require_one_of("model", self.model, SOURCES)
        if self.batch < 2:
            raise ValueError(f"batch: got {self.batch}, expected at least 2")

    def images(self, number: int = 0) -> Tensor:
        """Return a batch of random images, always the same for a number."""
        shape = (self.batch, self.in_channels, *self.image_size)
        return torch.rand(shape, generator=torch.Generator().manual_seed(number))

    def sources(self) -> tuple[nn.Module, nn.Module]:
        """Build the source network and its ReLU twin, of the same weights, in evaluation mode, their norms settled."""
        width = self.width_multiplier
        source = create_model(self.model, self, width_multiplier=width, activation="qcfs", timesteps=self.timesteps)
        source.train()
        with torch.no_grad():
            for number in range(SETTLING_PASSES):
                source(self.images(number))
        twin = create_model(self.model, self, width_multiplier=width)
        twin.load_state_dict({name: value for name, value in source.state_dict().items() if name in twin.state_dict()})
        return source.eval(), twin.eval()


@dataclass(frozen=True)
class Forward:
    """A network ready to run: `run(images)` is its forward pass, without gradients.

    `trains` is how much of a layer's spikes is in memory at once, in time steps of the whole batch, 0 where none are: a
    T-th of the batch with all its steps is as much as one step of all of it.
    """

    run: Callable[[Tensor], Tensor]
    trains: int = 0


def forward_of(
    name: str, setting: ConversionSetting, source: nn.Module, twin: nn.Module, converters: Mapping[str, Converter]
) -> Forward:
    """Return the forward pass of the named network: one of `OURS`, or a peer's conversion of the twin."""
    made: dict[str, Callable[[], Forward]] = {
        SOURCE: lambda: Forward(source),
        TWIN: lambda: Forward(twin),
        FUSED: lambda: Forward(convert(source).using("fused")),
        LAYERS: lambda: Forward(convert(source), 1),
        FOLDED: lambda: Forward(convert(source, fold_batch_norm=True), 1),
        RATE_LAYERS: lambda: Forward(convert_rate(source, setting.timesteps), 1),
        RATE_STEPS: lambda: Forward(convert_rate(source, setting.timesteps).using("step"), 1),
    }
    if name in made:
        return made[name]()
    device = next(twin.parameters()).device
    return Forward(converters[name](twin, setting.images().to(device), setting.timesteps), 1)


def call(forward: Forward, images: Tensor) -> Callable[[], Tensor]:
    """Return the forward pass of one batch as a call without arguments."""

    @torch.no_grad()
    def run() -> Tensor:
        return forward.run(images)

    return run


def largest_layer_mib(source: nn.Module, setting: ConversionSetting) -> float:
    """Return the memory of the spikes of one time step of the largest layer, as float32 numbers, in MiB."""
    spiking: SpikingNetwork = convert(source)
    device = next(source.parameters()).device
    _, spikes = spiking.record(setting.images()[:1].to(device))
    neurons = max(layer[0].numel() for layer in spikes.values())
    return float(setting.batch * neurons * FLOAT_BYTES / 2**20)


def plain(setting: ConversionSetting) -> dict[str, Any]:
    """Return the sizes in values that JSON has."""
    return dataclasses.asdict(setting)


def from_plain(values: Mapping[str, Any]) -> ConversionSetting:
    """Return the sizes that `plain` was given."""
    return ConversionSetting(**{**values, "image_size": tuple(values["image_size"])})
