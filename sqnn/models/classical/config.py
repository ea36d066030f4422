"""Every choice of the source networks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sqnn.core import option, require, require_one_of
from sqnn.models.base import ModelConfig
from sqnn.models.sizes import MIN_SIZE
from sqnn.neurons import INITIAL_THRESHOLD, MAX_PLANES, MIN_THRESHOLD, QCFS, THRESHOLDS

ACTIVATIONS: tuple[str, ...] = ("relu", "qcfs")
POOLINGS: tuple[str, ...] = ("average", "max")
MAX_WIDTH_MULTIPLIER = 16.0
"""Largest factor on the widths: two convolutions of 16 x 512 channels have more weights than memory holds."""
MAX_COUNT = 64
"""Most blocks, heads or anchors."""


@dataclass(frozen=True, kw_only=True)
class SourceConfig(ModelConfig):
    """What all source networks share. Raises ConfigError, naming the field, on a value that builds no network."""

    activation: str = option("relu", f"activation: {', '.join(ACTIVATIONS)}; qcfs trains on the levels of spikes")
    timesteps: int = option(4, "bits of a qcfs activation, which are the steps of the spiking network made of it")
    thresholds: str = option("layer", f"learned thresholds of qcfs, one for each: {', '.join(THRESHOLDS)}")
    initial_threshold: float = option(INITIAL_THRESHOLD, "threshold of qcfs before training")
    width_multiplier: float = option(1.0, "factor on all widths, such as 0.25")

    def validate(self) -> None:
        super().validate()
        require(min(self.image_size) >= MIN_SIZE, "image_size", self.image_size, f"at least {MIN_SIZE} x {MIN_SIZE}")
        require_one_of("activation", self.activation, ACTIVATIONS)
        require_one_of("thresholds", self.thresholds, THRESHOLDS)
        require(1 <= self.timesteps <= MAX_PLANES, "timesteps", self.timesteps, f"from 1 to {MAX_PLANES}")
        initial = self.initial_threshold
        require(initial > MIN_THRESHOLD, "initial_threshold", initial, f"a threshold above {MIN_THRESHOLD:g}")
        factor = self.width_multiplier
        fits = 0 < factor <= MAX_WIDTH_MULTIPLIER
        require(fits, "width_multiplier", factor, f"a factor above 0 and at most {MAX_WIDTH_MULTIPLIER:g}")

    def make_activation(self, channels: int, channel_axis: int = 1) -> nn.Module:
        """Build one activation for values with so many channels along `channel_axis`."""
        if self.activation == "relu":
            return nn.ReLU()
        each = channels if self.thresholds == "channel" else None
        return QCFS(self.timesteps, self.initial_threshold, channels=each, channel_axis=channel_axis)


@dataclass(frozen=True, kw_only=True)
class PoolingConfig(SourceConfig):
    """Choices of a network that pools between its layers."""

    pooling: str = option("average", f"pools between layers: {', '.join(POOLINGS)}; max cannot be converted to spikes")

    def validate(self) -> None:
        super().validate()
        require_one_of("pooling", self.pooling, POOLINGS)

    def make_pool(self, kernel: int) -> nn.Module:
        """Build a pool that halves height and width, rounded up, over windows of 2 x 2 or 3 x 3 pixels."""
        margin = (kernel - 1) // 2
        # Without a margin only rounding up reaches the last pixel of an odd side.
        up = margin == 0
        if self.pooling == "max":
            return nn.MaxPool2d(kernel, 2, margin, ceil_mode=up)
        return nn.AvgPool2d(kernel, 2, margin, ceil_mode=up, count_include_pad=False)


@dataclass(frozen=True, kw_only=True)
class DropoutConfig(SourceConfig):
    """Choices of a network that has dropout."""

    dropout: float = option(0.0, "share of the features that training drops, in [0, 1)")

    def validate(self) -> None:
        super().validate()
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a share of at least 0 and below 1")


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

    patch: int = option(4, "side of a patch in pixels, a divisor of height and width")
    heads: int = option(4, "attention heads of a block, each 16 wide at width_multiplier 1")
    depth: int = option(2, "blocks of attention and dense layers")

    def validate(self) -> None:
        super().validate()
        for name in ("heads", "depth"):
            require(1 <= getattr(self, name) <= MAX_COUNT, name, getattr(self, name), f"from 1 to {MAX_COUNT}")
        height, width = self.image_size
        fits = self.patch >= 1 and height % self.patch == 0 and width % self.patch == 0
        require(fits, "patch", self.patch, f"a divisor of the image's height and width, {height} and {width} pixels")


@dataclass(frozen=True, kw_only=True)
class RetinaNetConfig(PoolingConfig):
    """Choices of the detector."""

    anchors: int = option(1, "boxes predicted at each position of the feature maps")

    def validate(self) -> None:
        super().validate()
        require(1 <= self.anchors <= MAX_COUNT, "anchors", self.anchors, f"from 1 to {MAX_COUNT}")
