"""Learned decay and threshold: only they are parameters, and training cannot push them out of bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sqnn.neurons import IF, LIF, NEURONS, make_neuron


def number(value: float | Tensor) -> float:
    return value.item() if isinstance(value, Tensor) else value


def test_only_what_is_learned_is_stored() -> None:
    assert not IF().state_dict()
    assert not LIF().state_dict()
    assert list(LIF(learn_beta=True).state_dict()) == ["raw_beta"]
    both = LIF(learn_beta=True, learn_threshold=True, channels=4)
    assert {name: tuple(value.shape) for name, value in both.state_dict().items()} == {
        "raw_beta": (4,),
        "raw_threshold": (4,),
    }


@pytest.mark.parametrize("beta", [0.01, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("threshold", [0.01, 1.0, 30.0])
def test_learning_starts_from_the_given_values(beta: float, threshold: float) -> None:
    layer = LIF(beta, threshold, learn_beta=True, learn_threshold=True)
    assert number(layer.beta) == pytest.approx(beta, rel=1e-5)
    assert number(layer.threshold) == pytest.approx(threshold, rel=1e-5)


@pytest.mark.parametrize("raw", [-1e4, -50.0, 50.0, 1e4])
def test_no_step_is_too_big(raw: float) -> None:
    layer = LIF(learn_beta=True, learn_threshold=True)
    assert layer.raw_beta is not None
    assert layer.raw_threshold is not None
    with torch.no_grad():
        layer.raw_beta.fill_(raw)
        layer.raw_threshold.fill_(raw)
    assert 0 < number(layer.beta) < 1
    assert 0 < number(layer.threshold) < float("inf")


def test_training_finds_the_decay_of_another_layer() -> None:
    currents = torch.rand(12, 16, 2, generator=torch.Generator().manual_seed(0))
    _, target = LIF(0.6, threshold=99.0)(currents, return_membrane=True)
    layer = LIF(0.9, threshold=99.0, learn_beta=True, channels=2)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        _, membranes = layer(currents, return_membrane=True)
        (membranes - target).square().mean().backward()
        optimiser.step()
    assert isinstance(layer.beta, Tensor)
    assert_close(layer.beta.detach(), torch.full((2,), 0.6), atol=1e-3, rtol=0)


def test_channel_values_act_on_their_own_channel() -> None:
    layer = LIF(learn_beta=True, learn_threshold=True, channels=3)
    assert layer.raw_beta is not None
    assert layer.raw_threshold is not None
    with torch.no_grad():
        layer.raw_beta.add_(torch.tensor([-1.0, 0.0, 1.0]))
        layer.raw_threshold.add_(torch.tensor([0.5, 0.0, -0.5]))
    currents = torch.randn(6, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    assert isinstance(layer.beta, Tensor)
    assert isinstance(layer.threshold, Tensor)
    _, membranes = layer(currents, return_membrane=True)
    for channel, (beta, threshold) in enumerate(zip(layer.beta, layer.threshold, strict=True)):
        _, alone = LIF(beta.item(), threshold.item())(currents[:, :, [channel]], return_membrane=True)
        assert_close(membranes[:, :, [channel]], alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LIF(0.0), r"beta: got 0\.0, expected a number in \(0, 1\]"),
        (lambda: LIF(1.1), r"beta: got 1\.1"),
        (lambda: LIF(float("nan")), "beta: got nan"),
        (lambda: LIF(1.0, learn_beta=True), r"beta: got 1\.0, expected a learned beta"),
        (lambda: LIF(threshold=0.0), r"threshold: got 0\.0"),
        (lambda: IF(threshold=float("inf")), "threshold: got inf"),
        (lambda: LIF(threshold=1e-4, learn_threshold=True), "expected a learned threshold above 0.001"),
        (lambda: LIF(reset="hard"), "reset: got 'hard', expected one of subtract, zero, none"),
        (lambda: LIF(surrogate="box"), "surrogate: got 'box', expected one of atan"),
        (lambda: LIF(channels=0), "channels: got 0"),
        (lambda: IF(initial_membrane=float("nan")), "initial_membrane: got nan"),
        (lambda: make_neuron("izhikevich"), "neuron: got 'izhikevich', expected one of if, lif"),
        (lambda: LIF()(torch.zeros(3)), r"currents: got torch.float32 of shape \[3\]"),
        (lambda: LIF()(torch.zeros(0, 2)), r"shape \[0, 2\], expected .*time >= 1"),
        (lambda: LIF()(torch.zeros(2, 2, dtype=torch.int64)), "currents: got torch.int64"),
        (lambda: LIF(channels=3)(torch.zeros(2, 2, 4)), r"expected \[time, batch, 3, ...\]"),
    ],
)
def test_bad_arguments_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_every_name_builds_its_neuron() -> None:
    for name, kind in NEURONS.items():
        needed = {"synapse": 0.95} if "synapse" in kind.options else {}
        assert type(make_neuron(name, threshold=2.0, reset="zero", **needed)) is kind
    assert make_neuron("if").beta == 1
    assert make_neuron("lif", beta=0.3).beta == 0.3
