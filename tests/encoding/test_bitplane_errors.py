"""Bad arguments of planes, surrogates, ranges and decoders get one line each, with what was expected."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from sqnn.encoding import (
    BitPlane,
    ByWeight,
    FixedRange,
    FourierSine,
    Latency,
    LearnedRange,
    Rate,
    RunningRange,
    SigmoidSine,
    TanhSine,
    WeightedPhase,
    make_decoder,
    make_plane_surrogate,
    make_range,
)

ALL_NAMES = (
    "expected one of sigmoid-sine, tanh-sine, fourier-sine, straight-through, detached(; did you mean 'tanh-sine'.)?$"
)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BitPlane(0), "timesteps: got 0, expected a whole number of at least 1"),
        (lambda: BitPlane(17), "timesteps: got 17, expected at most 16"),
        (lambda: BitPlane(True), "timesteps: got True, expected a whole number"),
        (lambda: BitPlane(8.0), "timesteps: got 8.0, expected a whole number"),
        (lambda: BitPlane(surrogate="sine"), f"surrogate: got 'sine', {ALL_NAMES}"),
        (lambda: BitPlane(rescaling="sqrt"), "rescaling: got 'sqrt', expected one of order, paper, none"),
        (lambda: WeightedPhase(surrogate="atan"), f"surrogate: got 'atan', {ALL_NAMES}"),
        (lambda: WeightedPhase(rescaling=""), "rescaling: got '', expected one of order, paper, none"),
        (lambda: make_plane_surrogate("box"), f"surrogate: got 'box', {ALL_NAMES}"),
        (lambda: Rate(8, surrogate="box"), "surrogate: got 'box', expected one of straight-through, detached"),
        (lambda: Latency(8, surrogate="tanh-sine"), "got 'tanh-sine', expected one of straight-through, detached"),
        (lambda: Latency(8, surrogate=SigmoidSine()), "got SigmoidSine.*, expected one of straight-through, detached"),
        (lambda: SigmoidSine(0.0), "alpha: got 0.0, expected a positive finite number"),
        (lambda: SigmoidSine(-1.0), "alpha: got -1.0"),
        (lambda: SigmoidSine(float("nan")), "alpha: got nan"),
        (lambda: TanhSine(float("inf")), "alpha: got inf"),
        (lambda: FourierSine(0), "terms: got 0, expected a whole number of at least 1"),
        (lambda: FourierSine(2.5), "terms: got 2.5"),
        (lambda: FourierSine(True), "terms: got True"),
        (lambda: RunningRange(0), r"momentum: got 0.0, expected a number in \(0, 1\]"),
        (lambda: RunningRange(1.5), "momentum: got 1.5"),
        (lambda: RunningRange(float("nan")), "momentum: got nan"),
        (lambda: FixedRange(1, 1), r"high: got 1, expected a finite number of at least low \+ 0.001 = 1.001"),
        (lambda: FixedRange(float("nan"), 1), "low: got nan, expected a finite number"),
        (lambda: LearnedRange(0, float("inf")), "high: got inf"),
        (lambda: LearnedRange(0, -1), "high: got -1"),
        (lambda: LearnedRange(0, 0.001), r"high: got 0.001, expected more than low \+ 0.001"),
        (lambda: make_range("batch"), "range: got 'batch', expected one of running, learned, fixed"),
        (lambda: make_decoder("mean", BitPlane()), "decoder: got 'mean', expected one of weight, rate"),
        (lambda: ByWeight((), 1), "timesteps: got 0"),
        (lambda: ByWeight((1, float("nan")), 1), r"weights: got \[1, nan\], expected finite numbers"),
        (lambda: ByWeight((1, 2), 0), "total: got 0, expected a positive finite number"),
    ],
)
def test_bad_arguments_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "shown"),
    [
        (torch.tensor([[0.5, float("nan")]]), "NaN"),
        (torch.tensor([[-0.01]]), "-0.01"),
        (torch.tensor([[1.01]]), "1.01"),
        (torch.tensor([[1]]), "int64"),
        (torch.tensor(0.5), r"\[\]"),
        (torch.zeros(0, 3), r"\[0, 3\]"),
    ],
)
def test_bad_images_are_refused(images: torch.Tensor, shown: str) -> None:
    with pytest.raises(ValueError, match=f"images: got .*{shown}.*expected"):
        BitPlane().encode(images)


def test_trains_of_another_length_and_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \[7, 1, 2\].*expected.*\[8, batch"):
        BitPlane().decode(torch.ones(7, 1, 2))
    with pytest.raises(ValueError, match="int64"):
        BitPlane().decode(torch.ones(8, 1, 2, dtype=torch.int64))


def test_inside_a_network_a_rate_code_still_needs_a_generator() -> None:
    with pytest.raises(ValueError, match="generator: got None"):
        Rate(8).emit(torch.zeros(1, 1))
