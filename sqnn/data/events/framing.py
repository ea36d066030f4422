"""Frames of a recording: its events counted by time step, polarity and pixel."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnn.core import Config, option
from sqnn.data.errors import DataError
from sqnn.data.events.recording import Recording

FRAMES_BY = MappingProxyType({"time": "microseconds", "count": "events"})
"""What the frames of a recording have each as much of, and its unit."""
POLARITIES = 2
"""Channels of a frame: events that became darker, and those that became brighter."""
MOST_SIDE = 4096
"""Pixels along the longer side of the largest sensor."""
MOST_CELLS = 2**28
"""Pixels of all frames of one recording."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Framing(Config):
    """How a recording becomes frames; raises ConfigError on a value that makes none."""

    timesteps: int = option(
        8, "recordings of events: frames of each, the time steps of the network", least=1, most=1000
    )
    frames_by: str = option("time", "recordings of events: what each frame has as much of", among=FRAMES_BY)
    window: int | None = option(
        None,
        "recordings of events: microseconds, or events, of one frame (default: a recording's, shared out evenly)",
        least=1,
        most=2**40,
    )
    max_count: int = option(
        1, "recordings of events: how many events of a pixel count in one frame; 1 gives spikes", least=1, most=255
    )
    sensor: tuple[int, int] | None = option(
        None,
        "recordings of events: height and width of the camera (default: what the files say; 34x34 of .bin)",
        least=1,
        most=MOST_SIDE,
    )


FRAMED: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(Framing))
"""Names of the options of recordings."""


def framing_from(options: Mapping[str, Any]) -> Framing:
    """Return the framing of keyword arguments; TypeError where one is none of its fields."""
    for name in options:
        if name not in FRAMED:
            raise TypeError(f"got an unexpected keyword argument {name!r}; recordings have {', '.join(FRAMED)}")
    return Framing.from_dict(options)


def frames_of(
    name: str, recording: Recording, framing: Framing, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Return a recording as frames, uint8 [time, polarity, height, width] of at most `framing.max_count`.

    By time, with t_0 the first and t_1 the last event of N, event i is of frame floor((t_i - t_0) T / (t_1 - t_0 + 1));
    by count, of frame floor(i T / N); with a window, of frame floor((t_i - t_0) / window) or floor(i / window), where
    events of later frames than T - 1 are left out. Neighbouring pixels are joined where `size` is below the sensor's.

    Raises DataError where an event lies outside the sensor, or the sensor is unknown or smaller than `size`.
    """
    sensor = framing.sensor or recording.sensor
    if sensor is None:
        raise DataError(
            f"sensor: got None for {name}, which does not say its camera's; give (height, width), in pixels"
        )
    height, width = size or sensor
    if height > sensor[0] or width > sensor[1]:
        raise DataError(f"size: got {height}x{width}, expected at most the sensor's {sensor[0]}x{sensor[1]} of {name}")
    if framing.timesteps * height * width > MOST_CELLS:
        raise DataError(
            f"timesteps: got {framing.timesteps} frames of {height}x{width} pixels, expected at most {MOST_CELLS:,} "
            "pixels in all; give fewer frames or a smaller size"
        )
    events = recording.events
    x, y = events["x"].astype(np.int64), events["y"].astype(np.int64)
    outside = np.flatnonzero((x >= sensor[1]) | (y >= sensor[0]))
    if len(outside):
        at = int(outside[0])
        raise DataError(
            f"{name}: event {at:,} is in column {x[at]} and row {y[at]}, outside the sensor of {sensor[0]}x{sensor[1]} "
            "(height x width); give that of its camera as sensor"
        )
    steps = _steps(events["t"], framing)
    kept = steps < framing.timesteps
    rows, columns = y * height // sensor[0], x * width // sensor[1]
    cells = ((steps * POLARITIES + (events["p"] > 0)) * height + rows) * width + columns
    shape = (framing.timesteps, POLARITIES, height, width)
    counts = np.bincount(cells[kept], minlength=framing.timesteps * POLARITIES * height * width)
    return np.minimum(counts, framing.max_count).astype(np.uint8).reshape(shape)


def _steps(times: NDArray[np.int64], framing: Framing) -> NDArray[np.int64]:
    """Return the number of the frame that each event is of."""
    by_time = framing.frames_by == "time"
    places = times - times[0] if by_time else np.arange(len(times), dtype=np.int64)
    if framing.window is not None:
        return places // framing.window
    whole = int(places[-1]) + 1
    if whole > 2**52:  # the product with the number of frames would not fit
        raise DataError(f"window: got None for a recording of {whole:,} microseconds; give those of one frame")
    return places * framing.timesteps // whole
