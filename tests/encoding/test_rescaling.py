"""The factors on the planes' gradients, and what they make of the decoded value's slope."""

from __future__ import annotations

import math

import pytest
import torch

from sqnn.encoding import (
    PLANE_SURROGATES,
    BitPlane,
    Detached,
    FourierSine,
    PlaneSurrogate,
    SigmoidSine,
    StraightThrough,
    TanhSine,
    make_plane_surrogate,
    rescaling_factors,
)

SINES: list[PlaneSurrogate] = [SigmoidSine(), SigmoidSine(3.0, hold=False), TanhSine(), FourierSine(4)]


@pytest.mark.parametrize("planes", [1, 2, 8, 16])
def test_order_halves_from_plane_to_plane(planes: int) -> None:
    for sine in SINES:
        expected = [2.0 ** (1 - k) for k in range(1, planes + 1)]
        assert rescaling_factors("order", sine, planes) == pytest.approx(expected)
    assert rescaling_factors("order", StraightThrough(), planes) == (1,) * planes
    assert rescaling_factors("order", Detached(), planes) == (1,) * planes


@pytest.mark.parametrize("name", PLANE_SURROGATES)
def test_none_is_one_and_paper_is_the_printed_form(name: str) -> None:
    surrogate = make_plane_surrogate(name)
    assert rescaling_factors("none", surrogate, 5) == (1, 1, 1, 1, 1)
    # k' / 2^(7 - k') with k' = 7 for the most significant plane and 0 for the least.
    printed = [k / 2 ** (7 - k) for k in range(7, -1, -1)]
    assert printed[-1] == 0
    assert rescaling_factors("paper", surrogate, 8) == pytest.approx(printed)


@pytest.mark.parametrize("surrogate", SINES, ids=repr)
@pytest.mark.parametrize("planes", [1, 4, 8, 12])
def test_order_makes_every_plane_as_steep_as_the_first(surrogate: PlaneSurrogate, planes: int) -> None:
    top = 2**planes - 1
    # The edges of plane k are among those of the last plane.
    values = (torch.arange(1, top + 1, dtype=torch.float64) - 0.5) / top
    values = torch.cat([values, torch.linspace(0, 1, 1001, dtype=torch.float64)])
    factors = rescaling_factors("order", surrogate, planes)
    pairs = zip(factors, surrogate.slopes(values, planes), strict=True)
    steepest = [(factor * slope).abs().max().item() for factor, slope in pairs]
    assert steepest == pytest.approx([surrogate.peak(1, planes)] * planes, rel=1e-6)


@pytest.mark.parametrize("rescaling", ["none", "order"])
@pytest.mark.parametrize("planes", [1, 3, 6])
@pytest.mark.parametrize("alpha", [1.0, 10.0])
def test_peak_and_mean_of_what_each_plane_adds_to_the_decoded_slope(rescaling: str, planes: int, alpha: float) -> None:
    surrogate, encoder = SigmoidSine(alpha), BitPlane(planes)
    # An even grid of midpoints: its mean is the integral, the rise of the wave from 0 to 1.
    values = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    rise = math.tanh(surrogate.alpha / 2)
    factors = rescaling_factors(rescaling, surrogate, planes)
    total = 0.0
    for k, slope in enumerate(surrogate.slopes(values, planes), start=1):
        share = encoder.weights[k - 1] / encoder.weight_total * factors[k - 1] * slope
        fade = 2.0 ** (1 - k) if rescaling == "order" else 1.0
        assert share.abs().max().item() == pytest.approx(surrogate.alpha * math.pi / 4 * fade, rel=1e-2)
        mean = fade * 2.0 ** (planes - k) / encoder.weight_total * rise
        assert share.mean().item() == pytest.approx(mean, rel=1e-3)
        total += share.mean().item()
    expected = rise if rescaling == "none" else 2 / 3 * (1 + 2.0**-planes) * rise
    assert total == pytest.approx(expected, rel=1e-3)
