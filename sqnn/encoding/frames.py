"""Trains that come with their time: frames of event recordings, which no code has to make."""

from __future__ import annotations

import torch

from sqnn.core import Recordings, Trains
from sqnn.encoding.base import Encoder

FRAMES = "frames"
"""The name of the encoding of recordings, beside those of the codes of pixels."""


class Frames(Encoder):
    """Present each frame of a recording at its own step.

    s_t = x_t for t = 0 .. T-1. Recordings `[batch, time, *features]` in [0, 1] give a view `[time, batch, *features]`
    that owns no memory; `decode` gives the recordings back. Gradients pass.

    Raises `ValueError` on `timesteps` below 1, on recordings outside [0, 1] and on those of another length.
    """

    @property
    def step(self) -> float:
        return 0.0

    def emit(self, unit: Recordings, generator: torch.Generator | None = None) -> Trains:
        if unit.ndim < 2 or unit.shape[1] != self.timesteps:
            raise ValueError(f"images: got shape {list(unit.shape)}, expected [batch, {self.timesteps}, *features]")
        return unit.transpose(0, 1)

    def decode(self, spikes: Trains) -> Recordings:
        return spikes.transpose(0, 1)
