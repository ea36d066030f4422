"""The measured camera of synthetic recordings: the one that recorded N-MNIST, with numbers fitted to its recordings."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sqnn.core import option
from sqnn.data.events.camera import Camera, Floats, events_of


class Leg(NamedTuple):
    """One movement of the picture over the sensor: begin and end in microseconds, columns and rows in pixels."""

    begin: float
    end: float
    columns: float
    rows: float


START = (0.21, 1.70)
"""Column and row of the sensor at which the left and upper edge of a picture lie before it moves."""
LEGS = (
    Leg(5_500, 89_900, 1.81, 5.04),
    Leg(104_400, 193_000, 3.63, -5.31),
    Leg(211_900, 301_400, -5.13, -0.20),
)
"""The three saccades."""
MARGIN = 3
"""Pixels of the sensor around a picture: 34 for the 28 of MNIST."""
STEP, STEPS = 2_000, 155
"""Microseconds between two views, between which log intensity is taken as linear in time, and their number."""
MOST_VALUES = 2**24
"""Pixels of all views that are held at once."""
Single = NDArray[np.float32]
Whole = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasuredCamera(Camera):
    """The camera of N-MNIST, `synthetic="nmnist"`, as far as its recordings tell.

    A picture of levels g is shown as the light I = (1 - g)^gamma (N-MNIST's digits are dark on light: its camera tells
    of their leading edges as darker), or as I = g^gamma where it is no `negative`. It is moved over the sensor in three
    legs of 100 ms, x(u) = d (u - sin(2 pi u) / (2 pi)) within a leg of d pixels, and blurred by a Gaussian. A pixel
    follows L = ln(I + dark) by a low pass of first order, and sends an event of polarity 1 (0) when that has risen
    (fallen) by its threshold since its reference, which it takes anew `refractory` microseconds after each event; till
    then it is deaf. Leak makes events of polarity 1 without a cause, at `background` per second and pixel, where the
    pixel is not deaf. Light is linear in time between views, which are 2 ms apart; a pixel sends at most one
    event in between.

    The defaults were fitted to recordings of training images of N-MNIST (Orchard et al., Front. Neurosci. 9, 437,
    2015); docs/results/events.md says to which, and how like others the synthetic ones are. Thresholds of pixels and
    background are the random numbers.
    """

    threshold_on: float = option(0.312, "rise of the logarithm of intensity that makes an event", above=0.01)
    threshold_off: float = option(0.300, "fall of the logarithm of intensity that makes an event", above=0.01)
    spread: float = option(0.05, "standard deviation of the thresholds of pixels, as a share", least=0, most=0.3)
    refractory: int = option(620, "microseconds that a pixel is deaf for after an event", least=0, most=100_000)
    low_pass: float = option(2080.0, "time constant of the photoreceptor in microseconds", least=0, most=1e6)
    background: float = option(0.38, "events per second and pixel that nothing in the picture causes", least=0, most=10)
    blur: float = option(0.51, "standard deviation of the optics in pixels", above=0.01, most=10)
    scale: float = option(1.011, "pixels of the sensor per pixel of the picture", least=0.5, most=2)
    dark: float = option(0.086, "light where there is none, as a share of full light", above=0.0001, most=10)
    gamma: float = option(2.00, "exponent of the display", least=0.1, most=10)
    negative: bool = option(True, "pictures are shown as their negative, as N-MNIST's are")

    def margin(self, height: int, width: int) -> int:
        return MARGIN

    def pixels(self, sensor: tuple[int, int], generator: torch.Generator) -> Floats:
        shares: Floats = (1 + self.spread * torch.randn(sensor, generator=generator, dtype=torch.float64)).numpy()
        return shares.clip(0.1)

    def record(self, grey: Floats, pixels: Floats, generator: torch.Generator) -> list[NDArray[Any]]:
        at_once = max(1, MOST_VALUES // ((STEPS + 1) * pixels.size))
        parts = [
            self._record(grey[start : start + at_once], pixels, generator) for start in range(0, len(grey), at_once)
        ]
        return [events for part in parts for events in part]

    def _record(self, grey: Floats, pixels: Floats, generator: torch.Generator) -> list[NDArray[Any]]:
        light = self._views(grey, *pixels.shape)
        shares = np.broadcast_to(pixels.astype(np.float32)[:, None], light.shape[1:]).ravel()
        light = light.reshape(len(light), -1)
        # A pixel whose light never changes by a threshold is silent, and most are.
        least = np.exp(min(self.threshold_on, self.threshold_off) * shares)
        active = np.flatnonzero(light.max(0) + self.dark >= (light.min(0) + self.dark) * least)
        times, places, rises = self._crossings(np.log(light[:, active] + np.float32(self.dark)), shares[active])
        # Places of [row, picture, column] as those of [picture, row, column].
        (height, width), count = pixels.shape, len(grey)
        rows, rest = np.divmod(active[places], count * width)
        images, columns = np.divmod(rest, width)
        places = (images * height + rows) * width + columns
        return events_of(
            *self._with_background(times, places, rises, count * pixels.size, generator), count, pixels.shape
        )

    def _views(self, grey: Floats, height: int, width: int) -> Single:
        """Return the light on the sensor at each view, [views, row, picture, column]."""
        shown = ((1 - grey if self.negative else grey) ** self.gamma).astype(np.float32)
        count, rows, columns = shown.shape
        down, right = _path(np.arange(STEPS + 1) * STEP)
        across = self._weights(right, columns, width)
        along = self._weights(down, rows, height)
        moved = shown.reshape(count * rows, columns) @ across.reshape(-1, columns).T
        moved = moved.reshape(count, rows, STEPS + 1, width).transpose(2, 1, 0, 3)
        views = along @ np.ascontiguousarray(moved).reshape(STEPS + 1, rows, count * width)
        return views.reshape(STEPS + 1, height, count, width)

    def _weights(self, places: Floats, length: int, sensor: int) -> Single:
        """Return the share that each of `length` pixels of a picture at a place has in each of the sensor's.

        [views, sensor, length]; the outermost pixels stand for all beyond them.
        """
        edges = np.arange(length + 1) - length / 2
        edges = places[:, None, None] + self.scale * edges + length / 2 - 0.5
        distance = (edges - np.arange(sensor)[None, :, None]) / (self.blur * math.sqrt(2))
        below = torch.from_numpy(distance).erf_().numpy()
        below[..., 0], below[..., -1] = -1, 1
        return (np.diff(below, axis=-1) / 2).astype(np.float32)

    def _crossings(self, light: Single, shares: Single) -> tuple[Whole, Whole, NDArray[np.bool_]]:
        """Return times, pixels and directions of the events of pixels that see the log intensities [views, pixel]."""
        up, down = shares * np.float32(self.threshold_on), shares * np.float32(-self.threshold_off)
        follow = np.float32(1 if not self.low_pass else -math.expm1(-STEP / self.low_pass))
        before, reference = light[0].copy(), light[0].copy()
        ready = np.zeros(len(before), np.int64)
        deaf = np.zeros(0, np.int64)
        parts: list[tuple[Whole, Whole, NDArray[np.bool_]]] = []
        for step, now in enumerate(light[1:]):
            start = step * STEP
            change = (now - before) * follow
            deaf = _wake(deaf, reference, ready, start, before, change)
            after = before + change
            rise = after - reference
            fires = (rise >= up) | (rise <= down)
            fires[deaf] = False
            fired = np.flatnonzero(fires)
            rises = rise[fired] > 0
            crossed = reference[fired] + np.where(rises, up[fired], down[fired])
            # A threshold that was passed before the pixel woke is told of at once, by however little light changes.
            share = np.divide(
                crossed - before[fired], change[fired], out=np.zeros(len(fired), np.float32), where=change[fired] != 0
            )
            times = np.maximum(start + np.rint(share.clip(0, 1) * STEP).astype(np.int64), ready[fired])
            parts.append((times, fired, rises))
            ready[fired] = times + self.refractory
            deaf = np.concatenate([deaf, _wake(fired, reference, ready, start, before, change)])
            before = after
        times, places, directions = (np.concatenate(column) for column in zip(*parts, strict=True))
        return times, places, directions

    def _with_background(
        self, times: Whole, places: Whole, rises: NDArray[np.bool_], count: int, generator: torch.Generator
    ) -> tuple[Whole, Whole, NDArray[np.bool_]]:
        """Return events with those of the background among `count` pixels, except where a pixel is deaf."""
        length = STEP * STEPS
        expected = torch.tensor(self.background * length / 1e6 * count, dtype=torch.float64)
        number = int(torch.poisson(expected, generator))
        drawn = torch.randint(length, (number,), generator=generator).numpy()
        where = torch.randint(count, (number,), generator=generator).numpy()
        times, places = np.concatenate([times, drawn]), np.concatenate([places, where])
        rises = np.concatenate([rises, np.ones(number, bool)])
        noise = np.arange(len(times)) >= len(times) - number
        order = np.lexsort((times, places))
        gaps = np.diff(times[order]) + np.where(np.diff(places[order]), 10 * length, 0)
        close = gaps < self.refractory
        beside = np.concatenate([[False], close]) | np.concatenate([close, [False]])
        kept = order[~(beside & noise[order])]
        return times[kept], places[kept], rises[kept]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoiselessCamera(MeasuredCamera):
    """The measured camera without mismatch and background, `synthetic="nmnist-noiseless"`: nothing in it is random.

    A control of what the two are good for.
    """

    spread: float = option(0.0, "standard deviation of the thresholds of pixels, as a share", least=0, most=0.3)
    background: float = option(0.0, "events per second and pixel that nothing in the picture causes", least=0, most=10)


def _wake(deaf: Whole, reference: Single, ready: Whole, start: int, before: Single, change: Single) -> Whole:
    """Give those deaf pixels that are ready within a step their new references, and return the others."""
    wakes = ready[deaf] < start + STEP
    awake = deaf[wakes]
    reference[awake] = before[awake] + change[awake] * ((ready[awake] - start) / np.float32(STEP))
    return deaf[~wakes]


def _path(times: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return row and column of a picture's upper left corner on the sensor at times in microseconds."""
    column, row = (np.full(len(times), place) for place in START)
    for leg in LEGS:
        share = ((times - leg.begin) / (leg.end - leg.begin)).clip(0, 1)
        moved = share - np.sin(2 * np.pi * share) / (2 * np.pi)
        column += leg.columns * moved
        row += leg.rows * moved
    return row, column
