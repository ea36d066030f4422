"""HAS-8: networks of stages that are ordinary, spiking, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.core import channels_last
from sqnn.encoding import RANGES, FixedRange, LearnedRange, check_images, make_decoder
from sqnn.layers import (
    AnalogConv,
    AnalogDense,
    AnalogResidual,
    EncodeDecode,
    FusionBlock,
    SpikingConv,
    SpikingDense,
    SpikingResidual,
    SpikingStack,
)
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.has8.config import VARIANTS, HAS8Config, HAS8ResNetConfig, HAS8VGGConfig, Variant
from sqnn.models.has8.plan import Layer, Stage, resnet, vgg
from sqnn.models.has8.twins import matching_scale
from sqnn.models.initial import reset_parameters

INNER_LOW, INNER_HIGH = -0.5, 3.5
"""Where a learned range of a stage's input begins: a leaky ReLU of normalised values, and decoded spikes, fill it."""


class GlobalAverage(nn.Module):
    """Mean over height and width: `[batch, channels, height, width]` to `[batch, channels]`."""

    def forward(self, values: Tensor) -> Tensor:
        return values.mean((-2, -1))


class HAS8(Network):
    """Layer-wise network: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    Every stage computes ann(x) + decode(spiking(encode(x))), both branches on the same input and of the same widths;
    then comes an average pool, and at last one linear classifier. `stages` holds the fusion blocks in their order,
    `after` what follows each. Random encoders draw from the `generator` passed to `forward`.

    Source: HAS-8, arXiv 2509.24411. Deliberate differences from the published code: bits are rounded, binary and in one
    order; ranges belong to the network instead of the batch; every neuron starts afresh in every call. The rest,
    default surrogates, neurons, pools and stems among it, is listed in docs/differences.md.
    """

    config_class: ClassVar[type[ModelConfig]] = HAS8Config
    parts: ClassVar[Mapping[str, str]] = {"ann": "classical", "snn": "spiking", "classifier": "classical"}
    training_defaults: ClassVar[Mapping[str, str | float]] = {"learning_rate": 0.005}
    scale_field: ClassVar[str | None] = "width"
    config: HAS8Config

    def __init__(self, config: HAS8Config, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        plan = self._matched_plan()
        self.stages, self.after = self._build(plan, VARIANTS[config.variant])
        self.classifier = nn.Linear(plan[-1].layers[-1].outputs, config.num_classes)
        reset_parameters(self, torch.Generator().manual_seed(0) if generator is None else generator)

    def plan(self, scale: float = 1.0) -> list[Stage]:
        """Return the stages, all widths times `scale`."""
        raise NotImplementedError

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_batch(images, self.config, self.classifier.weight.dtype, least=2 if self.training else 1)
        check_images(images)
        values = channels_last(self, images)
        for stage, after in zip(self.stages, self.after, strict=True):
            values = after(stage(values, generator))
        return self.classifier(values)

    def _matched_plan(self) -> list[Stage]:
        """Return the stages, widened where the network is a twin of the hybrid."""
        plan, variant = self.plan(), VARIANTS[self.config.variant]
        if not variant.twin:
            return plan
        hybrid = self._count(plan, VARIANTS["hybrid"])
        return self.plan(matching_scale(hybrid, lambda scale: self._count(self.plan(scale), variant)))

    def _count(self, plan: list[Stage], variant: Variant) -> int:
        """Return the number of parameters that a plan would come to."""
        with torch.device("meta"):
            stages, _ = self._build(plan, variant)
            classifier = nn.Linear(plan[-1].layers[-1].outputs, self.config.num_classes)
        return sum(p.numel() for part in (stages, classifier) for p in part.parameters())

    def _build(self, plan: list[Stage], variant: Variant) -> tuple[nn.ModuleList, nn.ModuleList]:
        """Return the fusion blocks of a plan and what follows each."""
        if not variant.one_train:
            blocks = [self._stage(stage, variant, first=number == 0) for number, stage in enumerate(plan)]
            return nn.ModuleList(blocks), nn.ModuleList(_pool(stage.after) for stage in plan)
        # One encoder and one decoder: spikes travel from stage to stage.
        layers: list[Layer] = []
        after: list[nn.Module] = []
        for stage in plan:
            layers += stage.layers
            after += [*(nn.Identity() for _ in stage.layers[1:]), _pool(stage.after)]
        block = FusionBlock(None, self._spiking(layers, after, first=True))
        return nn.ModuleList([block]), nn.ModuleList([nn.Identity()])

    def _stage(self, stage: Stage, variant: Variant, first: bool) -> FusionBlock:
        ann = nn.Sequential(*(_analog(layer) for layer in stage.layers)) if variant.ann else None
        if not variant.snn:
            return FusionBlock(ann, None)
        return FusionBlock(ann, self._spiking(stage.layers, [nn.Identity() for _ in stage.layers], first))

    def _spiking(self, layers: Sequence[Layer], after: list[nn.Module], first: bool) -> EncodeDecode:
        kind = FixedRange if first else RANGES[self.config.encoding_range]  # images are in [0, 1]
        values_range = LearnedRange(INNER_LOW, INNER_HIGH) if kind is LearnedRange else kind()
        encoder = self.config.make_encoder()
        block = SpikingStack([self._spiking_layer(layer) for layer in layers], after)
        return EncodeDecode(block, encoder, make_decoder(self.config.decoder, encoder), values_range)

    def _spiking_layer(self, layer: Layer) -> nn.Module:
        if layer.kind == "dense":
            return SpikingDense(layer.inputs, layer.outputs, self.config.make_neuron)
        if layer.kind == "residual":
            return SpikingResidual(layer.inputs, layer.outputs, self.config.make_neuron, layer.stride)
        return SpikingConv(layer.inputs, layer.outputs, self.config.make_neuron, layer.stride, layer.kernel)


class HAS8VGG(HAS8):
    """The VGG form: 1 + `depth` convolutions of growing width, dense layers `hidden`, a classifier."""

    config_class: ClassVar[type[ModelConfig]] = HAS8VGGConfig
    config: HAS8VGGConfig

    def plan(self, scale: float = 1.0) -> list[Stage]:
        return vgg(self.config, scale)


class HAS8ResNet(HAS8):
    """The ResNet form: a stem, `depth` stages of `stage_blocks` residual blocks, a classifier."""

    config_class: ClassVar[type[ModelConfig]] = HAS8ResNetConfig
    config: HAS8ResNetConfig

    def plan(self, scale: float = 1.0) -> list[Stage]:
        return resnet(self.config, scale)


def _analog(layer: Layer) -> nn.Module:
    if layer.kind == "dense":
        return AnalogDense(layer.inputs, layer.outputs)
    if layer.kind == "residual":
        return AnalogResidual(layer.inputs, layer.outputs, layer.stride)
    return AnalogConv(layer.inputs, layer.outputs, layer.stride, layer.kernel)


def _pool(after: str) -> nn.Module:
    if after == "halve":
        return nn.AvgPool2d(2, ceil_mode=True)
    return GlobalAverage() if after == "average" else nn.Identity()
