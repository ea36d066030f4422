"""Linear layers of spikes: sparse inputs, and spikes that are fed back, against dense products and plain loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.encoding import SparseTrains
from sqnn.layers import SparseLinear, SpikingLinear
from sqnn.neurons import LIF, lif_step, make_surrogate


def sparse(steps: int = 7, batch: int = 4, features: int = 12, seed: int = 0) -> SparseTrains:
    generator = torch.Generator().manual_seed(seed)
    rates = torch.rand(batch, features, generator=generator, dtype=torch.float64)
    return SparseTrains(rates.where(rates > 0.5, torch.zeros_like(rates)), steps, generator)


def drawn(layer: nn.Module, seed: int = 1) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return layer


@pytest.mark.parametrize("bias", [True, False])
def test_currents_and_gradients_are_those_of_the_dense_product(bias: bool) -> None:
    layer, trains = drawn(SparseLinear(12, 5, bias=bias)), sparse()
    pull = torch.randn(7, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = []
    for given in (trains, trains.dense(torch.float64)):
        currents = layer(given)
        found.append((currents, *torch.autograd.grad(currents, list(layer.parameters()), pull)))
    for one, other in zip(*found, strict=True):
        assert_close(one, other, atol=1e-12, rtol=0)


def test_a_frozen_weight_gets_no_gradient_and_the_bias_its_own() -> None:
    layer = drawn(SparseLinear(12, 5))
    layer.weight.requires_grad_(False)
    layer(sparse()).sum().backward()
    assert layer.weight.grad is None
    assert torch.equal(layer.bias.grad, torch.full((5,), 28.0, dtype=torch.float64))


def by_hand(layer: SpikingLinear, trains: Tensor) -> tuple[Tensor, Tensor]:
    """The equations of the layer, one step after the other."""
    rule = {"decay": 0.9, "threshold": 1.0, "reset": "subtract", "surrogate": make_surrogate("atan")}
    silent = torch.zeros(trains.shape[1], layer.linear.out_features, dtype=trains.dtype)
    y, v, spikes, membranes = silent, silent, [], []
    for s in trains:
        current = s @ layer.linear.weight.T + layer.linear.bias
        if layer.recurrent is not None:
            current = current + y @ layer.recurrent.weight.T
        membranes.append(0.9 * v + current)
        y, v = lif_step(current, v, **rule)
        spikes.append(y)
    return torch.stack(spikes), torch.stack(membranes)


@pytest.mark.parametrize("recurrent", [False, True])
def test_the_layer_is_its_equations_forward_and_backward(recurrent: bool) -> None:
    layer, trains = drawn(SpikingLinear(12, 5, LIF(0.9), recurrent)), sparse()
    pulls = torch.randn(2, 7, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    found = []
    for spikes, membranes in (layer(trains), by_hand(layer, trains.dense(torch.float64))):
        loss = (pulls[0] * spikes + pulls[1] * membranes).sum()
        found.append((spikes, membranes, *torch.autograd.grad(loss, list(layer.parameters()))))
    assert 0 < found[0][0].detach().mean() < 1
    for one, other in zip(*found, strict=True):
        assert_close(one, other, atol=1e-10, rtol=0)


def test_spikes_are_fed_back_one_step_later() -> None:
    """One neuron: the only input spike fires it, its own spike excites it again, for ever."""
    layer = SpikingLinear(1, 1, LIF(0.5), recurrent=True)
    with torch.no_grad():
        layer.linear.weight.fill_(1.5)
        layer.linear.bias.zero_()
        layer.recurrent.weight.fill_(1.1)
    trains = torch.zeros(6, 1, 1)
    trains[2] = 1
    assert layer(trains)[0].flatten().tolist() == [0, 0, 1, 1, 1, 1]
    with torch.no_grad():
        layer.recurrent.weight.zero_()
    assert layer(trains)[0].flatten().tolist() == [0, 0, 1, 0, 0, 0]
