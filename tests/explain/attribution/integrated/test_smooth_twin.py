"""The smooth twin: another network, whose integrated gradients add up."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from explained import Perceptron, images, sqdr
from torch import nn

from sqnn.core import ConfigError
from sqnn.explain.attribution import attribute, probing
from sqnn.explain.attribution.integrated import smooth_twin
from sqnn.explain.attribution.integrated.smooth_twin import integrated
from sqnn.models import create_model
from sqnn.neurons import LIF, QCFS


@pytest.mark.parametrize("at", ["pixels", "spikes", "angles"])
def test_the_values_add_up_to_a_thousandth(at: str) -> None:
    found = attribute(sqdr(), images(2), 1, "integrated-smooth", at)
    assert found.relative_error.max() <= 1e-3
    assert found.twin is not None
    others = int((~found.twin.same_label).sum())
    wording = {0: "gives the same label;", 1: "gives another label for 1 of 2 images;", 2: "gives another label;"}
    assert wording[others] in found.note
    assert found.values.any()


def test_the_error_falls_with_the_steps() -> None:
    twin = smooth_twin(Perceptron(LIF(surrogate="atan")))
    with probing(twin, images(3, side=4), 1, "pixels", None) as probe:
        baseline, rows = probe.baseline(0.0), torch.arange(3)
        difference = probe.output - probe.score(baseline)
        errors = [
            (integrated(probe, baseline, rows, steps).flatten(1).sum(1) - difference).abs().max().item()
            for steps in (8, 16, 32, 64)
        ]
    assert all(more > 5 * fewer for more, fewer in pairwise(errors))
    assert errors[-1] < 1e-6


def test_too_few_steps_are_told() -> None:
    found = attribute(Perceptron(LIF()), images(2, side=4), 1, "integrated-smooth", steps=1, most_steps=1)
    assert "1 step, which were not enough for 2" in found.note
    assert found.relative_error.max() > 1e-3


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_the_twin_is_differentiated_through_its_reset(reset: str) -> None:
    twin = smooth_twin(Perceptron(LIF(0.9, reset=reset, detach_reset=True)))
    twin.encoder.timesteps = 3
    batch = images(1, side=4).requires_grad_()
    assert torch.autograd.gradcheck(twin, batch, atol=1e-6)


def test_the_network_keeps_its_spikes() -> None:
    model = sqdr()
    before = model(images(2))
    twin = smooth_twin(model)
    assert not torch.equal(twin(images(2)), before)
    assert torch.equal(model(images(2)), before)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_surrogate_gradients_of_quantised_activations_miss_a_level_of_each(bits: int) -> None:
    """Their gradient is that of clipped ReLU, from which each activation is at most half a level away, at both ends."""
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(12, 16, generator=generator) / 3, torch.randn(3, 12, generator=generator) / 3]
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), QCFS(bits, 2.0), nn.Linear(12, 3)).double()
    for layer, weight in zip((model[1], model[3]), weights, strict=True):
        layer.weight.data = weight.double()
    found = attribute(model, images(3, side=4), 1, "integrated-surrogate", steps=256)
    level = 2.0 / (2**bits - 1)
    quadrature = 4e-3
    assert found.completeness_error.max() < level * model[3].weight[1].abs().sum() + quadrature
    smooth = attribute(model, images(3, side=4), 1, "integrated-smooth", steps=256, most_steps=256)
    assert smooth.completeness_error.max() < quadrature
    assert torch.allclose(smooth.values, found.values, atol=1e-5)


def test_neurons_without_a_smooth_form_are_refused() -> None:
    model = create_model("sqdr-cnn", image_size=(8, 8), neuron="snntorch:Leaky")
    with pytest.raises(ConfigError, match=r"method: got a smooth twin for frontend.blocks.0, neurons of SnnTorchLeaky"):
        attribute(model, images(1, side=8).float(), 1, "integrated-smooth")
