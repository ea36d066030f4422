"""Spike activation maps against a double loop."""

from __future__ import annotations

import math

import pytest
import torch
from explained import Perceptron, images, sqdr
from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.encoding import Direct
from sqnn.explain.attribution import activation_map
from sqnn.explain.recording import record
from sqnn.neurons import IF


def test_the_map_is_that_of_a_double_loop() -> None:
    model, batch = sqdr(encoding="direct"), images(2)
    found = activation_map(model, batch, "frontend.blocks.0", gamma=0.3)
    spikes = record(model, batch)["frontend.blocks.0"].spikes
    expected = torch.zeros_like(found.values)
    for now in range(len(spikes)):
        for before in range(now):
            expected[:, now] += (spikes[now] * spikes[before] * math.exp(-0.3 * (now - before))).sum(1)
    assert expected.any()
    assert torch.allclose(found.values, expected, atol=1e-12)
    assert found.axes == ("image", "timestep", "row", "column")
    assert torch.equal(torch.as_tensor(found.plot(image=1).axes[0].images[0].get_array()), found.values[1].sum(0))


def test_silent_steps_count_nothing() -> None:
    model, batch = Perceptron(IF()), images(2, side=4)
    found = activation_map(model, batch, "neuron").values
    spikes = record(model, batch)["neuron"].spikes.transpose(0, 1)
    assert found.any()
    assert not found[spikes == 0].any()


def test_one_step_and_a_silent_layer_have_an_empty_map() -> None:
    model = Perceptron(IF())
    model.encoder.timesteps = 1
    assert not activation_map(model, images(1, side=4), "neuron").values.any()
    model.encoder.timesteps = 4
    model.linear.bias.data.fill_(-100)
    assert not activation_map(model, images(1, side=4), "neuron").values.any()


@pytest.mark.parametrize(("shape", "axes"), [((4, 4), ("row", "column")), ((2, 2, 2, 2), None), ((16,), ("neuron",))])
def test_every_axis_has_a_name_of_its_own(shape: tuple[int, ...], axes: tuple[str, ...] | None) -> None:
    class Sheet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.neuron = Direct(4), IF()

        def forward(self, images: Tensor) -> Tensor:
            return self.neuron(self.encoder(images).flatten(2).unflatten(2, shape)).flatten(2).sum(0)

    found = activation_map(Sheet(), images(2, side=4), "neuron")
    assert found.values.any()
    assert len(set(found.axes)) == found.values.ndim
    assert axes is None or found.axes == ("image", "timestep", *axes)
    assert found.frame["value"].sum() == pytest.approx(found.values.sum().item())


def test_bad_input_gets_one_line() -> None:
    with pytest.raises(ConfigError, match="gamma: got -1"):
        activation_map(sqdr(), images(1), "frontend.blocks.0", gamma=-1)
    with pytest.raises(ConfigError, match=r"layers: got 'frontend.block\.0', expected one of"):
        activation_map(sqdr(), images(1), "frontend.block.0")
