"""Synthetic recordings: what an ideal event camera would see of pictures while it makes three micro-saccades."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqnn.core import Choices, Config, option, require
from sqnn.data.errors import DataError
from sqnn.data.events.recording import EVENT, Recording

SACCADE = 100_000
"""Microseconds of one saccade, as in N-MNIST."""
CORNERS = ((-1, -1), (0, 1), (1, -1), (-1, -1))
"""Where the camera looks at the ends of the saccades, as (column, row) in margins: an isosceles triangle."""
SAMPLES = 32
"""Views of the picture per saccade, between which log intensity is taken as linear in time."""
DARK = 0.1
"""What is added to intensities before the logarithm: a black pixel's share of the light of a white one."""
MARGIN = 0.1
"""Share of a picture's shorter side that its margins have, and that the saccades move it by: 3 pixels of 28."""
ROUNDING = 1e-9
"""Share of a threshold by which log intensity may fall short of it."""
AT_ONCE = 256
"""Pictures that are simulated together."""
Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Saccades(Config):
    """The camera of the simulation."""

    threshold: float = option(0.5, "change of the logarithm of intensity that makes an event", above=0.01)
    spread: float = option(0.05, "standard deviation of the thresholds of pixels, as a share of it", least=0, most=0.3)


SYNTHETIC: Choices[type[Saccades]] = Choices("synthetic", {"saccades": Saccades})
"""Simulations that make recordings out of pictures."""


def simulate_saccades(images: Tensor, generator: torch.Generator, camera: Saccades | None = None) -> list[Recording]:
    """Return the synthetic recording of each picture of [batch, channels, height, width] in [0, 1].

    With L = ln(I + 0.1) of the mean I over channels, seen through a window that moves by straight lines (three saccades
    of 100 ms) over the picture and its margins, a pixel sends an event of polarity 1 (0) whenever L has risen (fallen)
    by its threshold since its last event. L is linear in time between 32 views per saccade; events have the microsecond
    of the crossing. The thresholds of the pixels, the only random numbers, are normal and drawn from `generator`. The
    sensor is larger than the picture by a margin of a tenth of its shorter side, at least a pixel, all around; beyond
    its edge a picture goes on as it ends there.

    Raises DataError where `images` are none of this shape or range, ConfigError where there is no generator. Source:
    ESIM (Rebecq et al., CoRL 2018) for the crossings; Orchard et al., Front. Neurosci. 9, 437 (2015) for the motion.
    """
    camera = Saccades() if camera is None else camera
    require(isinstance(generator, torch.Generator), "generator", generator, "a torch.Generator")
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point() or not images.numel():
        got = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise DataError(f"images: got {got}, expected floats [batch, channels, height, width] in [0, 1]")
    if not (float(images.min()) >= 0 and float(images.max()) <= 1):
        raise DataError("images: got values outside [0, 1], or NaN, expected finite ones in it")
    margin = max(1, round(MARGIN * min(images.shape[-2:])))
    sensor = (images.shape[-2] + 2 * margin, images.shape[-1] + 2 * margin)
    noise = torch.randn(sensor, generator=generator, dtype=torch.float64)
    thresholds = (camera.threshold * (1 + camera.spread * noise).clamp(min=0.1)).numpy()
    grey = images.to(torch.float64).mean(1).numpy()
    return [
        Recording(events, sensor)
        for start in range(0, len(grey), AT_ONCE)
        for events in _recorded(grey[start : start + AT_ONCE], margin, thresholds)
    ]


def _path() -> Iterator[tuple[float, float]]:
    """Give where the camera looks at each view, as (column, row) in units of the margin."""
    column, row = CORNERS[0]
    yield float(column), float(row)
    for (x, y), (to_x, to_y) in itertools.pairwise(CORNERS):
        for sample in range(1, SAMPLES + 1):
            share = sample / SAMPLES
            yield x + share * (to_x - x), y + share * (to_y - y)


def view(grey: Floats, margin: int, column: float, row: float) -> Floats:
    """Return ln(I + DARK) of pictures [batch, height, width] seen from (column, row), in units of the margin.

    Intensities between pixels are interpolated linearly along both axes.
    """
    wide = np.pad(grey, ((0, 0), (2 * margin, 2 * margin + 1), (2 * margin, 2 * margin + 1)), mode="edge")
    height, width = grey.shape[1] + 2 * margin, grey.shape[2] + 2 * margin
    (down, right), (part_y, part_x) = np.divmod([margin * (1 + row), margin * (1 + column)], 1)
    seen = np.zeros((len(grey), height, width))
    for y, weight_y in ((int(down), 1 - part_y), (int(down) + 1, part_y)):
        for x, weight_x in ((int(right), 1 - part_x), (int(right) + 1, part_x)):
            seen += weight_y * weight_x * wide[:, y : y + height, x : x + width]
    return np.log(seen + DARK)


def _recorded(grey: Floats, margin: int, thresholds: Floats) -> list[NDArray[Any]]:
    """Return the events of each picture, in the order of time and then of pixels."""
    views = (view(grey, margin, *place) for place in _path())
    before = next(views)
    level = before.copy()  # of each pixel at its last event
    step = SACCADE / SAMPLES
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]] = []
    for number, now in enumerate(views):
        change = now - level
        # Without the allowance a crossing that rounding misses would come later, while nothing changes.
        crossings = np.floor(np.abs(change) / thresholds + ROUNDING).astype(np.int64).ravel()
        pixels = np.repeat(np.arange(crossings.size), crossings)
        which = np.arange(len(pixels)) - np.repeat(np.cumsum(crossings) - crossings, crossings) + 1
        rises = change.ravel()[pixels] > 0
        height = thresholds.ravel()[pixels % thresholds.size]
        crossed = level.ravel()[pixels] + np.where(rises, 1, -1) * which * height
        share = (crossed - before.ravel()[pixels]) / (now.ravel()[pixels] - before.ravel()[pixels])
        times = np.rint((number + np.clip(share, 0, 1)) * step).astype(np.int64)
        parts.append((times, pixels, rises))
        level += np.sign(change) * crossings.reshape(change.shape) * thresholds
        before = now
    times, pixels, rises = (np.concatenate(column) for column in zip(*parts, strict=True))
    images, places = np.divmod(pixels, thresholds.size)
    order = np.lexsort((places, times, images))
    events = np.empty(len(order), EVENT)
    events["t"], events["p"] = times[order], rises[order]
    events["y"], events["x"] = np.divmod(places[order], thresholds.shape[1])
    return np.split(events, np.searchsorted(images[order], np.arange(1, len(grey))))
