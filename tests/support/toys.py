"""A network small enough to work out by hand, with ReLU or QCFS activations, known to the package while a test runs."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from sqnn.core import Choices, option
from sqnn.models import ModelConfig, Network
from sqnn.models.initial import reset_parameters
from sqnn.neurons import QCFS


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig(ModelConfig):
    activation: str = option("relu", "activation: relu, qcfs")
    width: int = option(6, "hidden width")


class Toy(Network):
    """Linear, activation, batch norm, activation, linear."""

    config_class = ToyConfig
    parts: ClassVar[dict[str, str]] = {"layers": "classical"}

    def __init__(self, config: ToyConfig, generator: torch.Generator) -> None:
        super().__init__(config)
        height, width = config.image_size
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(config.in_channels * height * width, config.width),
            nn.ReLU() if config.activation == "relu" else QCFS(3, 1.5),
            nn.BatchNorm1d(config.width),
            nn.ReLU() if config.activation == "relu" else QCFS(2, 2.5),
            nn.Linear(config.width, config.num_classes),
        )
        reset_parameters(self, generator)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.layers(images)


class OtherToy(Toy):
    """The same tensors under another name."""


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package build Toy as `toy` and OtherToy as `other-toy` until the test ends."""
    from sqnn.models import MODELS

    monkeypatch.setattr("sqnn.models.create.MODELS", Choices("model", {**MODELS, "toy": Toy, "other-toy": OtherToy}))
