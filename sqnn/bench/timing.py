"""The one way to time: all computations take turns, so that other load on the machine affects all alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

MIN_ROUNDS = 5
"""Turns of each computation, however long they take."""
MAX_ROUNDS = 1000

TIMING = ("lower_quartile", "upper_quartile", "repetitions", "cores_used")
"""Columns that say of a median how its repetitions scatter, in its unit, and how many cores they kept busy."""

Call = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Seconds of one computation, over its repetitions: the median and the quartiles; `cores` is CPU time over time."""

    median: float
    lower: float
    upper: float
    repetitions: int
    cores: float

    def columns(self, unit: float = 1.0) -> dict[str, float | int]:
        """Return the columns `TIMING` in units of 1 / `unit` seconds: 1e3 is milliseconds."""
        return dict(zip(TIMING, (self.lower * unit, self.upper * unit, self.repetitions, self.cores), strict=True))


@dataclass
class _Stopwatch:
    """What the repetitions of one computation took."""

    call: Call
    wait: Call
    clock: Callable[[], float]
    processor: Callable[[], float]
    seconds: list[float] = field(default_factory=list)
    busy: float = 0.0

    def measure(self) -> float:
        """Run once and return the seconds that it took."""
        self.wait()
        start, busy = self.clock(), self.processor()
        self.call()
        self.wait()
        seconds = self.clock() - start
        self.busy += self.processor() - busy
        self.seconds.append(seconds)
        return seconds

    def forget(self) -> None:
        """Take what was measured so far for a warm-up."""
        self.seconds, self.busy = [], 0.0

    @property
    def spent(self) -> float:
        return sum(self.seconds)

    def timing(self) -> Timing:
        seconds = self.seconds if len(self.seconds) > 1 else self.seconds * 2  # quartiles need two values
        lower, median, upper = statistics.quantiles(seconds, n=4, method="inclusive")
        return Timing(median, lower, upper, len(self.seconds), self.busy / self.spent if self.spent else 0.0)


def take_turns(
    calls: Sequence[Call],
    budget: float,
    *,
    device: str = "cpu",
    turn: float = 0.0,
    most: float = math.inf,
    wait: Call | None = None,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.process_time,
) -> list[Timing]:
    """Time all calls in turns until they have taken `budget` seconds each, all together.

    A first round only warms up. Then each call runs once in every round, or as often as fits into `turn` seconds, every
    repetition timed by itself, for at least `MIN_ROUNDS` rounds. A call that has taken `most` seconds leaves the other
    rounds to the others; one that takes as long to warm up was measured by that. `wait` runs before each reading of the
    clock, since what a call started has to end; by default it waits for the GPU where the device is one.
    """
    wait = _waiting(device) if wait is None else wait
    watches = [_Stopwatch(call, wait, clock, processor) for call in calls]
    for watch in watches:
        if watch.measure() < most:
            watch.forget()
    rounds = 0
    while rounds < MIN_ROUNDS or (sum(watch.spent for watch in watches) < budget * len(calls) and rounds < MAX_ROUNDS):
        staying = [watch for watch in watches if watch.spent < most]
        if not staying:
            break
        for watch in staying:
            taken = watch.measure()
            while taken < turn:
                taken += watch.measure()
        rounds += 1
    return [watch.timing() for watch in watches]


def _waiting(device: str) -> Call:
    """Return what waits until the device has computed all that it was asked for."""
    if not device.startswith("cuda"):
        return _nothing
    import torch

    return partial(torch.cuda.synchronize, device)


def _nothing() -> None:
    pass
