"""Direct encoding: the image itself, at every step."""

from __future__ import annotations

import torch

from sqnn.core import Trains, Values
from sqnn.encoding.base import Encoder


class Direct(Encoder):
    """Present the image as a constant current, so that the first spiking layer is the encoder.

    s_t = x for t = 0 .. T-1, and x = mean_t s_t.

    Images `[batch, *features]` in [0, 1] give a view `[time, batch, *features]` that owns no memory:
    clone it before writing into it. Gradients pass to the images.

    Raises `ValueError` on `timesteps` below 1 and on images outside [0, 1].
    """

    @property
    def step(self) -> float:
        return 0.0

    def emit(self, unit: Values, generator: torch.Generator | None = None) -> Trains:
        return unit.expand(self.timesteps, *unit.shape)
