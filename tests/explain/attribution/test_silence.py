"""A silent network: its attributions are 0 and say so, and what is no attribution but rounding is 0 as well."""

from __future__ import annotations

import pytest
import torch
from explained import Perceptron, images, sqdr
from torch import nn

from sqnn.explain import attribute
from sqnn.explain.attribution import METHODS, rounding
from sqnn.neurons import LIF

SILENT = "the network is silent, and answers as it answers a black image"
BEFORE_NEURONS = [(name, at) for name, kind in METHODS.items() for at in ("pixels", "spikes") if kind.explains(at)]


@pytest.fixture(scope="module", params=[50.0, 1e6])
def silent(request: pytest.FixtureRequest) -> nn.Module:
    """In single precision: surrogates of the lower threshold still have gradients far above rounding."""
    return sqdr(threshold=request.param).float()


@pytest.mark.parametrize(("method", "at"), BEFORE_NEURONS)
def test_values_are_zero_add_up_and_say_why(method: str, at: str, silent: nn.Module) -> None:
    found = attribute(silent, images(2).float(), torch.tensor([0, 2]), method, at)
    assert found.values.abs().max() == 0
    assert found.silent.tolist() == [True, True]
    assert SILENT in found.note
    if found.relative_error is not None:
        assert found.relative_error.tolist() == [0, 0]


def test_only_the_silent_images_of_a_batch_are_zero() -> None:
    model, pair = Perceptron(LIF(surrogate="sigmoid")), images(2, side=4)
    model.linear.weight.data.abs_()
    model.linear.bias.data.fill_(-3)
    pair[1] *= 0.01  # too faint for a spike
    for method in ("saliency", "occlusion", "integrated-surrogate"):
        both, alone = attribute(model, pair, 0, method), attribute(model, pair[:1], 0, method)
        assert both.silent.tolist() == [False, True]
        assert torch.equal(both.values[0], alone.values[0])
        assert both.values[0].abs().max() > 1e-3
        assert not both.values[1].any()
        assert f"{SILENT}, for 1 of 2 images" in both.note


def test_a_layer_that_hands_nothing_on_silences_the_network() -> None:
    model, batch = sqdr(), images(1)
    assert attribute(model, batch, 0, "saliency").silent.tolist() == [False]
    model.frontend.blocks[1].conv.weight.data.zero_()
    model.frontend.blocks[1].norm.bias.data.fill_(-9)
    found = attribute(model, batch, 0, "saliency")
    assert found.silent.tolist() == [True]
    assert not found.values.any()


def test_changes_that_are_real_stay(silent: nn.Module) -> None:
    """Of another baseline, and of places after the silent neurons."""
    model, batch = Perceptron(LIF(0.9)), 0.01 * images(1, side=4)
    model.linear.weight.data.abs_()
    model.linear.bias.data.fill_(-3)
    found = attribute(model, batch, 0, "shapley", baseline=1.0)
    assert found.silent.tolist() == [True]
    assert float(found.values.sum()) == pytest.approx(float(found.output - found.reference), abs=1e-9)
    assert abs(float(found.output - found.reference)) > 1
    later = attribute(silent, images(1).float(), 0, "saliency", "frontend.blocks.1")
    assert later.silent.tolist() == [False]
    assert later.values.abs().max() > 0.05


def test_a_sum_within_rounding_is_zero_and_not_infinitely_wrong() -> None:
    silent, batch = sqdr(threshold=1e6).float(), images(1).float()
    found = attribute(silent, batch, 2, "integrated-smooth", "frontend.blocks.0")
    assert not found.values.any()
    assert found.relative_error.tolist() == [0]
    assert "what changes by less than rounding is 0" in found.note


def test_rounding_is_that_of_the_largest_logit() -> None:
    logits = torch.tensor([[1.0, -8.0], [0.0, 0.0]])
    assert rounding(logits).tolist() == [4 * 8 * 2.0**-23, 0]
    assert rounding(logits.double())[0] == 4 * 8 * 2.0**-52
