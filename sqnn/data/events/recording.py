"""One recording of an event camera: events in the order of their time, and the size of the sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnn.core import brief
from sqnn.data.errors import DataError

EVENT = np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "u1")])
"""An event: microseconds, column from the left, row from the top, and polarity, 1 where it became brighter."""
FIELDS = ("t", "x", "y", "p")
MOST_TIME = 2**62
"""Microseconds that no recording reaches: 146,000 years."""


@dataclass(frozen=True)
class Recording:
    """Events (dtype EVENT) in the order of their time, and the sensor's height and width, None where unknown."""

    events: NDArray[Any]
    sensor: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.events)


def make_recording(
    name: str, t: object, x: object, y: object, p: object, sensor: tuple[int, int] | None = None
) -> Recording:
    """Return columns of events as a recording; DataError where there is none, or time runs backwards."""
    times = np.asarray(t)
    if not len(times):
        raise DataError(f"{name}: holds no events, expected at least one; leave it out")
    backwards = np.flatnonzero(times[1:] < times[:-1])
    if len(backwards):
        at = int(backwards[0])
        raise DataError(
            f"{name}: time runs backwards, from {times[at]:,} to {times[at + 1]:,} us at event {at + 1:,} of "
            f"{len(times):,}; fetch it again, or sort its events by time"
        )
    events = np.empty(len(times), EVENT)
    for field, column in zip(FIELDS, (times, x, y, p), strict=True):
        events[field] = column
    return Recording(events, sensor)


def recording_of(name: str, value: object, sensor: tuple[int, int] | None = None) -> Recording:
    """Return a structured array of t, x, y, p, or the events of a recording, checked, as a recording.

    `t` are whole microseconds (`ts` and `timestamp` mean the same), `p` is 0 or 1, -1 or 1, or a truth value. Raises
    DataError where it is none, is empty, or time runs backwards. `sensor` is that of recordings that state none.
    """
    if isinstance(value, Recording):
        sensor = value.sensor or sensor
        value = value.events
    names = value.dtype.names if isinstance(value, np.ndarray) else None
    if not isinstance(value, np.ndarray) or names is None or value.ndim != 1:
        got = f"an array {value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else brief(value)
        raise DataError(f"{name}: got {got}, expected a structured array with the fields t, x, y, p, as tonic gives")
    time = next((each for each in ("t", "ts", "timestamp") if each in names), "t")
    columns = [time, "x", "y", "p"]
    lacking = next((each for each in columns if each not in names), None)
    if lacking is not None:
        raise DataError(f"{name}: has the fields {', '.join(names)}, expected t, x, y, p: {lacking} is missing")
    checked = [_whole(f"{name}: {field}", value[field]) for field in columns]
    for field, column, most in zip(columns, checked, (MOST_TIME, 2**16 - 1, 2**16 - 1, 1), strict=True):
        least = -1 if field == "p" else 0
        if len(column) and not (least <= column.min() and column.max() <= most):
            raise DataError(f"{name}: got {field} from {column.min()} to {column.max()}, expected {least} to {most:,}")
    t, x, y, p = checked
    return make_recording(name, t, x, y, p > 0, sensor)


def _whole(name: str, column: NDArray[Any]) -> NDArray[np.int64]:
    if column.ndim != 1 or column.dtype.kind not in "buif":
        raise DataError(f"{name} is {column.dtype} {list(column.shape)}, expected one whole number for each event")
    if column.dtype.kind == "f":
        inside = bool(np.isfinite(column).all()) and bool((np.abs(column) < MOST_TIME).all())
        if not inside or not bool((column == np.rint(column)).all()):
            raise DataError(f"{name} has fractions or infinite values, expected whole numbers; time is in microseconds")
    if column.dtype.kind == "u" and len(column) and int(column.max()) > MOST_TIME:
        raise DataError(f"{name} reaches {column.max()}, expected at most {MOST_TIME:,}")
    return column.astype(np.int64)
