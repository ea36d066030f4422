"""Ranges: values into [0, 1], by bounds that no batch mate can move."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from sqnn.encoding import MIN_WIDTH, RANGES, FixedRange, LearnedRange, Range, RunningRange, make_range


def built() -> list[Range]:
    running = RunningRange()
    running(torch.tensor([[-2.0, 3.0]]))
    return [FixedRange(-2, 3), running, LearnedRange(-2, 3)]


def batch(seed: int, low: float = -1.0, high: float = 2.0) -> torch.Tensor:
    return low + (high - low) * torch.rand(4, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("index", range(3))
def test_the_map_and_its_gradient(index: int) -> None:
    bounds = built()[index].eval().double()
    assert_close(torch.stack([bounds.low, bounds.high]).detach(), torch.tensor([-2.0, 3.0]).double(), rtol=0, atol=1e-6)
    values = torch.tensor([[-9.0, -2.5, -1.0, 0.5, 2.0, 3.5, 80.0]], dtype=torch.float64, requires_grad=True)
    unit = bounds(values)
    assert_close(unit.detach(), torch.tensor([[0, 0, 0.2, 0.5, 0.8, 1, 1]], dtype=torch.float64), rtol=0, atol=1e-6)
    (grad,) = torch.autograd.grad(unit.sum(), values)
    assert_close(grad, torch.tensor([[0, 0, 0.2, 0.2, 0.2, 0, 0]], dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("index", range(3))
@given(values=st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=20))
def test_every_finite_value_lands_in_the_unit_interval(index: int, values: list[float]) -> None:
    unit = built()[index](torch.tensor([values]))
    assert ((unit >= 0) & (unit <= 1)).all()


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("training", [True, False])
def test_a_value_does_not_depend_on_its_batch_mates(index: int, training: bool) -> None:
    together, alone = built()[index].train(training), built()[index].train(training)
    values = batch(0)
    crowd = torch.cat([values, 1000 * batch(1)])
    assert torch.equal(together(crowd)[:4], alone(values))


def test_the_running_range_meets_a_batch_with_the_range_before_it() -> None:
    bounds, first, second = RunningRange(0.25), batch(0), batch(1, -4, 9)
    assert (bounds.low.item(), bounds.high.item(), bounds.batches.item()) == (0, 1, 0)
    assert torch.equal(bounds(first), first.clamp(0, 1))
    assert (bounds.low.item(), bounds.high.item()) == (first.min().item(), first.max().item())
    low, high = first.min(), first.max()
    assert_close(bounds(second), ((second - low) / (high - low)).clamp(0, 1))
    assert_close(bounds.low, 0.75 * low + 0.25 * second.min())
    assert_close(bounds.high, 0.75 * high + 0.25 * second.max())
    assert bounds.batches.item() == 2


def test_the_running_range_stands_still_in_evaluation() -> None:
    bounds = RunningRange()
    bounds(batch(0))
    before = {name: value.clone() for name, value in bounds.state_dict().items()}
    bounds.eval()
    bounds(batch(1, -50, 50))
    assert all(torch.equal(value, before[name]) for name, value in bounds.state_dict().items())


def test_the_running_range_survives_its_state_dict() -> None:
    bounds, other = RunningRange(), RunningRange()
    for seed in range(3):
        bounds(batch(seed))
    other.load_state_dict(bounds.state_dict())
    # Not the first batch any more: it is mixed in, as it would have been.
    assert torch.equal(bounds(batch(3)), other(batch(3)))
    assert torch.equal(bounds.low, other.low)
    assert torch.equal(bounds.high, other.high)
    assert other.batches.dtype == torch.int64


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_running_range_refuses_what_it_could_not_forget(bad: float) -> None:
    bounds, values = RunningRange(), batch(0)
    bounds(values)
    before = {name: value.clone() for name, value in bounds.state_dict().items()}
    values[1, 1] = bad
    with pytest.raises(ValueError, match=r"^values: got NaN or infinite, expected finite$"):
        bounds(values)
    assert all(torch.equal(value, before[name]) for name, value in bounds.state_dict().items())


@pytest.mark.parametrize("constant", [0.0, -3.0, 7.5])
def test_a_constant_input_is_not_divided_by_zero(constant: float) -> None:
    bounds, values = RunningRange(), torch.full((2, 3), constant, requires_grad=True)
    bounds(values)
    unit = bounds(values)
    (grad,) = torch.autograd.grad(unit.sum(), values)
    assert torch.equal(unit, torch.zeros_like(values))
    assert_close(grad, torch.full_like(values, 1 / MIN_WIDTH))


def test_the_gradient_of_a_training_step_is_that_of_the_range_before_it() -> None:
    # The bounds move between forward and backward.
    bounds, values = RunningRange(1.0), batch(0, 0.1, 0.9).requires_grad_()
    (grad,) = torch.autograd.grad(bounds(values).sum(), values)
    assert torch.equal(grad, torch.ones_like(values))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.5, 3.5), (2.0, 2.002), (-100.0, 250.0)])
def test_the_learned_range_starts_where_it_is_told(low: float, high: float) -> None:
    bounds = LearnedRange(low, high)
    assert bounds.low.item() == pytest.approx(low)
    assert bounds.high.item() == pytest.approx(high, abs=1e-6 * (high - low + abs(high)))
    assert [name for name, _ in bounds.named_parameters()] == ["low", "raw_width"]


def test_learned_ends_have_the_gradients_of_finite_differences() -> None:
    bounds = LearnedRange(-0.7, 1.9).double()
    # Inside, below and above, none near an end.
    values = torch.tensor([[-2.0, -0.4, 0.3, 1.1, 1.7, 4.0]], dtype=torch.float64, requires_grad=True)

    def unit(values: torch.Tensor, low: torch.Tensor, raw_width: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(bounds, {"low": low, "raw_width": raw_width}, (values,))

    assert torch.autograd.gradcheck(unit, (values, bounds.low, bounds.raw_width))
    for index, moved in enumerate((False, True, True, True, True, False)):
        grads = torch.autograd.grad(unit(values, bounds.low, bounds.raw_width)[0, index], list(bounds.parameters()))
        assert all(bool(grad) == moved for grad in grads)


def test_a_learned_range_cannot_turn_over() -> None:
    bounds = LearnedRange()
    with torch.no_grad():
        bounds.raw_width.fill_(-1e4)
    assert bounds.width.item() == pytest.approx(MIN_WIDTH)
    assert torch.isfinite(bounds(batch(0))).all()


def test_fixed_ends_are_neither_trained_nor_saved() -> None:
    assert not list(FixedRange().parameters())
    assert not FixedRange().state_dict()
    values = torch.rand(2, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(FixedRange()(values), values)


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_values_keep_their_dtype(index: int, dtype: torch.dtype) -> None:
    assert built()[index](batch(0).to(dtype)).dtype == dtype


def test_every_name_builds_its_range() -> None:
    for name, kind in RANGES.items():
        assert type(make_range(name)) is kind
    assert make_range("fixed", low=-1, high=4).high.item() == 4
