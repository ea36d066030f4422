"""VGG11 and VGG16 with batch norms and a global average, for images of any size."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from sqnn.models.base import ModelConfig
from sqnn.models.classical.config import VGGConfig
from sqnn.models.classical.layers import conv_norm, global_average
from sqnn.models.classical.network import SourceClassifier
from sqnn.models.sizes import scaled, strides

HIDDEN = 512
"""Width of the dense layer: that of the networks trained on CIFAR, where the paper has two of 4096."""


class VGG(SourceClassifier):
    """Stages of 3x3 convolutions, each halved while at least 2 pixels stay; global average; one dense layer.

    `widths` holds the channels of the convolutions of each stage.

    Source: Simonyan and Zisserman, ICLR 2015, table 1; batch norms and the average are later custom.
    """

    config_class: ClassVar[type[ModelConfig]] = VGGConfig
    widths: ClassVar[tuple[tuple[int, ...], ...]]

    def __init__(self, config: VGGConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        layers: list[nn.Module] = []
        before = config.in_channels
        halves = strides(min(config.image_size), [2] * len(self.widths))
        for stage, stride in zip(self.widths, halves, strict=True):
            for width in (scaled(width, config.width_multiplier) for width in stage):
                layers += [*conv_norm(before, width), config.make_activation(width)]
                before = width
            if stride == 2:
                layers.append(config.make_pool(2))
        hidden = scaled(HIDDEN, config.width_multiplier)
        self.features = nn.Sequential(*layers, *global_average())
        self.classifier = nn.Sequential(
            nn.Linear(before, hidden),
            config.make_activation(hidden),
            nn.Dropout(config.dropout),
            nn.Linear(hidden, config.num_classes),
        )
        self.draw_weights(generator)


class VGG11(VGG):
    """Configuration A of the paper: eight convolutions."""

    widths: ClassVar = ((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2)


class VGG16(VGG):
    """Configuration D of the paper: thirteen convolutions."""

    widths: ClassVar = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
