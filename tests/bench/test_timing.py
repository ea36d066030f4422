"""The stopwatch: who runs when, what counts, and what a number is made of; on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat

import pytest

from sqnn.bench import Timing, take_turns
from sqnn.bench.timing import MIN_ROUNDS


class Clock:
    """Time that passes only in scripted calls."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def call(self, name: str, seconds: Iterator[float]) -> Callable[[], None]:
        def run() -> None:
            self.order.append(name)
            self.now += next(seconds)

        return run

    def __call__(self) -> float:
        return self.now


def test_all_take_turns_and_neither_warm_up_nor_outlier_shows() -> None:
    clock = Clock()
    fast = clock.call("fast", iter([1000.0, 1, 2, 500, 3, 2]))
    slow = clock.call("slow", iter([1000.0, 20, 10, 30, 900, 10]))
    assert [timing.median for timing in take_turns([fast, slow], 0.001, clock=clock)] == [2.0, 20.0]
    assert clock.order == ["fast", "slow"] * (1 + MIN_ROUNDS)


def test_the_budget_is_that_of_each() -> None:
    clock = Clock()
    short, long = (clock.call(name, iter([seconds] * 100)) for name, seconds in (("short", 1.0), ("long", 3.0)))
    take_turns([short, long], 20.0, clock=clock)
    assert clock.order.count("short") == clock.order.count("long") == 1 + 10  # a turn of both takes 4 of 40 seconds


def test_waiting_is_timed() -> None:
    """What a call leaves running belongs to it: on a GPU, all of it."""
    clock = Clock()
    left = [0.0]

    def start() -> None:
        left[0] += 7.0

    def wait() -> None:
        clock.now += left[0]
        left[0] = 0.0

    assert [timing.median for timing in take_turns([start], 1.0, wait=wait, clock=clock)] == [7.0]


def test_quartiles_and_cores_are_those_of_the_repetitions() -> None:
    clock = Clock()
    call = clock.call("call", iter([1000.0, 1, 2, 3, 4, 5]))
    (timing,) = take_turns([call], 0.001, clock=clock, processor=lambda: 2 * clock.now)
    assert timing == Timing(median=3.0, lower=2.0, upper=4.0, repetitions=5, cores=2.0)
    assert list(timing.columns(1e3).values()) == [2000.0, 4000.0, 5, 2.0]


def test_a_fast_call_repeats_itself_within_its_turn() -> None:
    clock = Clock()
    fast, slow = (clock.call(name, repeat(seconds)) for name, seconds in (("fast", 1.0), ("slow", 10.0)))
    timings = take_turns([fast, slow], 0.001, turn=3.0, clock=clock)
    assert clock.order == ["fast", "slow", *["fast"] * 3, "slow", *(["fast"] * 3 + ["slow"]) * (MIN_ROUNDS - 1)]
    assert [timing.repetitions for timing in timings] == [3 * MIN_ROUNDS, MIN_ROUNDS]


def test_a_slow_call_leaves_when_it_has_taken_the_most() -> None:
    clock = Clock()
    calls = [clock.call(name, repeat(seconds)) for name, seconds in (("a", 1.0), ("b", 40.0), ("c", 100.0))]
    timings = take_turns(calls, 0.001, most=100.0, clock=clock)
    assert [timing.repetitions for timing in timings] == [MIN_ROUNDS, 3, 1]
    assert [timing.median for timing in timings] == [1.0, 40.0, 100.0]
    assert clock.order.count("c") == 1, "its warm-up was measurement enough"


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_one_repetition_is_its_own_quartiles(seconds: float) -> None:
    clock = Clock()
    (timing,) = take_turns([clock.call("once", iter([seconds]))], 1.0, most=0.0, clock=clock, processor=lambda: 0.0)
    assert (timing.lower, timing.median, timing.upper, timing.cores) == (seconds, seconds, seconds, 0.0)
