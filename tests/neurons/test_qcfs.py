"""The quantised activation against numpy, and its gradient against autograd's of the function it stands for."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from sqnn.neurons import MIN_THRESHOLD, QCFS, qcfs, to_levels, to_values


def draws(*shape: int, scale: float = 2.0, seed: int = 0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(values: np.ndarray, threshold: np.ndarray | float, steps: int) -> np.ndarray:
    return threshold / steps * np.clip(np.floor(values * steps / threshold + 0.5), 0, steps)


@given(timesteps=st.integers(1, 16), threshold=st.floats(0.01, 100), seed=st.integers(0, 1000))
def test_values_are_the_formula(timesteps: int, threshold: float, seed: int) -> None:
    layer = QCFS(timesteps, threshold).double()
    values = draws(200, scale=threshold, seed=seed)
    expected = by_hand(values.numpy(), layer.threshold.item(), 2**timesteps - 1)
    assert_close(layer(values), torch.from_numpy(expected), atol=1e-12 * threshold, rtol=1e-12)


@pytest.mark.parametrize("timesteps", range(1, 17))
def test_every_level_stays_what_it_is(timesteps: int) -> None:
    """0 .. Q and nothing else: T bits hold 2^T of them, in single precision too."""
    steps = 2**timesteps - 1
    threshold = torch.tensor(1.7)
    levels = torch.arange(steps + 1.0)
    quantised = qcfs(to_values(levels, threshold, steps), threshold, steps)
    assert torch.equal(to_levels(quantised, threshold, steps).floor(), levels)
    assert quantised.unique().numel() == 2**timesteps


def test_halves_round_upwards_and_ends_are_clipped() -> None:
    """With steps of a quarter all of these numbers are exact."""
    steps = 7
    threshold = torch.tensor(steps / 4, dtype=torch.float64)
    levels = torch.tensor([-1e9, -1.0, -0.51, -0.5, 0.49, 0.5, 1.5, 2.5, 5.5, 6.49, 6.5, 7.5, 1e9], dtype=torch.float64)
    expected = torch.tensor([0, 0, 0, 0, 0, 1, 2, 3, 6, 6, 7, 7, 7], dtype=torch.float64)
    assert torch.equal(qcfs(levels / 4, threshold, steps), expected / 4)


@pytest.mark.parametrize(("shape", "axis"), [((5, 4), 1), ((5, 4, 3, 2), 1), ((5, 3, 4), -1), ((5, 2, 3, 4), -1)])
def test_channels_have_thresholds_of_their_own(shape: tuple[int, ...], axis: int) -> None:
    layer = QCFS(3, channels=4, channel_axis=axis).double()
    thresholds = torch.tensor([0.2, 0.5, 1.0, 3.0], dtype=torch.float64)
    layer.set_threshold(thresholds)
    values = draws(*shape)
    whole = layer(values)
    for channel, threshold in enumerate(thresholds):
        expected = by_hand(values.select(axis, channel).numpy(), threshold.item(), 7)
        assert_close(whole.select(axis, channel), torch.from_numpy(expected), atol=1e-12, rtol=0)


def composition(values: Tensor, threshold: Tensor, steps: int) -> Tensor:
    """lambda (c + stop(q - c)), c = clamp(z / lambda, 0, 1): rounding that counts as the identity."""
    clipped = (values / threshold).clamp(0, 1)
    rounded = torch.floor(clipped * steps + 0.5) / steps
    return threshold * (clipped + (rounded - clipped).detach())


@pytest.mark.parametrize("timesteps", [1, 2, 4, 8])
@pytest.mark.parametrize(("shape", "channels", "axis"), [((6, 4, 3), None, 1), ((6, 4, 3), 4, 1), ((6, 3, 4), 4, -1)])
def test_gradients_are_those_of_the_composition(
    shape: tuple[int, ...], channels: int | None, axis: int, timesteps: int
) -> None:
    layer = QCFS(timesteps, 1.5, channels=channels, channel_axis=axis).double()
    if channels:
        layer.set_threshold(torch.linspace(0.4, 3, channels))
    values = draws(*shape).requires_grad_()
    weights = draws(*shape, seed=1)
    results = []
    for threshold in (layer.threshold_for(values), layer.threshold_for(values)):
        function = qcfs if not results else composition
        output = function(values, threshold, layer.steps)
        grads = torch.autograd.grad((weights * output).sum(), (values, layer.raw_threshold))
        results.append((output, *grads))
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, atol=1e-12, rtol=1e-12)
    assert 0.1 < (results[0][1] != 0).double().mean() < 0.9


def test_the_edges_of_the_gradient_are_inside() -> None:
    values = torch.tensor([0.0, 2.0, -1e-9, 2 + 1e-9], dtype=torch.float64, requires_grad=True)
    qcfs(values, torch.tensor(2.0, dtype=torch.float64), 3).sum().backward()
    assert values.grad.tolist() == [1, 1, 0, 0]


def test_a_frozen_threshold_leaves_the_gradient_of_the_input() -> None:
    free, frozen = QCFS(3).double(), QCFS(3).double().requires_grad_(False)
    grads = []
    for layer in (free, frozen):
        values = draws(40).requires_grad_()
        layer(values).pow(2).sum().backward()
        grads.append(values.grad)
    assert torch.equal(*grads)
    assert free.raw_threshold.grad != 0
    assert frozen.raw_threshold.grad is None


@pytest.mark.parametrize("direction", [1, -1])
def test_the_threshold_stays_positive_under_big_steps(direction: int) -> None:
    layer = QCFS(2, 1.0, channels=3)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e4)
    for _ in range(5):
        optimizer.zero_grad()
        (direction * layer(torch.rand(8, 3, generator=torch.Generator().manual_seed(0)) * 3)).sum().backward()
        optimizer.step()
        assert (layer.threshold >= MIN_THRESHOLD).all()
        assert torch.isfinite(layer.threshold).all()
    assert (layer.threshold > 100).all() if direction < 0 else (layer.threshold < 0.01).all()


def test_a_deep_copy_computes_the_same_and_learns_alone() -> None:
    layer = QCFS(3, 0.7, channels=4, channel_axis=-1).double()
    twin = copy.deepcopy(layer)
    values = draws(9, 4)
    before = layer(values)
    assert torch.equal(twin(values), before)
    twin.set_threshold(2.0)
    assert torch.equal(layer(values), before)
    assert not torch.equal(twin(values), before)


@pytest.mark.parametrize("threshold", [0.0011, 0.3, 4.0, 250.0])
def test_a_set_threshold_is_the_threshold(threshold: float) -> None:
    layer = QCFS(4, channels=3).double()
    layer.set_threshold(threshold)
    assert layer.threshold.tolist() == pytest.approx([threshold] * 3, rel=1e-9)
    layer.set_threshold([threshold, 1.0, 2.0])
    assert layer.threshold.tolist() == pytest.approx([threshold, 1.0, 2.0], rel=1e-9)


MISTAKES = [
    (lambda: QCFS(0), r"timesteps: got 0, expected a whole number from 1 to 16"),
    (lambda: QCFS(17), r"timesteps: got 17, expected"),
    (lambda: QCFS(True), r"timesteps: got True, expected"),
    (lambda: QCFS(2.0), r"timesteps: got 2.0, expected"),
    (lambda: QCFS(4, 0.001), r"threshold: got 0.001, expected a learned threshold above 0.001"),
    (lambda: QCFS(4, -1.0), r"threshold: got -1.0"),
    (lambda: QCFS(4, float("nan")), r"threshold: got nan, expected a positive finite number"),
    (lambda: QCFS(4, float("inf")), r"threshold: got inf, expected a positive finite number"),
    (lambda: QCFS(4, channels=0), r"channels: got 0, expected at least 1, or None"),
    (
        lambda: QCFS(4, channels=3)(torch.ones(2, 4)),
        r"values: got shape \[2, 4\], expected 3 channels along dimension 1",
    ),
    (lambda: QCFS(4, channels=3)(torch.ones(3)), r"values: got shape \[3\], expected 3 channels along dimension 1"),
    (lambda: QCFS(4).set_threshold(0.0), r"threshold: got 0.0"),
    (lambda: QCFS(4).set_threshold(float("inf")), r"threshold: got NaN or an infinite value"),
    (lambda: QCFS(4).set_threshold(torch.tensor([1.0, float("nan")])[1]), r"threshold: got NaN or an infinite value"),
    (lambda: QCFS(4, channels=3).set_threshold([1.0, 2.0]), r"threshold: got shape \[2\], expected .* shape \[3\]"),
    (lambda: QCFS(4).set_threshold([1.0, 2.0]), r"threshold: got shape \[2\], expected a number or shape \[\]"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes_are_named(mistake, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mistake()
