"""The ideal camera of synthetic recordings: events wherever log intensity crosses a threshold during three saccades."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sqnn.core import option
from sqnn.data.events.camera import Camera, Floats, events_of

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Saccades(Camera):
    """An ideal camera, `synthetic="saccades"`: no noise, no refractory period, unlimited bandwidth.

    With L = ln(I + 0.1), seen through a window that moves by straight lines (three saccades of 100 ms) over the picture
    and its margins, a pixel sends an event of polarity 1 (0) whenever L has risen (fallen) by its threshold since its
    last event. L is linear in time between 32 views per saccade; events have the microsecond of the crossing. The
    thresholds of the pixels are normal, and the only random numbers. The margin is a tenth of a picture's shorter side,
    at least a pixel.

    Source: ESIM (Rebecq et al., CoRL 2018) for the crossings; Orchard et al., Front. Neurosci. 9, 437 (2015) for the
    motion.
    """

    threshold: float = option(0.5, "change of the logarithm of intensity that makes an event", above=0.01)
    spread: float = option(0.05, "standard deviation of the thresholds of pixels, as a share of it", least=0, most=0.3)

    def margin(self, height: int, width: int) -> int:
        return max(1, round(MARGIN * min(height, width)))

    def pixels(self, sensor: tuple[int, int], generator: torch.Generator) -> Floats:
        noise = torch.randn(sensor, generator=generator, dtype=torch.float64)
        thresholds: Floats = (self.threshold * (1 + self.spread * noise).clamp(min=0.1)).numpy()
        return thresholds

    def record(self, grey: Floats, pixels: Floats, generator: torch.Generator) -> list[NDArray[Any]]:
        return _recorded(grey, self.margin(*grey.shape[1:]), pixels)


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
    """Return the events of each picture."""
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
    return events_of(times, pixels, rises, len(grey), thresholds.shape)
