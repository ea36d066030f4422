"""MobileNetV2: inverted residuals with linear bottlenecks."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.models.base import ModelConfig
from sqnn.models.classical.config import MobileNetV2Config, SourceConfig
from sqnn.models.classical.layers import conv_norm, global_average
from sqnn.models.classical.network import SourceClassifier
from sqnn.models.sizes import LARGE_IMAGE, scaled, strides

STEM, HEAD = 32, 1280
"""Channels of the first and of the last convolution."""
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and stride of each stage: t, c, n and s of the paper's table 2."""


class InvertedResidual(nn.Module):
    """project(depthwise(expand(x))), plus x where the shape stays; the projection has no activation.

    The inner convolutions are `expansion` times as wide as the input; without expansion there is no first one.
    """

    def __init__(self, config: SourceConfig, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = expansion * inputs
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [*conv_norm(inputs, inner, 1), config.make_activation(inner)]
        layers += [*conv_norm(inner, inner, 3, stride, groups=inner), config.make_activation(inner)]
        self.residual = nn.Sequential(*layers, *conv_norm(inner, outputs, 1))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, values: Tensor) -> Tensor:
        projected: Tensor = self.residual(values)
        return values + projected if self.adds else projected


class MobileNetV2(SourceClassifier):
    """A stem, seven stages of inverted residuals, a 1x1 convolution, global average, a linear classifier.

    The paper's ReLU6 is a ReLU, or a QCFS, whose threshold clips as well. Stem and second stage halve only images of 64
    pixels and more, as is the custom for CIFAR.

    Source: Sandler et al., CVPR 2018, table 2.
    """

    config_class: ClassVar[type[ModelConfig]] = MobileNetV2Config

    def __init__(self, config: MobileNetV2Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        wanted = [2, *(stride for *_, stride in STAGES)]
        side = min(config.image_size)
        if side < LARGE_IMAGE:
            wanted[0] = wanted[2] = 1
        stem, *rest = strides(side, wanted)
        before, head = (scaled(width, config.width_multiplier) for width in (STEM, HEAD))
        layers = [*conv_norm(config.in_channels, before, stride=stem), config.make_activation(before)]
        for (expansion, channels, blocks, _), stride in zip(STAGES, rest, strict=True):
            width = scaled(channels, config.width_multiplier)
            for block in range(blocks):
                layers.append(InvertedResidual(config, before, width, stride if block == 0 else 1, expansion))
                before = width
        layers += [*conv_norm(before, head, 1), config.make_activation(head)]
        self.features = nn.Sequential(*layers, *global_average())
        self.classifier = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(head, config.num_classes))
        self.draw_weights(generator)
