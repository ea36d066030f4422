"""Choices of front-ends: the widths of their layers, and how images become spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqnn.core import ConfigError, option, require
from sqnn.encoding import FRAMES, INPUTS, make_encoder
from sqnn.layers import LAYERS, READOUTS
from sqnn.models.base import ModelConfig
from sqnn.neurons import NEURONS, NeuronConfig


@dataclass(frozen=True, kw_only=True)
class BlocksConfig(ModelConfig):
    """Widths of blocks, each of which ends in a pool that halves the image."""

    channels: tuple[int, ...] | None = option(
        None, "widths of the blocks (default: 2c, 4c, 8c for c input channels)", least=1
    )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each block."""
        return self.channels or tuple(self.in_channels * factor for factor in (2, 4, 8))

    @property
    def pools(self) -> int:
        """Pools that halve the image, one after the other."""
        return len(self.widths)

    def validate(self) -> None:
        super().validate()
        require(self.channels != (), "channels", self.channels, "one or more positive widths")
        least, blocks = 2**self.pools, self.pools
        side = str(least) if blocks < 20 else f"2^{blocks}"
        wanted = f"at least {side} x {side} pixels for {blocks} pooling blocks"
        require(min(self.image_size) >= least, "image_size", self.image_size, wanted)


@dataclass(frozen=True, kw_only=True)
class FrontEndConfig(BlocksConfig):
    """Choices of the spiking front-end, beside those of its neurons."""

    takes_recordings: ClassVar[bool] = True

    encoding: str = option("phase", "how pixels become spikes; frames of recordings are", among=INPUTS)
    timesteps: int = option(8, "steps of the spiking front-end; a multiple of 8 for the phase encoding", least=1)

    @property
    def frames(self) -> int | None:
        return self.timesteps if self.encoding == FRAMES else None

    def validate(self) -> None:
        super().validate()
        try:
            make_encoder(self.encoding, self.timesteps)
        except ValueError as error:
            raise ConfigError(f"{error} (encoding {self.encoding})") from error


@dataclass(frozen=True, kw_only=True)
class SpikingFrontEndConfig(NeuronConfig, FrontEndConfig):
    """Choices of the spiking front-end, those of its neurons and its readout among them."""

    readout: str = option("membrane", "what the front-end is read by (as published: spike)", among=READOUTS)


@dataclass(frozen=True, kw_only=True)
class RatesConfig(NeuronConfig, FrontEndConfig):
    """Choices of a spiking front-end that is read by the rates of its last neurons."""

    layers: str = option("conv", "spiking layers: convolutions, or linear layers on the pixels", among=LAYERS)
    neuron: str = option("lif", "neuron model", among=NEURONS)

    @property
    def pools(self) -> int:
        return 0 if self.layers == "dense" else super().pools
