"""Integrated surrogate gradients: captum's, and not complete."""

from __future__ import annotations

import torch
from explained import Perceptron, images, sqdr

from sqnn.explain.attribution import attribute, probing
from sqnn.explain.attribution.integrated.smooth_twin import integrated
from sqnn.neurons import LIF


def test_they_are_the_mean_gradient_on_the_line() -> None:
    model, batch = sqdr(), images(2)
    found = attribute(model, batch, 1, "integrated-surrogate", "spikes", steps=8, baseline=0.1)
    with probing(model, batch, 1, "spikes", None) as probe:
        own = integrated(probe, probe.baseline(0.1), torch.arange(2), 8)
    assert own.any()
    assert torch.allclose(found.values, own, atol=1e-6)


def test_more_steps_do_not_make_them_add_up() -> None:
    model, batch = sqdr(), images(2)
    few, many = (attribute(model, batch, 1, "integrated-surrogate", steps=steps).relative_error for steps in (8, 96))
    assert many.median() > 0.1
    assert torch.allclose(few.median(), many.median(), rtol=0.3)


def test_the_passes_are_counted() -> None:
    model = Perceptron(LIF())
    batch = images(2, side=4)
    calls = []
    model.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    cost = attribute(model, batch, 1, "integrated-surrogate", steps=10).cost
    assert cost.backwards == 21
    assert cost.forwards >= sum(calls) - 2
