"""The base of source networks: the check of their input, and how their weights are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.core import channels_last
from sqnn.encoding import check_images
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.classical.config import SourceConfig
from sqnn.models.initial import kaiming_normal, reset_parameters


class SourceNetwork(Network):
    """Ordinary network on images [batch, channels, height, width] in [0, 1], from which conversion starts.

    Every activation is a module of its own, and `forward` neither reads a shape nor branches on a value, so that
    torch.fx can trace it with `concrete_args={"generator": None}`. The input is checked before `forward`: ValueError
    names what does not fit. `forward` takes a `generator` as all networks do, and draws nothing from it.
    """

    config_class: ClassVar[type[ModelConfig]] = SourceConfig
    training_defaults: ClassVar[Mapping[str, str | float]] = {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "weight_decay": 5e-4,
        "schedule": "one-cycle",
    }
    scale_field: ClassVar[str | None] = "width_multiplier"
    config: SourceConfig

    def __init__(self, config: SourceConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        # The conversion's tracer calls `forward` itself, and so leaves the checks out of its graph.
        self.register_forward_pre_hook(_admit, with_kwargs=True)

    def draw_weights(self, generator: torch.Generator | None) -> None:
        """Draw all weights from the generator, or from one of seed 0 where there is none."""
        self._draw(torch.Generator().manual_seed(0) if generator is None else generator)

    def _draw(self, generator: torch.Generator) -> None:
        reset_parameters(self, generator)
        kaiming_normal(self, generator)


class SourceClassifier(SourceNetwork):
    """Network whose `classifier` makes logits [batch, num_classes] of a vector of `features` for each image."""

    parts: ClassVar[Mapping[str, str]] = {"features": "classical", "classifier": "classical"}
    features: nn.Module
    classifier: nn.Module

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.classifier(self.features(images))


def _admit(
    network: SourceNetwork, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Raise ValueError unless the images are such as the network was built for; hand them on laid out."""
    normed = network.training and any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    received, dtype = args[0] if args else kwargs.get("images"), next(network.parameters()).dtype
    images = check_batch(received, network.config, dtype, least=2 if normed else 1)
    check_images(images)
    laid = channels_last(network, images)
    return ((laid, *args[1:]), kwargs) if args else (args, {**kwargs, "images": laid})
