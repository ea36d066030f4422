"""Small networks to explain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.encoding import Direct, make_encoder
from sqnn.models import create_model
from sqnn.neurons import LIF


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
