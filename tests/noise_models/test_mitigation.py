"""Mitigation: exact where its assumptions hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pennylane.noise import exponential_extrapolate

from noise_models import (
    Noise,
    bit_flip,
    chip,
    depolarizing,
    from_aer,
    gate_channel,
    invert_readout,
    readout,
    zero_noise,
)

STEP = 0.01


def strength(noise: Noise) -> float:
    """How many steps of noise there are."""
    return noise.parts[0].p / STEP  # type: ignore[attr-defined]


def read(z: Any, noise: Noise) -> np.ndarray:
    """<Z> as the readout errors of `noise` leave it, from probabilities."""
    matrices = [channel for part in noise.parts for channel in part.readouts().values()]
    rows = []
    for wire, value in enumerate(z):
        matrix = matrices[0] if len(matrices) == 1 else matrices[wire]
        zero, one = np.array([(1 + value) / 2, (1 - value) / 2]) @ matrix
        rows.append(zero - one)
    return np.array(rows)


@given(
    p01=st.floats(0, 0.45),
    p10=st.floats(0, 0.45),
    z=st.lists(st.floats(-1, 1), min_size=1, max_size=5),
)
def test_inverting_the_readout_undoes_it(p01: float, p10: float, z: list[float]) -> None:
    noise = depolarizing(0.1) + readout(p01, p10)
    assert_allclose(invert_readout(read(z, noise), noise), z, atol=1e-12)


def test_every_wire_of_a_chip_has_its_own_readout() -> None:
    noise = chip("torino", 4)
    z = np.linspace(-1, 1, 4)
    assert_allclose(invert_readout(read(z, noise), noise), z, atol=1e-12)


def test_a_tensor_stays_a_tensor_with_its_gradient() -> None:
    z = torch.tensor([[0.1, 0.5], [-0.3, 0.2]], dtype=torch.float64, requires_grad=True)
    found = invert_readout(z, readout(0.1, 0.2))
    assert_allclose(found.detach().numpy(), (z.detach().numpy() - 0.1) / 0.7, atol=1e-12)
    (gradient,) = torch.autograd.grad(found.sum(), z)
    assert_allclose(gradient.numpy(), 1 / 0.7)


def test_without_readout_errors_nothing_changes() -> None:
    z = np.array([0.3, -0.2])
    assert_allclose(invert_readout(z, bit_flip(0.1)), z, atol=0)


def test_a_reading_that_says_nothing_cannot_be_inverted() -> None:
    with pytest.raises(ValueError, match=r"noise: got P\(1\|0\) \+ P\(0\|1\) = 1 on wire 0, expected a reading"):
        invert_readout(np.zeros(2), readout(0.5))


@settings(max_examples=30)
@given(
    coefficients=st.lists(st.floats(-1, 1), min_size=2, max_size=4),
    first=st.floats(0.5, 1.5),
)
def test_richardson_is_exact_on_polynomials(coefficients: list[float], first: float) -> None:
    scales = [first + step for step in range(len(coefficients))]
    found = zero_noise(lambda noise: np.polyval(coefficients[::-1], strength(noise)), bit_flip(STEP), scales)
    assert_allclose(found, coefficients[0], atol=1e-9)


@settings(max_examples=30)
@given(start=st.floats(-1, 1), slope=st.floats(-1, 1))
def test_the_line_is_exact_on_lines(start: float, slope: float) -> None:
    scales = (1, 1.5, 2, 3)
    found = zero_noise(lambda noise: start + slope * strength(noise), bit_flip(STEP), scales, method="linear")
    assert_allclose(found, start, atol=1e-12)


@settings(max_examples=30)
@given(size=st.floats(0.01, 1), sign=st.sampled_from([1, -1]), rate=st.floats(-1, 1))
def test_the_exponential_is_exact_on_exponentials(size: float, sign: int, rate: float) -> None:
    def evaluate(noise: Noise) -> np.ndarray:
        return sign * size * np.exp(rate * strength(noise) * np.ones((2, 3)))

    found = zero_noise(evaluate, bit_flip(STEP), method="exponential")
    assert_allclose(found, sign * size * np.ones((2, 3)), atol=1e-12)


def test_the_exponential_is_pennylanes() -> None:
    values = {1.0: 0.7, 2.0: 0.55, 3.0: 0.4}
    found = zero_noise(lambda noise: values[round(strength(noise), 6)], bit_flip(STEP), method="exponential")
    expected = exponential_extrapolate(np.array([1.0, 2, 3]), np.array([0.7, 0.55, 0.4]), asymptote=0.0)
    assert_allclose(found, expected, atol=1e-12)


def test_what_changes_its_sign_is_no_exponential() -> None:
    """The line stands in, element by element."""
    lines = np.array([[0.5, -0.4], [0.9, -0.1], [0.0, 0.0]])
    found = zero_noise(lambda n: lines[:, 0] + lines[:, 1] * strength(n), bit_flip(STEP), method="exponential")
    assert_allclose(found[[0, 2]], [0.5, 0.0], atol=1e-12)
    assert found[1] != pytest.approx(0.9, abs=1e-4)


def test_noise_in_a_whole_expectation_is_taken_out() -> None:
    """<Z> of |0> after three depolarized gates is (1 - p)^3, a polynomial of degree three."""
    found = zero_noise(lambda noise: (1 - strength(noise) * STEP) ** 3, depolarizing(STEP), (1, 2, 3, 4))
    assert_allclose(found, 1, atol=1e-12)


@pytest.mark.parametrize("method", ["richardson", "linear", "exponential"])
def test_gradients_pass_through_the_extrapolation(method: str) -> None:
    z = torch.tensor([0.4, -0.7], dtype=torch.float64, requires_grad=True)

    def mitigated(z: torch.Tensor) -> torch.Tensor:
        return zero_noise(lambda noise: z * (1 - 0.1 * strength(noise)), bit_flip(STEP), method=method)

    assert torch.autograd.gradcheck(mitigated, (z,))
    if method != "exponential":
        assert_allclose(mitigated(z).detach().numpy(), z.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            {"method": "spline"},
            "method: got 'spline', expected one of richardson, linear, exponential; did you mean 'linear'?",
        ),
        ({"scales": (1,)}, "scales: got (1,), expected at least two different positive numbers"),
        ({"scales": (1, 1)}, "scales: got (1, 1), expected at least two different positive numbers"),
        ({"scales": (0, 1)}, "scales: got (0, 1), expected at least two different positive numbers"),
        ({"scales": (1, -2)}, "scales: got -2.0, expected a number of at least 0"),
        ({"scales": (1, 200)}, "p: got 2.0, expected a probability in [0, 1]"),
    ],
)
def test_mistakes_are_said_in_one_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        zero_noise(lambda noise: 1.0, bit_flip(STEP), **arguments)
    assert str(caught.value) == line


def test_an_aer_model_has_scales_as_far_as_it_is_physical() -> None:
    ours = bit_flip(0.1, on="u")
    told: list[Noise] = []
    zero_noise(lambda noise: told.append(noise) or 1.0, from_aer(ours.aer))
    for scale, noise in zip((1, 2, 3), told, strict=True):
        assert_allclose(gate_channel(noise.aer, "u", (0,)), gate_channel((scale * ours).aer, "u", (0,)), atol=1e-12)
    with pytest.raises(ValueError, match=r"factor: got 20\.0, at which from_aer"):
        zero_noise(lambda noise: 1.0, from_aer(ours.aer), scales=(1, 20))
