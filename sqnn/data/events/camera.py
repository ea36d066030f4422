"""What the cameras of synthetic recordings have in common."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sqnn.core import Config
from sqnn.data.events.recording import EVENT

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Camera(Config):
    """Base of the cameras that record pictures; the sensor is larger than a picture by `margin` pixels all around."""

    def margin(self, height: int, width: int) -> int:
        """Return the pixels of the sensor on each side of a picture."""
        raise NotImplementedError

    def pixels(self, sensor: tuple[int, int], generator: torch.Generator) -> Floats:
        """Draw what differs between the pixels of one camera: [..., height, width] of the sensor."""
        raise NotImplementedError

    def record(self, grey: Floats, pixels: Floats, generator: torch.Generator) -> list[NDArray[Any]]:
        """Return the events (dtype EVENT) of each picture of [batch, height, width] in [0, 1]."""
        raise NotImplementedError


def events_of(
    times: NDArray[Any], pixels: NDArray[Any], rises: NDArray[Any], count: int, sensor: tuple[int, ...]
) -> list[NDArray[Any]]:
    """Return the events of each of `count` pictures, in the order of time and then of pixels.

    `pixels` are numbers of pixels, counted through all pictures.
    """
    images, places = np.divmod(pixels, sensor[0] * sensor[1])
    order = np.lexsort((places, times, images))
    events = np.empty(len(order), EVENT)
    events["t"], events["p"] = times[order], rises[order]
    events["y"], events["x"] = np.divmod(places[order], sensor[1])
    return np.split(events, np.searchsorted(images[order], np.arange(1, count)))
