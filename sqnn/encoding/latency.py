"""Latency encoding: the brighter the pixel, the earlier its one spike."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import Trains, Values
from sqnn.encoding.base import Encoder, check_spikes, emit_spikes
from sqnn.encoding.plane_surrogates import PLAIN_SURROGATES, PlaneSurrogate, make_plain_surrogate


class Latency(Encoder):
    """Encode each pixel in the time of a single spike, linear in brightness.

    l = round(x (T - 1)), spike at step T - 1 - l; decoded from the first spike t as (T - 1 - t) / (T - 1).

    Images `[batch, *features]` in [0, 1] give spikes in {0, 1}, `[time, batch, *features]`, exactly one
    per pixel: a black pixel fires at the last step, which keeps the code unique. The T levels are
    `step` = 1 / (T - 1) apart; halves round to even.

    With `surrogate` "straight-through" the gradient is that of the hats S_t(x) = max(0, 1 - |x (T - 1) - (T - 1 - t)|),
    linear between levels: -(T - 1) for the level below x, T - 1 for the one above, so that decoding by weight has slope
    1. On a level it is that to the right, at the brightest that to the left. With "detached" (the default) no gradient
    reaches the images.

    Raises `ValueError` on `timesteps` below 2, on another surrogate, on images outside [0, 1], and, when decoding, on
    a pixel that never spikes.
    """

    surrogates: ClassVar[tuple[str, ...]] = PLAIN_SURROGATES
    min_timesteps: ClassVar[int] = 2

    def __init__(self, timesteps: int, *, surrogate: str | PlaneSurrogate = "detached") -> None:
        super().__init__(timesteps)
        self.surrogate = make_plain_surrogate(surrogate)

    @property
    def step(self) -> float:
        return 1 / (self.timesteps - 1)

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple(float(level) for level in range(self.timesteps - 1, -1, -1))

    @property
    def weight_total(self) -> float:
        return float(self.timesteps - 1)

    def emit(self, unit: Values, generator: torch.Generator | None = None) -> Trains:
        return emit_spikes(unit, self._spikes, self._pull if self.surrogate.has_gradient else None)

    def decode(self, spikes: Tensor) -> Values:
        check_spikes(spikes, self.timesteps)
        fired = spikes > 0
        if not fired.any(0).all():
            silent = int((~fired.any(0)).sum())
            raise ValueError(f"spikes: got {silent} pixels that never fire, expected a spike for every pixel")
        last = self.timesteps - 1
        # argmax returns the first of equal maxima, which is the first spike.
        first = fired.to(torch.uint8).argmax(0)
        return (last - first).to(spikes.dtype) / last

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, surrogate={self.surrogate!r}"

    def _spikes(self, unit: Tensor) -> Tensor:
        last = self.timesteps - 1
        times = last - (unit * last).round().long()
        spikes = unit.new_zeros(self.timesteps, *unit.shape)
        return spikes.scatter_(0, times.unsqueeze(0), 1)

    def _pull(self, grads: Tensor, unit: Tensor) -> Tensor:
        last = self.timesteps - 1
        below = (unit.detach() * last).floor().clamp(0, last - 1).long().unsqueeze(0)
        # A level fires at step last - level.
        rise = grads.gather(0, last - 1 - below) - grads.gather(0, last - below)
        return rise.squeeze(0) * last
