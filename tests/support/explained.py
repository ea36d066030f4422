"""Networks and images small enough to work out by hand, for tests of explanations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import sqnn
from sqnn.data import ImageData, Split
from sqnn.encoding import Direct, make_encoder
from sqnn.models import create_model
from sqnn.neurons import IF, LIF

TIMESTEPS = 4


def images(count: int, side: int = 6, seed: int = 0, channels: int = 1) -> Tensor:
    """Random images in [0, 1], in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, side, side, generator=generator, dtype=torch.float64)


def sqdr(seed: int = 0, **options: object) -> nn.Module:
    """An SQDR-CNN of 3 qubits on 6 x 6 images, in float64, whose neurons fire."""
    small = {"n_qubits": 3, "channels": (2, 4), "image_size": (6, 6), "num_classes": 3, "encoding": "phase"}
    model = create_model("sqdr-cnn", seed=seed, **{**small, **options})
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if name.endswith("conv.weight"):
            weight.data = 0.7 * torch.randn(weight.shape, generator=generator)
        elif "norm" in name:
            weight.data = weight.data - 0.2
    return model.double().eval()


class Perceptron(nn.Module):
    """Spikes of one layer of neurons on a constant current, added up and read by a linear layer."""

    def __init__(self, neuron: LIF, side: int = 4, width: int = 5, classes: int = 3, encoding: str = "direct") -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.encoder = Direct(4) if encoding == "direct" else make_encoder(encoding, 8)
        self.linear, self.neuron = nn.Linear(side * side, width), neuron
        self.readout = nn.Linear(width, classes)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator, dtype=torch.float64)

    def forward(self, images: Tensor) -> Tensor:
        return self.readout(self.neuron(self.linear(self.encoder(images).flatten(2))).sum(0))


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
