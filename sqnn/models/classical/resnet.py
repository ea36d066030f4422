"""Residual networks: ResNet18 and ResNet34, and ResNet20 for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.models.base import ModelConfig
from sqnn.models.classical.config import PoolingConfig, ResNetConfig, SourceConfig
from sqnn.models.classical.layers import conv_norm, global_average
from sqnn.models.classical.network import SourceClassifier
from sqnn.models.sizes import LARGE_IMAGE, half, scaled, strides

WIDTHS = (64, 128, 256, 512)
"""Channels of the stages of ResNet18 and ResNet34."""


class BasicBlock(nn.Module):
    """activation(conv(activation(conv(x))) + shortcut(x)), all convolutions normed.

    The shortcut is the identity, or a 1x1 convolution where the shape changes (option B of the paper).
    """

    def __init__(self, config: SourceConfig, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        first = [*conv_norm(inputs, outputs, stride=stride), config.make_activation(outputs)]
        self.residual = nn.Sequential(*first, *conv_norm(outputs, outputs))
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.Sequential(*conv_norm(inputs, outputs, 1, stride)) if changes else nn.Identity()
        self.activation = config.make_activation(outputs)

    def forward(self, values: Tensor) -> Tensor:
        return self.activation(self.residual(values) + self.shortcut(values))


def small_stem(config: SourceConfig, width: int) -> nn.Sequential:
    """Build a stem that keeps the size of the image."""
    return nn.Sequential(*conv_norm(config.in_channels, width), config.make_activation(width))


def fitting_stem(config: PoolingConfig, width: int) -> nn.Sequential:
    """Build the stem for the configured image size: large images are brought to a quarter, as in the paper."""
    if min(config.image_size) < LARGE_IMAGE:
        return small_stem(config, width)
    convolution = conv_norm(config.in_channels, width, 7, stride=2)
    return nn.Sequential(*convolution, config.make_activation(width), config.make_pool(3))


def stem_size(config: PoolingConfig) -> tuple[int, int]:
    """Return height and width in pixels after `fitting_stem`."""
    height, width = config.image_size
    if min(height, width) < LARGE_IMAGE:
        return height, width
    return half(half(height)), half(half(width))


def stage_strides(side: int, stages: int) -> list[int]:
    """Return the strides of the stages of a network whose stem leaves this side in pixels."""
    return strides(side, [1] + [2] * (stages - 1))


def residual_stages(config: SourceConfig, widths: Sequence[int], blocks: Sequence[int], side: int) -> list[nn.Module]:
    """Build the stages after a stem of the first width: so many blocks of each width, the first of them strided."""
    stages: list[nn.Module] = []
    before = widths[0]
    for width, count, stride in zip(widths, blocks, stage_strides(side, len(widths)), strict=True):
        first = BasicBlock(config, before, width, stride)
        stages.append(nn.Sequential(first, *(BasicBlock(config, width, width, 1) for _ in range(count - 1))))
        before = width
    return stages


class ResNet(SourceClassifier):
    """A stem, four stages of basic blocks, global average, one linear classifier; `blocks` counts those of each stage.

    Images of 64 pixels and more pass a 7x7 convolution and a pool, both of stride 2; smaller ones a 3x3 convolution.

    Source: He et al., "Deep residual learning", CVPR 2016, table 1.
    """

    config_class: ClassVar[type[ModelConfig]] = ResNetConfig
    blocks: ClassVar[tuple[int, ...]]

    def __init__(self, config: ResNetConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        widths = [scaled(width, config.width_multiplier) for width in WIDTHS]
        stages = residual_stages(config, widths, self.blocks, min(stem_size(config)))
        self.features = nn.Sequential(fitting_stem(config, widths[0]), *stages, *global_average())
        self.classifier = nn.Linear(widths[-1], config.num_classes)
        self.draw_weights(generator)


class ResNet18(ResNet):
    """The residual network of 18 layers."""

    blocks: ClassVar = (2, 2, 2, 2)


class ResNet34(ResNet):
    """The residual network of 34 layers."""

    blocks: ClassVar = (3, 4, 6, 3)


class ResNet20(SourceClassifier):
    """A 3x3 stem, three stages of three basic blocks of 16, 32 and 64 channels, global average, a linear classifier.

    Source: He et al., "Deep residual learning", CVPR 2016, section 4.2, with the shortcuts of its option B.
    """

    def __init__(self, config: SourceConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        widths = [scaled(width, config.width_multiplier) for width in (16, 32, 64)]
        stages = residual_stages(config, widths, (3, 3, 3), min(config.image_size))
        self.features = nn.Sequential(small_stem(config, widths[0]), *stages, *global_average())
        self.classifier = nn.Linear(widths[-1], config.num_classes)
        self.draw_weights(generator)
