"""What a layer of neurons must obey: hand-computed trains, conservation, rates, no memory between calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from sqnn.neurons import IF, LIF, QCFS, RESETS, SURROGATES, lif_step, make_surrogate


def noise(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


# Binary fractions make the sums exact; the first and last trains end on the threshold and stay silent.
DYADIC = [0.75, 0.75, 2.5, 0.0, 0.609375]
BY_HAND = [
    # reset, beta, currents, spikes, membranes before the reset
    ("subtract", 0.5, DYADIC, [0, 1, 1, 0, 0], [0.75, 1.125, 2.5625, 0.78125, 1.0]),
    ("zero", 0.5, DYADIC, [0, 1, 1, 0, 0], [0.75, 1.125, 2.5, 0.0, 0.609375]),
    ("none", 0.5, DYADIC, [0, 1, 1, 1, 1], [0.75, 1.125, 3.0625, 1.53125, 1.375]),
    ("subtract", 1.0, [2.5, 0.0, 0.0, 0.5], [1, 1, 0, 0], [2.5, 1.5, 0.5, 1.0]),
]


@pytest.mark.parametrize(("reset", "beta", "currents", "spikes", "membranes"), BY_HAND)
@pytest.mark.parametrize("fused", [True, False])
def test_trains_computed_by_hand(
    reset: str, beta: float, currents: list[float], spikes: list[int], membranes: list[float], fused: bool
) -> None:
    run = LIF(beta, reset=reset, fused=fused)
    fired, seen = run(torch.tensor(currents, dtype=torch.float64).view(-1, 1, 1), return_membrane=True)
    assert seen.flatten().tolist() == membranes
    assert fired.flatten().tolist() == spikes


def test_threshold_and_initial_membrane_have_one_unit() -> None:
    currents = noise(6, 3, 4, scale=0.5)
    plain = LIF(0.8, initial_membrane=0.5)
    scaled = LIF(0.8, threshold=4.0, initial_membrane=0.5)
    spikes, membranes = plain(currents, return_membrane=True)
    spikes4, membranes4 = scaled(4 * currents, return_membrane=True)
    assert torch.equal(spikes, spikes4)
    assert torch.equal(4 * membranes, membranes4)
    assert_close(membranes[0], currents[0] + 0.8 * 0.5)


@given(
    seed=st.integers(0, 1000),
    timesteps=st.integers(1, 12),
    threshold=st.floats(0.2, 3),
    initial=st.floats(-1, 0.9),
)
def test_soft_reset_conserves_charge(seed: int, timesteps: int, threshold: float, initial: float) -> None:
    currents = noise(timesteps, 2, 5, seed=seed)
    layer = IF(threshold, initial_membrane=initial)
    spikes, membranes = layer(currents, return_membrane=True)
    final = membranes[-1] - threshold * spikes[-1]
    assert_close(currents.sum(0), threshold * spikes.sum(0) + final - initial * threshold)


@given(current=st.floats(0.0, 0.99), threshold=st.floats(0.99, 2.0))
def test_constant_current_fires_at_its_share_of_the_threshold(current: float, threshold: float) -> None:
    spikes = IF(threshold, initial_membrane=0.5)(torch.full((200, 1, 1), current, dtype=torch.float64))
    # Starting half way, the count is the rounded charge: at most half a spike from it.
    assert abs(spikes.sum().item() - 200 * current / threshold) <= 0.5 + 1e-9


def test_leak_settles_at_current_over_one_minus_beta() -> None:
    _, membranes = LIF(0.8, threshold=9.0)(torch.full((80, 1, 1), 1.0), return_membrane=True)
    assert_close(membranes[:, 0, 0], (1 - 0.8 ** torch.arange(1, 81)) / (1 - 0.8))


@pytest.mark.parametrize("reset", RESETS)
def test_nothing_survives_a_call(reset: str) -> None:
    layer = LIF(reset=reset, learn_beta=True)
    currents = noise(5, 4, 3, scale=2).float()
    first = layer(currents)
    first.sum().backward()
    layer(10 * currents[:, :1]).sum().backward()
    assert torch.equal(layer(currents), first)
    assert list(layer.state_dict()) == ["raw_beta"]


def test_batch_mates_do_not_matter() -> None:
    layer = LIF(channels=2, learn_beta=True)
    currents = noise(6, 5, 2, 3, 3, scale=2).float()
    together = layer(currents)
    alone = torch.cat([layer(currents[:, [sample]]) for sample in range(5)], dim=1)
    assert torch.equal(together, alone)


def test_the_future_does_not_reach_back() -> None:
    currents = noise(7, 2, 3, scale=2)
    assert torch.equal(LIF()(currents)[:4], LIF()(currents[:4]))


def test_one_step_is_the_layer_at_one_step() -> None:
    currents = noise(4, 2, 3, scale=2)
    layer, v = LIF(0.7, 1.3, "zero"), torch.zeros(2, 3, dtype=torch.float64)
    expected = layer(currents)
    for current, wanted in zip(currents, expected, strict=True):
        spikes, v = lif_step(current, v, decay=0.7, threshold=1.3, reset="zero", surrogate=make_surrogate("atan"))
        assert torch.equal(spikes, wanted)


@pytest.mark.parametrize("name", SURROGATES)
def test_input_gradient_of_one_step_is_the_surrogate_slope(name: str) -> None:
    currents = noise(1, 2, 6, scale=2).requires_grad_()
    layer = LIF(threshold=0.8, surrogate=name)
    layer(currents).sum().backward()
    assert_close(currents.grad, layer.surrogate.slope_at(currents.detach() - 0.8))


@settings(max_examples=20)
@given(seed=st.integers(0, 99), learned=st.sampled_from([(), ("learn_beta",), ("learn_threshold",)]))
def test_values_per_channel_are_those_of_layers_of_one_channel_each(seed: int, learned: tuple[str, ...]) -> None:
    """One time constant per channel, as a tensor or an array (snnTorch #39)."""
    generator = torch.Generator().manual_seed(seed)
    beta, threshold = torch.rand(2, 3, generator=generator) * 0.8 + 0.1
    currents = torch.randn(5, 2, 3, 4, generator=generator)
    layer = LIF(beta, threshold.numpy(), **dict.fromkeys(learned, True))
    spikes, membranes = layer(currents, return_membrane=True)
    assert layer.channels == 3
    for channel in range(3):
        alone = LIF(float(beta[channel]), float(threshold[channel]))
        assert_close(membranes[:, :, channel], alone(currents[:, :, channel], return_membrane=True)[1])
    again = LIF(0 * beta + 0.5, 0 * threshold + 1, **dict.fromkeys(learned, True))
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(currents), spikes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LIF(torch.rand(2, 3)), r"beta: got a Tensor of shape \[2, 3\], expected a number"),
        (lambda: LIF(torch.tensor([0.5, 1.5])), r"beta: got 1\.5, expected a number in"),
        (lambda: LIF(torch.ones(3) / 2, channels=4), "beta: got 3 values, expected 4, one per channel"),
        (lambda: LIF(torch.ones(3) / 2, torch.ones(2)), "threshold: got 2 values, expected 3"),
        (lambda: LIF(torch.ones(3, requires_grad=True) / 2), "beta: got a tensor with a gradient"),
        (lambda: LIF("0.9"), "beta: got '0.9', expected a number"),
        (lambda: LIF(initial_membrane=torch.zeros(3)), r"initial_membrane: got a Tensor of shape \[3\]"),
        (lambda: QCFS(4, torch.ones(3)), r"threshold: got a Tensor of shape \[3\], expected a number"),
    ],
)
def test_a_tensor_that_is_no_number_is_one_line(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_tensor_of_one_is_a_number() -> None:
    assert LIF(torch.tensor(0.5)).beta == 0.5
    assert repr(LIF(torch.tensor([0.5, 0.6]))).startswith("LIF(beta=one of 2 per channel, threshold=1")
