"""Every choice of the source networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from sqnn.core import Choices, option, require
from sqnn.models.base import ModelConfig
from sqnn.models.sizes import MIN_SIZE
from sqnn.neurons import INITIAL_THRESHOLD, MAX_PLANES, MIN_THRESHOLD, QCFS, THRESHOLDS

MAX_WIDTH_MULTIPLIER = 16.0
"""Largest factor on the widths: two convolutions of 16 x 512 channels have more weights than memory holds."""
MAX_COUNT = 64
"""Most blocks, heads or anchors."""


def _relu(config: SourceConfig, channels: int, channel_axis: int) -> nn.Module:
    return nn.ReLU()


def _qcfs(config: SourceConfig, channels: int, channel_axis: int) -> nn.Module:
    each = channels if config.thresholds == "channel" else None
    return QCFS(config.timesteps, config.initial_threshold, channels=each, channel_axis=channel_axis)


ACTIVATIONS: Choices[Callable[[SourceConfig, int, int], nn.Module]] = Choices(
    "activation", {"relu": _relu, "qcfs": _qcfs}
)
"""What builds an activation, given the configuration, the number of channels and their dimension."""


# Without a margin only rounding up reaches the last pixel of an odd side.
def _average_pool(kernel: int, margin: int) -> nn.Module:
    return nn.AvgPool2d(kernel, 2, margin, ceil_mode=margin == 0, count_include_pad=False)


def _max_pool(kernel: int, margin: int) -> nn.Module:
    return nn.MaxPool2d(kernel, 2, margin, ceil_mode=margin == 0)


POOLINGS: Choices[Callable[[int, int], nn.Module]] = Choices("pooling", {"average": _average_pool, "max": _max_pool})
"""What builds a pool of stride 2, given its kernel and its margin in pixels."""


@dataclass(frozen=True, kw_only=True)
class SourceConfig(ModelConfig):
    """What all source networks share. Raises ConfigError, naming the field, on a value that builds no network."""

    smallest_side: ClassVar[int] = MIN_SIZE

    activation: str = option("relu", "activation, of which qcfs trains on the levels of spikes", among=ACTIVATIONS)
    timesteps: int = option(
        4, "bits of a qcfs activation, which are the steps of the spiking network made of it", least=1, most=MAX_PLANES
    )
    thresholds: str = option("layer", "learned thresholds of qcfs, one for each", among=THRESHOLDS)
    initial_threshold: float = option(
        INITIAL_THRESHOLD, "threshold of qcfs before training", above=MIN_THRESHOLD, where={"activation": ("qcfs",)}
    )
    width_multiplier: float = option(1.0, "factor on all widths, such as 0.25", above=0, most=MAX_WIDTH_MULTIPLIER)

    def make_activation(self, channels: int, channel_axis: int = 1) -> nn.Module:
        """Build one activation for values with so many channels along `channel_axis`."""
        return ACTIVATIONS[self.activation](self, channels, channel_axis)


@dataclass(frozen=True, kw_only=True)
class PoolingConfig(SourceConfig):
    """Choices of a network that pools between its layers."""

    pooling: str = option("average", "pools between layers, of which max has no conversion by rate", among=POOLINGS)

    def make_pool(self, kernel: int) -> nn.Module:
        """Build a pool that halves height and width, rounded up, over windows of 2 x 2 or 3 x 3 pixels."""
        return POOLINGS[self.pooling](kernel, (kernel - 1) // 2)


@dataclass(frozen=True, kw_only=True)
class DropoutConfig(SourceConfig):
    """Choices of a network that has dropout."""

    dropout: float = option(0.0, "share of the features that training drops, in [0, 1)", least=0, below=1)


@dataclass(frozen=True, kw_only=True)
class VGGConfig(PoolingConfig, DropoutConfig):
    """Choices of `vgg11` and `vgg16`."""


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(PoolingConfig):
    """Choices of `resnet18` and `resnet34`, which pool only images of 64 pixels and more."""


@dataclass(frozen=True, kw_only=True)
class MobileNetV2Config(DropoutConfig):
    """Choices of `mobilenetv2`."""


@dataclass(frozen=True, kw_only=True)
class VisionTransformerConfig(DropoutConfig):
    """Choices of `vit`; its tokens are `heads` x 16 x `width_multiplier` wide."""

    patch: int = option(4, "side of a patch in pixels, a divisor of height and width", least=1)
    heads: int = option(4, "attention heads of a block, each 16 wide at width_multiplier 1", least=1, most=MAX_COUNT)
    depth: int = option(2, "blocks of attention and dense layers", least=1, most=MAX_COUNT)

    def validate(self) -> None:
        super().validate()
        height, width = self.image_size
        fits = height % self.patch == 0 and width % self.patch == 0
        require(fits, "patch", self.patch, f"a divisor of the image's height and width, {height} and {width} pixels")


@dataclass(frozen=True, kw_only=True)
class RetinaNetConfig(PoolingConfig):
    """Choices of the detector."""

    anchors: int = option(1, "boxes predicted at each position of the feature maps", least=1, most=MAX_COUNT)
