"""The architectures as lists: which layers make a stage, and how their sizes follow from the image's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sqnn.models.has8.config import HAS8ResNetConfig, HAS8VGGConfig
from sqnn.models.sizes import LARGE_IMAGE, half, scaled

LARGE_KERNEL = 7


@dataclass(frozen=True)
class Layer:
    """One layer: `kind` is conv, residual or dense; then what goes in, what comes out, and its geometry."""

    kind: Literal["conv", "residual", "dense"]
    inputs: int
    outputs: int
    stride: int = 1
    kernel: int = 3


@dataclass(frozen=True)
class Stage:
    """Layers between one encoder and one decoder; `after` is what follows the sum: none, halve or average.

    Average pools are linear, as decoders are: pooling the decoded sum equals pooling every step of the spiking branch,
    which is where the paper's VGG form has it, at a fraction of the work.
    """

    layers: tuple[Layer, ...]
    after: Literal["none", "halve", "average"] = "none"


def vgg(config: HAS8VGGConfig, scale: float = 1.0) -> list[Stage]:
    """Convolutions whose widths grow by `multiplier`, each halved while at least 2 pixels stay, then dense layers."""
    widths = [config.in_channels * config.width * config.multiplier**i for i in range(config.depth + 1)]
    stages, side = [], min(config.image_size)
    for before, width in pairwise([config.in_channels, *(scaled(width, scale) for width in widths)]):
        halve = half(side) >= 2
        side = half(side) if halve else side
        stages.append(Stage((Layer("conv", before, width),), "halve" if halve else "none"))
    last = stages[-1]
    # Halving and averaging over all of it are both averages; only one is needed where the last map is even.
    stages[-1] = Stage(last.layers, "average")
    dense = [last.layers[-1].outputs, *(scaled(width, scale) for width in config.hidden)]
    layers = tuple(Layer("dense", before, width) for before, width in pairwise(dense))
    return [*stages, Stage(layers)] if layers else stages


def resnet(config: HAS8ResNetConfig, scale: float = 1.0) -> list[Stage]:
    """A stem, then stages of residual blocks, the first block of all but the first stage halving the image."""
    widths = [scaled(config.width * config.multiplier**i, scale) for i in range(config.depth)]
    side = min(config.image_size)
    if side >= LARGE_IMAGE:
        stages = [Stage((Layer("conv", config.in_channels, widths[0], 2, LARGE_KERNEL),), "halve")]
        side = half(half(side))
    else:
        stages = [Stage((Layer("conv", config.in_channels, widths[0]),))]
    before = widths[0]
    for number, width in enumerate(widths):
        for block in range(config.stage_blocks):
            stride = 2 if number > 0 and block == 0 and half(side) >= 2 else 1
            side = half(side) if stride == 2 else side
            stages.append(Stage((Layer("residual", before, width, stride),)))
            before = width
    stages[-1] = Stage(stages[-1].layers, "average")
    return stages
