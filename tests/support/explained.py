"""A spiking network and images small enough to work out by hand, for tests of explanations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import sqnn
from sqnn.data import ImageData, Split
from sqnn.neurons import IF

TIMESTEPS = 4


class Small(nn.Module):
    """Linear, IF, linear, IF: 4 pixels, the same at each of 4 steps -> 3 neurons -> 3 neurons, whose counts are logits.

    The last layer's weights are 0 where the wiring lacks a path.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 3)
        self.hidden, self.output = IF(), IF()
        with torch.no_grad():
            for layer in (self.first, self.second):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
                layer.bias.copy_(0.3 * torch.randn(layer.bias.shape, generator=generator))
            self.second.weight[0, 1] = 0
            self.second.weight[2, 0] = 0

    def forward(self, images: Tensor) -> Tensor:
        currents = self.first(images.flatten(1)).expand(TIMESTEPS, -1, -1)
        return self.output(self.second(self.hidden(currents))).sum(0)


def small_data(train: int = 200, validation: int = 40, test: int = 60, seed: int = 1) -> ImageData:
    """Return random images of 2 x 2 pixels, with labels that mean nothing."""
    generator = torch.Generator().manual_seed(seed)

    def split(count: int) -> Split:
        images = torch.randint(256, (count, 1, 2, 2), generator=generator, dtype=torch.uint8)
        return Split(images, torch.randint(3, (count,), generator=generator))

    return ImageData("small", split(train), split(validation), split(test), ("a", "b", "c"))


def quantum(channels: tuple[int, ...] = (2,)) -> nn.Module:
    """Return a small SQDR-CNN of two qubits for images of 8 x 8 pixels, whose neurons fire."""
    model = sqnn.create_model("sqdr-cnn", n_qubits=2, image_size=(8, 8), channels=channels)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.constant_(part.weight, 2.0)
            nn.init.constant_(part.bias, 0.3)
    return model
