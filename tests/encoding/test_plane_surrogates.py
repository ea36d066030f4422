"""Slopes are the derivatives of the stated functions, and the functions follow the digits."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from sqnn.encoding import (
    PLANE_SURROGATES,
    BitPlane,
    FourierSine,
    PlaneSurrogate,
    SigmoidSine,
    StraightThrough,
    TanhSine,
    make_plane_surrogate,
)

WAVES: list[PlaneSurrogate] = [
    kind
    for hold in (True, False)
    for kind in (
        SigmoidSine(hold=hold),
        SigmoidSine(2.5, hold=hold),
        TanhSine(hold=hold),
        FourierSine(hold=hold),
        FourierSine(1, hold=hold),
        FourierSine(6, hold=hold),
    )
]
HELD = [wave for wave in WAVES if wave.hold]  # type: ignore[attr-defined]
each = pytest.mark.parametrize("surrogate", WAVES, ids=repr)
every_count = pytest.mark.parametrize("planes", [1, 2, 3, 5, 8, 12, 16])


def drawn(count: int, planes: int) -> torch.Tensor:
    """Values in [0, 1] of float64, with both ends, all further than 1/1000 of a level from where levels change."""
    values = torch.rand(count, generator=torch.Generator().manual_seed(planes), dtype=torch.float64)
    values = torch.cat([torch.tensor([0.0, 1.0], dtype=torch.float64), values])
    return values[((values * (2**planes - 1)) % 1 - 0.5).abs() > 1e-3]


@each
@every_count
def test_slopes_are_finite_differences(surrogate: PlaneSurrogate, planes: int) -> None:
    values, h = drawn(400, planes).clamp(1e-4, 1 - 1e-4), 1e-5 / (2**planes - 1)
    slopes = list(surrogate.slopes(values, planes))
    assert len(slopes) == planes
    for plane, slope in enumerate(slopes, start=1):
        rise = surrogate.smooth(values + h, plane, planes) - surrogate.smooth(values - h, plane, planes)
        peak = surrogate.peak(plane, planes)
        assert_close(slope / peak, rise / (2 * h) / peak, atol=1e-5, rtol=0)


@pytest.mark.parametrize("surrogate", [*WAVES, StraightThrough()], ids=repr)
def test_slopes_are_differentiable_again(surrogate: PlaneSurrogate) -> None:
    values = torch.linspace(0.013, 0.987, 23, dtype=torch.float64, requires_grad=True)
    for plane, slope in enumerate(surrogate.slopes(values, 3), start=1):
        first = torch.autograd.grad(surrogate.smooth(values, plane, 3).sum(), values, create_graph=True)[0]
        assert_close(slope.expand_as(first), first)
        if not first.requires_grad:
            assert not slope.requires_grad  # a constant slope
            continue
        expected = torch.autograd.grad(first.sum(), values)[0]
        found = torch.autograd.grad(slope.sum(), values, retain_graph=True)[0]
        assert_close(found, expected, atol=1e-8 * surrogate.peak(3, 3) ** 2, rtol=1e-8)


@each
@every_count
def test_the_wave_is_above_one_half_exactly_where_the_digit_is_one(surrogate: PlaneSurrogate, planes: int) -> None:
    values = drawn(500, planes)
    digits = BitPlane(planes).encode(values)
    for plane in range(1, planes + 1):
        assert torch.equal((surrogate.smooth(values, plane, planes) > 0.5).double(), digits[plane - 1])


@every_count
def test_a_steep_wave_is_the_digit(planes: int) -> None:
    values = drawn(500, planes)
    for plane, digit in enumerate(BitPlane(planes).encode(values), start=1):
        assert_close(SigmoidSine(1e10).smooth(values, plane, planes), digit)


@each
@every_count
def test_peaks_are_reached_and_not_exceeded(surrogate: PlaneSurrogate, planes: int) -> None:
    top = 2**planes - 1
    edges = (torch.arange(1, top + 1, dtype=torch.float64) - 0.5) / top  # where the last plane changes
    values = torch.cat([edges, drawn(2000, planes)])
    for plane, slope in enumerate(surrogate.slopes(values, planes), start=1):
        assert slope.abs().max().item() == pytest.approx(surrogate.peak(plane, planes), rel=1e-6)


def test_peaks_by_their_formulas() -> None:
    # Plane 3 of 5: Q = 31, c = 4.
    assert SigmoidSine(6.0).peak(3, 5) == pytest.approx(6 * math.pi * 31 / 16)
    assert TanhSine(6.0).peak(3, 5) == pytest.approx(6 * math.pi * 31 / 8)
    assert FourierSine(7).peak(3, 5) == pytest.approx(2 * 7 * 31 / 4)
    assert StraightThrough().peak(3, 5) == 1


@pytest.mark.parametrize("surrogate", HELD, ids=repr)
@every_count
def test_a_held_wave_waits_at_both_ends(surrogate: PlaneSurrogate, planes: int) -> None:
    top = 2**planes - 1
    for plane in range(1, planes + 1):
        half_period = 2 ** (planes - plane)
        first = (half_period / 2 - 0.5) / top  # where the first trough is, and the last crest at 1 - first
        peak = surrogate.peak(plane, planes)
        away = 0.01 * half_period / top
        inside = torch.tensor([first + away, 1 - first - away], dtype=torch.float64)
        if plane < planes:
            outside = torch.linspace(0, first * 0.999, 50, dtype=torch.float64)
            for values in (outside, 1 - outside):
                assert not list(surrogate.slopes(values, planes))[plane - 1].any()
                level = surrogate.smooth(values, plane, planes)
                assert_close(level, level[:1].expand_as(level), rtol=0, atol=1e-9)
        # The slope is continuous where the wave starts to move: small close to it, and then an edge's.
        ends = torch.tensor([first, 1 - first], dtype=torch.float64)
        assert list(surrogate.slopes(ends, planes))[plane - 1].abs().max() <= 1e-6 * peak
        near = list(surrogate.slopes(inside, planes))[plane - 1]
        assert near.abs().max() <= 0.5 * peak
        assert (near > 0).all() or isinstance(surrogate, FourierSine)  # both are on the way up
        edges = torch.tensor([(half_period - 0.5) / top, 1 - (half_period - 0.5) / top], dtype=torch.float64)
        assert_close(list(surrogate.slopes(edges, planes))[plane - 1] / peak, torch.ones_like(edges))


def test_the_periodic_wave_falls_at_both_ends_and_the_held_one_does_not() -> None:
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    periodic = next(SigmoidSine(hold=False).slopes(ends, 8))
    # Half a level from where the sine is zero.
    assert (periodic < -0.9 * SigmoidSine().peak(1, 8)).all()
    assert not next(SigmoidSine().slopes(ends, 8)).any()


@pytest.mark.parametrize("hold", [True, False])
def test_tanh_is_the_sigmoid_twice_as_steep(hold: bool) -> None:
    values = drawn(300, 6)
    tanh, sigmoid = TanhSine(3.0, hold=hold), SigmoidSine(6.0, hold=hold)
    for plane in range(1, 7):
        assert_close(tanh.smooth(values, plane, 6), sigmoid.smooth(values, plane, 6))
        assert tanh.peak(plane, 6) == pytest.approx(sigmoid.peak(plane, 6))
    for left, right in zip(tanh.slopes(values, 6), sigmoid.slopes(values, 6), strict=True):
        assert_close(left, right)


@pytest.mark.parametrize("terms", [1, 2, 5, 8])
def test_the_fourier_slope_is_the_sum_of_cosines_with_no_constant(terms: int) -> None:
    planes, top = 4, 15
    # One whole period of plane 2, 8 levels, sampled evenly: any constant would be the mean.
    levels = 3 + torch.arange(400, dtype=torch.float64) * 8 / 400
    slope = list(FourierSine(terms, hold=False).slopes((levels - 0.5) / top, planes))[1]
    theta = math.pi * levels / 4
    cosines = sum(torch.cos((2 * j - 1) * theta) for j in range(1, terms + 1))
    assert_close(slope, -2 * top / 4 * cosines, atol=1e-9, rtol=1e-9)
    assert abs(slope.mean().item()) < 1e-10


def test_float32_slopes_are_close_to_those_of_float64() -> None:
    values = torch.rand(2000, generator=torch.Generator().manual_seed(3))
    for name in PLANE_SURROGATES:
        surrogate = make_plane_surrogate(name)
        both = zip(surrogate.slopes(values, 8), surrogate.slopes(values.double(), 8), strict=True)
        for plane, (single, double) in enumerate(both, start=1):
            assert single.dtype == torch.float32
            scale = surrogate.peak(plane, 8) or 1
            assert_close(single.double() / scale, double / scale, atol=1e-3, rtol=0)
