"""A small detector: residual stages, a feature pyramid, and heads shared by its levels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.models.base import ModelConfig
from sqnn.models.classical.config import RetinaNetConfig
from sqnn.models.classical.network import SourceNetwork
from sqnn.models.classical.resnet import WIDTHS, ResNet18, fitting_stem, residual_stages, stage_strides, stem_size
from sqnn.models.sizes import half, scaled

LEVELS = 3
"""Feature maps that the heads read: those of the last stages."""
PYRAMID_WIDTH = 256
"""Channels of the pyramid and of the heads."""
HEAD_CONVOLUTIONS = 2
"""Convolutions of a head before its last, where the paper has four."""
BOX = 4
"""Numbers of a box."""
HEAD_STD = 0.01
"""Standard deviation of the heads' initial weights."""
PRIOR = 0.01
"""Initial probability of every class at every position."""


class Pyramid(nn.Module):
    """Feature pyramid: P_l = conv(M_l) with M_l = lateral(C_l) + enlarged(M_{l+1}), for maps from large to small.

    `widths` are the channels of the maps C_l, `sizes` their heights and widths in pixels.

    Source: Lin et al., "Feature pyramid networks", CVPR 2017, section 3.
    """

    def __init__(self, widths: list[int], sizes: list[tuple[int, int]], channels: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.enlarge = nn.ModuleList(nn.Upsample(size=size, mode="nearest") for size in sizes[:-1])
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in widths)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        merged = [lateral(values) for lateral, values in zip(self.laterals, maps, strict=True)]
        for level in reversed(range(len(self.enlarge))):
            merged[level] = merged[level] + self.enlarge[level](merged[level + 1])
        return [smooth(values) for smooth, values in zip(self.smooth, merged, strict=True)]


class Head(nn.Module):
    """Say so many numbers of each anchor: [batch, channels, height, width] to [batch, positions, values].

    Positions run over rows, then columns, then anchors.
    """

    def __init__(self, config: RetinaNetConfig, channels: int, values: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(HEAD_CONVOLUTIONS):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), config.make_activation(channels)]
        self.hidden = nn.Sequential(*layers)
        self.last = nn.Conv2d(channels, config.anchors * values, 3, padding=1)
        self.split = (config.anchors, values)

    def forward(self, features: Tensor) -> Tensor:
        numbers: Tensor = self.last(self.hidden(features)).permute(0, 2, 3, 1)
        return numbers.flatten(1, 2).unflatten(-1, self.split).flatten(1, 2)


class RetinaNet(SourceNetwork):
    """Detector: images in [0, 1] -> class logits [batch, positions, num_classes] and boxes [batch, positions, 4].

    The last three of four residual stages feed a pyramid, on whose every level the same two heads run. Positions run
    over levels from large to small, then rows, columns and anchors; `map_sizes` are height and width of each level in
    pixels. What the numbers of a box mean is decided in training.

    Source: Lin et al., "Focal loss for dense object detection", ICCV 2017, section 4; here two hidden convolutions per
    head instead of four, and no levels beyond the last stage.
    """

    config_class: ClassVar[type[ModelConfig]] = RetinaNetConfig
    parts: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("stem", "stages", "pyramid", "class_head", "box_head"), "classical"
    )

    def __init__(self, config: RetinaNetConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        widths = [scaled(width, config.width_multiplier) for width in WIDTHS]
        sizes = _stage_sizes(config)
        channels = scaled(PYRAMID_WIDTH, config.width_multiplier)
        self.map_sizes = sizes[-LEVELS:]
        self.stem = fitting_stem(config, widths[0])
        self.stages = nn.ModuleList(residual_stages(config, widths, ResNet18.blocks, min(stem_size(config))))
        self.pyramid = Pyramid(widths[-LEVELS:], self.map_sizes, channels)
        self.class_head = Head(config, channels, config.num_classes)
        self.box_head = Head(config, channels, BOX)
        self.draw_weights(generator)

    def forward(  # type: ignore[override]  # classes and boxes of every position, instead of the logits of the image
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        values = self.stem(images)
        maps = []
        for stage in self.stages:
            values = stage(values)
            maps.append(values)
        levels = self.pyramid(maps[-LEVELS:])
        classes = torch.cat([self.class_head(level) for level in levels], dim=1)
        boxes = torch.cat([self.box_head(level) for level in levels], dim=1)
        return classes, boxes

    def _draw(self, generator: torch.Generator) -> None:
        super()._draw(generator)
        for head in (self.class_head, self.box_head):
            for layer in head.modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.normal_(layer.weight, std=HEAD_STD, generator=generator)
        nn.init.constant_(self.class_head.last.get_parameter("bias"), -math.log((1 - PRIOR) / PRIOR))


def _stage_sizes(config: RetinaNetConfig) -> list[tuple[int, int]]:
    """Return height and width in pixels after every stage."""
    height, width = stem_size(config)
    sizes = []
    for stride in stage_strides(min(height, width), len(WIDTHS)):
        if stride == 2:
            height, width = half(height), half(width)
        sizes.append((height, width))
    return sizes
