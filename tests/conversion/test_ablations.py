"""What each part of the method does, left out one at a time, against formulas by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from convertible import draw_images, randomise
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.conversion import convert
from sqnn.neurons import QCFS

T = 4


def network(seed: int = 3) -> nn.Sequential:
    return randomise(nn.Sequential(nn.Linear(5, 6), QCFS(T), nn.Linear(6, 6), QCFS(T), nn.Linear(6, 3)), seed)


def convolutional(affine: bool, bias: bool) -> nn.Sequential:
    layers = [nn.Conv2d(1, 3, 3), QCFS(T), nn.Conv2d(3, 3, 3, bias=bias), nn.BatchNorm2d(3, affine=affine)]
    return randomise(nn.Sequential(*layers, nn.Flatten()), seed=3)


def images() -> Tensor:
    return draw_images(20, 5) * 2 - 1


def rounded(values: Tensor, layer: QCFS, levels: int) -> Tensor:
    return layer.threshold / levels * (values * levels / layer.threshold + 0.5).floor().clamp(0, levels)


def test_with_all_parts_the_source_comes_out() -> None:
    model = network()
    spiking = convert(model)
    assert spiking.how.exact
    assert_close(spiking(images()), model(images()), atol=1e-12, rtol=0)


def test_without_plane_weights_t_steps_hold_t_levels() -> None:
    model = network()
    spiking = convert(model, plane_weights=False)
    values = rounded(model[0](images()), model[1], T)
    expected = model[4](rounded(model[2](values), model[3], T))
    assert_close(spiking(images()), expected, atol=1e-12, rtol=0)
    assert (expected - model(images())).abs().max() > 0.01
    assert not spiking.how.exact
    _, trains = spiking.record(images())
    for train in trains.values():
        assert (train.int().diff(dim=0) <= 0).all()  # a count in ones: those that fire do so first


@pytest.mark.parametrize("planes", [None, 2])
def test_without_the_bias_shift_biases_count_once_a_step(planes: int | None) -> None:
    model = network()[:3]
    spiking = convert(model, bias_shift=False, planes=planes)
    steps = planes or T
    last = 2 ** (T - steps)
    activation = last * rounded(model[0](images()), model[1], 15) if planes is None else None
    if activation is None:
        threshold = model[1].threshold
        counts = (model[0](images()) * 15 / threshold / last + 0.5).floor().clamp(0, 2**steps - 1)
        activation = counts * last * threshold / 15
    expected = activation @ model[2].weight.T + steps * model[2].bias
    assert_close(spiking(images()), expected, atol=1e-12, rtol=0)
    assert not spiking.how.exact
    assert (spiking(images()) - convert(model, planes=planes)(images())).abs().max() > 0.01


@pytest.mark.parametrize(("affine", "bias"), [(True, True), (True, False), (False, True)])
def test_without_the_bias_shift_norms_shift_once_a_step(affine: bool, bias: bool) -> None:
    model = convolutional(affine, bias)
    given = draw_images(4, 1, 8, 8)
    spiking = convert(model, bias_shift=False)
    norm = model[3]
    spikes = model[1](model[0](given))
    linear = nn.functional.conv2d(spikes, model[2].weight)
    offset = model[2].bias if bias else torch.zeros(3, dtype=torch.float64)
    gain = 1 / (norm.running_var + norm.eps).sqrt() * (norm.weight if affine else 1)
    beta = norm.bias if affine else torch.zeros(3, dtype=torch.float64)
    constant = T * (gain * (offset - norm.running_mean) + beta)
    expected = (linear * gain.view(-1, 1, 1) + constant.view(-1, 1, 1)).flatten(1)
    assert_close(spiking(given), expected, atol=1e-11, rtol=0)
    assert_close(convert(model)(given), model(given), atol=1e-12, rtol=0)


def test_the_shifted_bias_is_the_one_of_the_paper_s_proof() -> None:
    """beta_c = beta / T + (1 - 1 / T) gamma mu / sqrt(var + eps), and a T-th of the convolution's own."""
    model = convolutional(True, True)
    layers = list(convert(model).spiking.modules())
    (norm,) = (layer for layer in layers if isinstance(layer, nn.BatchNorm2d))
    convolution = [layer for layer in layers if isinstance(layer, nn.Conv2d)][1]
    old = model[3]
    share = old.weight * old.running_mean / (old.running_var + old.eps).sqrt()
    assert_close(norm.bias, (old.bias / T + (1 - 1 / T) * share).detach(), rtol=1e-12, atol=1e-15)
    assert_close(convolution.bias, model[2].bias.detach() / T, rtol=1e-12, atol=0)
    for ours, theirs in ((convolution.weight, model[2].weight), (norm.weight, old.weight)):
        assert torch.equal(ours, theirs)
    for name in ("running_mean", "running_var"):
        assert torch.equal(getattr(norm, name), getattr(old, name))


@pytest.mark.parametrize("plane_weights", [True, False])
def test_without_postponing_neurons_fire_as_they_integrate(plane_weights: bool) -> None:
    """Both layers in plain loops over steps; the first sees its share of a constant current in each."""
    model = network()
    spiking = convert(model, postponed=False, plane_weights=plane_weights)
    weights = [8, 4, 2, 1] if plane_weights else [1, 1, 1, 1]
    steps = 15 if plane_weights else T
    (w2, b2), (w4, b4) = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in (model[2], model[4])
    )
    one, two = model[1].threshold.item(), model[3].threshold.item()
    constant = model[0](images()).detach().numpy()
    first, second = np.full((20, 6), 0.5), np.full((20, 6), 0.5)
    output, total = np.zeros((20, 3)), sum(weights)
    for weight in weights:
        first = first + constant * weight / total * steps / one
        spikes = (first >= weight).astype(float)
        first = first - weight * spikes
        second = second + (spikes * weight * one / steps @ w2.T + b2 / T) * steps / two
        later = (second >= weight).astype(float)
        second = second - weight * later
        output += later * weight * two / steps @ w4.T + b4 / T
    assert_close(spiking(images()), torch.from_numpy(output), atol=1e-12, rtol=0)
    assert not spiking.how.exact
    assert (spiking(images()) - convert(model, plane_weights=plane_weights)(images())).abs().max() > 0.01
