"""Temporal spike attribution against products of matrices, step by step."""

from __future__ import annotations

import pytest
import torch
from explained import Perceptron, images, sqdr
from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.explain.attribution import attribute
from sqnn.explain.recording import record
from sqnn.models import create_model
from sqnn.neurons import IF, LIF


class Two(Perceptron):
    """Two layers of neurons."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(IF(), encoding="bitplane")
        self.between, self.second = nn.Linear(5, 4).double(), LIF(0.9, 0.5)
        self.readout = nn.Linear(4, 3).double()
        for layer in (self.between, self.readout):
            for weight in layer.parameters():
                bound = layer.in_features**-0.5
                nn.init.uniform_(weight, -bound, bound, generator)

    def forward(self, images: Tensor) -> Tensor:
        first = self.neuron(self.linear(self.encoder(images).flatten(2)))
        return self.readout(self.second(self.between(first)).sum(0))


def test_the_values_are_products_along_paths_of_one_step() -> None:
    model, batch = Two(torch.Generator().manual_seed(0)), images(2, side=4)
    found = attribute(model, batch, 2, "temporal-spike", "spikes", beta=0.8).values
    seen = record(model, batch)
    probability = model(batch).softmax(1)[:, 2]
    for image in range(2):
        for step in range(8):
            age = 0.8 ** (7 - step)
            gates = [
                torch.diag(age * train[step, image].flatten())
                for train in (seen.input, seen["neuron"].spikes, seen["second"].spikes)
            ]
            product = gates[0] @ model.linear.weight.t() @ gates[1] @ model.between.weight.t() @ gates[2]
            expected = probability[image] * (product @ model.readout.weight[2])
            assert torch.allclose(found[image, step].flatten(), expected, atol=1e-12)
    assert found.any()


def test_a_network_with_norms_and_pools_is_taken_as_it_is() -> None:
    model, batch = sqdr(), images(2)
    pixels, spikes = (attribute(model, batch, 1, "temporal-spike", at).values for at in ("pixels", "spikes"))
    assert pixels.any()
    assert torch.allclose(pixels, spikes.sum(1))


def test_without_neurons_it_is_refused() -> None:
    model = create_model("logistic", image_size=(4, 4))
    with pytest.raises(ConfigError, match="method: got temporal-spike for a network without neurons of sqnn"):
        attribute(model, images(1, side=4).float(), 1, "temporal-spike")
