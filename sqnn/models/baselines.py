"""Small networks without a circuit, which others are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import option
from sqnn.encoding import check_images, make_encoder
from sqnn.layers import AnalogCNN, SpikingCNN
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.front_ends import BlocksConfig, FrontEndConfig
from sqnn.models.initial import reset_parameters
from sqnn.neurons import NeuronConfig

SQDR_SIZED_WIDTHS = (3, 4, 13)
"""Widths that come to 783 parameters for one channel and ten classes, as few as the SQDR-CNN has."""
MOST_SIDE = 1024
"""Most pixels along a side that a regression reads."""
TRAINING: Mapping[str, str | float] = MappingProxyType({"batch_size": 32, "learning_rate": 0.015})
"""The SQDR-CNN's own settings of a training."""


@dataclass(frozen=True, kw_only=True)
class SNNCNNConfig(NeuronConfig, FrontEndConfig):
    """Every choice of the spiking classifier. Raises ConfigError, naming the field, on a value that builds none."""

    channels: tuple[int, ...] | None = option(SQDR_SIZED_WIDTHS, "widths of the blocks", least=1)


class SNNCNN(Network):
    """Spiking convolutional classifier: images [batch, channels, height, width] in [0, 1] -> logits.

    encode -> spiking blocks -> rates -> linear: the front-end of the SQDR-CNN with readout `membrane`, whose angles are
    the logits [batch, num_classes]. `channels` makes it small or large.
    """

    config_class: ClassVar[type[ModelConfig]] = SNNCNNConfig
    parts: ClassVar[Mapping[str, str]] = {"frontend": "spiking"}
    training_defaults: ClassVar[Mapping[str, str | float]] = TRAINING
    scale_field: ClassVar[str | None] = "channels"
    config: SNNCNNConfig

    def __init__(self, config: SNNCNNConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        self.encoder = make_encoder(config.encoding, config.timesteps)
        self.frontend = SpikingCNN(
            config.in_channels, config.widths, config.num_classes, config.make_neuron, "membrane"
        )
        reset_parameters(self, torch.Generator().manual_seed(0) if generator is None else generator)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_batch(images, self.config, self.frontend.linear.weight.dtype)
        logits: Tensor = self.frontend(self.encoder.encode(images, generator))
        return logits


@dataclass(frozen=True, kw_only=True)
class TinyCNNConfig(BlocksConfig):
    """Every choice of the small CNN. Raises ConfigError, naming the field, on a value that builds none."""

    channels: tuple[int, ...] | None = option(SQDR_SIZED_WIDTHS, "widths of the blocks", least=1)


class TinyCNN(Network):
    """Convolutional classifier: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    `AnalogCNN`: convolutions, batch norms, ReLU and max pools, global average, a linear layer. It is snn-cnn without
    spikes, of as many parameters.
    """

    config_class: ClassVar[type[ModelConfig]] = TinyCNNConfig
    parts: ClassVar[Mapping[str, str]] = {"cnn": "classical"}
    training_defaults: ClassVar[Mapping[str, str | float]] = TRAINING
    scale_field: ClassVar[str | None] = "channels"
    config: TinyCNNConfig

    def __init__(self, config: TinyCNNConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        self.cnn = AnalogCNN(config.in_channels, config.widths, config.num_classes)
        reset_parameters(self, torch.Generator().manual_seed(0) if generator is None else generator)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_images(check_batch(images, self.config, self.cnn.linear.weight.dtype))
        logits: Tensor = self.cnn(images)
        return logits


@dataclass(frozen=True, kw_only=True)
class LogisticConfig(ModelConfig):
    """Every choice of the regression. Raises ConfigError, naming the field, on a value that builds none."""

    side: int = option(
        MOST_SIDE, "most pixels along a side of what is read; larger images are averaged", least=1, most=MOST_SIDE
    )

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of what the regression reads."""
        height, width = self.image_size
        return min(height, self.side), min(width, self.side)


class Logistic(Network):
    """Multinomial logistic regression: images [batch, channels, height, width] in [0, 1] -> logits W x + b.

    x are the pixels; a side of more than `side` pixels is averaged to so many, in every channel.
    """

    config_class: ClassVar[type[ModelConfig]] = LogisticConfig
    parts: ClassVar[Mapping[str, str]] = {"linear": "classical"}
    training_defaults: ClassVar[Mapping[str, str | float]] = TRAINING
    scale_field: ClassVar[str | None] = "side"
    config: LogisticConfig

    def __init__(self, config: LogisticConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        height, width = config.grid
        self.linear = nn.Linear(config.in_channels * height * width, config.num_classes)
        reset_parameters(self, torch.Generator().manual_seed(0) if generator is None else generator)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_images(check_batch(images, self.config, self.linear.weight.dtype))
        logits: Tensor = self.linear(F.adaptive_avg_pool2d(images, self.config.grid).flatten(1))
        return logits
