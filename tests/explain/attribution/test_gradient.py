"""Gradients: of linear networks, by hand, and before encoders that pass none."""

from __future__ import annotations

import pytest
import torch
from explained import Perceptron, images, sqdr

from sqnn.explain.attribution import attribute
from sqnn.models import create_model
from sqnn.neurons import LIF


def test_a_step_without_reset_and_a_straight_slope_gives_the_weights() -> None:
    model = Perceptron(LIF(surrogate="straight_through_estimator", reset="none"))
    model.encoder.timesteps = 1
    weights = model.readout.weight[2] @ model.linear.weight
    found = attribute(model, images(2, side=4), 2, "saliency", signed=True)
    assert torch.allclose(found.values, weights.view(1, 1, 4, 4).expand(2, -1, -1, -1))
    assert torch.allclose(attribute(model, images(2, side=4), 2, "saliency").values, found.values.abs())


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_the_surrogate_gradient_is_that_of_the_unrolled_equations(reset: str) -> None:
    beta, batch = 0.8, images(2, side=4, seed=3)
    model = Perceptron(LIF(beta, reset=reset))
    found = attribute(model, batch, torch.tensor([0, 2]), "saliency", signed=True).values
    current = model.linear(batch.flatten(1)).detach()
    u_now = current.new_zeros(current.shape)
    du_now = torch.zeros_like(current)  # derivative of each membrane by its own constant current
    total = torch.zeros_like(current)
    for _ in range(4):
        u, du = beta * u_now + current, beta * du_now + 1
        s, ds = (u > 1).double(), model.neuron.surrogate.slope_at(u - 1) * du
        total = total + ds
        u_now, du_now = {
            "subtract": (u - s, du - ds),
            "zero": (u * (1 - s), du * (1 - s) - u * ds),
            "none": (u, du),
        }[reset]
    expected = ((model.readout.weight[torch.tensor([0, 2])] * total) @ model.linear.weight).view_as(found)
    assert torch.allclose(found, expected, atol=1e-12)


def test_pixels_before_a_code_without_gradient_stand_for_their_spikes() -> None:
    model, batch = sqdr(), images(2)
    pixels = attribute(model, batch, 1, "gradient-input")
    spikes = attribute(model, batch, 1, "gradient-input", "spikes")
    assert pixels.values.any()
    assert torch.equal(pixels.values, spikes.values.sum(1))
    assert pixels.axes == ("image", "channel", "row", "column")
    assert "pixels stand for their spikes" in pixels.note
    assert spikes.note == ""


def test_a_code_that_passes_its_gradient_is_not_replaced() -> None:
    model, batch = Perceptron(LIF()), images(2, side=4)
    variable = batch.clone().requires_grad_()
    model(variable)[:, 0].sum().backward()
    found = attribute(model, batch, 0, "gradient-input")
    assert torch.equal(found.values, variable.grad * batch)
    assert found.note == ""


def test_gradients_of_weights_are_those_of_single_images() -> None:
    model, batch = sqdr(), images(2)
    found = attribute(model, batch, 1, "saliency", "weights", signed=True).values
    model(batch[1:])[0, 1].backward()
    assert torch.allclose(found[1], torch.cat([weight.grad.flatten() for weight in model.parameters()]), atol=1e-12)


def test_a_second_way_from_the_images_is_not_overlooked() -> None:
    model = create_model("ppf-qsnn", image_size=(8, 8))
    with pytest.raises(ValueError, match="at: got 'pixels' for a network with an encoder without gradient"):
        attribute(model, images(1, side=8).float(), 0, "saliency")


def test_a_silent_network_is_told() -> None:
    model = Perceptron(LIF(surrogate="sigmoid"))
    model.linear.bias.data.fill_(-1e6)
    found = attribute(model, images(1, side=4), 0, "saliency")
    assert not found.values.any()
    assert found.note == "the network is silent, and answers as it answers a black image"
    assert found.silent.tolist() == [True]
