"""Sizes in a traced forward pass compute what plain numbers compute, for every number of images, or refuse to."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import fx

from sqnn.conversion.graph.sizes import BatchSize, ImageSize, TraceRefusedError

TRACED = 3
SUMS = (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod)
COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
ALONE = (operator.neg, operator.pos, operator.abs, operator.invert, round)
BITWISE = (operator.lshift, operator.rshift, operator.and_, operator.or_, operator.xor, divmod)
steps = st.lists(
    st.tuples(st.sampled_from((*SUMS, *BITWISE)), st.integers(-4, 12), st.booleans(), st.booleans()), max_size=4
)


def computed(calls: list, batch: int | BatchSize) -> int | BatchSize:
    """Apply operations one after the other, to plain numbers or to the batch times them, on either side."""
    value = batch
    for call, number, of_the_batch, swapped in calls:
        other = number * batch if of_the_batch else number
        value = call(other, value) if swapped else call(value, other)
        value = value[0] if isinstance(value, tuple) else value
    return value


@given(calls=steps, batch=st.integers(1, 40))
def test_what_is_followed_is_right_for_every_batch(calls: list, batch: int) -> None:
    try:
        followed = computed(calls, BatchSize(TRACED, Fraction(1), []))
    except (TraceRefusedError, ZeroDivisionError, ValueError):
        return
    number = followed.of(batch) if isinstance(followed, BatchSize) else followed
    assert number == computed(calls, batch)
    assert int(followed) == computed(calls, TRACED)


@given(
    share=st.integers(1, 9), other=st.integers(-5, 200), call=st.sampled_from(COMPARISONS), batch=st.integers(1, 200)
)
def test_a_comparison_is_the_same_for_every_batch_or_shows_in_one_that_is_tried(
    share: int, other: int, call: Callable, batch: int
) -> None:
    asked: list[int] = []
    answer = call(BatchSize(TRACED * share, Fraction(share), asked), other)
    if call(share * batch, other) != answer:
        assert any(call(share * size, other) != answer for size in asked)


@given(one=st.integers(1, 9), two=st.integers(1, 9), call=st.sampled_from(COMPARISONS), batch=st.integers(1, 40))
def test_multiples_of_the_batch_compare_as_for_every_batch(one: int, two: int, call: Callable, batch: int) -> None:
    asked: list[int] = []
    first, second = (BatchSize(TRACED * n, Fraction(n), asked) for n in (one, two))
    assert call(first, second) == call(one * batch, two * batch)


@pytest.mark.parametrize("call", ALONE)
def test_what_is_not_followed_is_refused(call: Callable) -> None:
    with pytest.raises(TraceRefusedError, match="the number of images"):
        call(BatchSize(TRACED, Fraction(1), []))


@given(size=st.integers(1, 20), other=st.integers(1, 20), calls=steps)
def test_sizes_of_an_image_are_computed_by_nodes(size: int, other: int, calls: list) -> None:
    graph = fx.Graph()
    made = ImageSize(size, graph.placeholder("size"))
    try:
        result = computed([call for call in calls if call[0] in SUMS], made)
    except ZeroDivisionError:
        return
    assert int(result) == computed([call for call in calls if call[0] in SUMS], size)
    if not isinstance(result, ImageSize):
        return
    graph.output(result.node)
    run = fx.Interpreter(fx.GraphModule({}, graph))
    assert run.run(size) == int(result)
    try:
        expected = computed([call for call in calls if call[0] in SUMS], other)
    except ZeroDivisionError:
        return
    assert run.run(other) == expected
