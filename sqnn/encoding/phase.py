"""Weighted-phase encoding: the bits of a pixel, most significant first, weighted by their phase."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sqnn.encoding.base import Encoder, check_count, check_images, check_spikes

MAX_PLANES = 16
"""Most bit planes: more than this many bits come close to the 24 that float32 resolves."""


class WeightedPhase(Encoder):
    """Send the binary digits of each pixel, one plane a step, most significant plane first.

    l = round(x (2^K - 1)), l = sum_k b_k 2^(K-k) for k = 1 .. K = `planes`. Step k - 1 of each period
    emits `gain` b_k 2^-k, or the bare b_k when `weighted` is False. Over one period the weighted values
    sum to `gain` x (1 - 2^-K), hence x = 2^K / (2^K - 1) sum_k b_k 2^-k; periods are averaged.

    Images `[batch, *features]` in [0, 1] give `[time, batch, *features]` with time = whole periods of K.
    The 2^K levels are `step` = 1 / (2^K - 1) apart; halves round to even. `gain` counteracts the weak
    currents that the plane weights alone make: the mean over a period is only `gain` x (1 - 2^-K) / K.
    No gradient reaches the images.

    Raises `ValueError` when `timesteps` is not a positive multiple of `planes`, `planes` is not 1 .. 16,
    `gain` is not positive, a gain comes with unweighted planes, or images leave [0, 1].

    Source: the spiking encoder of SQDR-CNN (arXiv 2512.03895). There 10 steps replay planes 1 and 2 of 8
    and a mean over time drops the weights; here periods are whole and decoding keeps the weights.
    """

    def __init__(self, timesteps: int = 8, planes: int = 8, *, weighted: bool = True, gain: float = 1.0) -> None:
        super().__init__(timesteps)
        self.planes = check_count("planes", planes, 1)
        if planes > MAX_PLANES:
            raise ValueError(f"planes: got {planes}, expected at most {MAX_PLANES}")
        if timesteps % planes:
            raise ValueError(f"timesteps: got {timesteps}, expected a multiple of planes = {planes}")
        if not (math.isfinite(gain) and gain > 0):
            raise ValueError(f"gain: got {gain}, expected a positive finite number")
        if not weighted and gain != 1:
            raise ValueError(f"gain: got {gain} with weighted=False, expected 1, as bare spikes are 0 or 1")
        self.weighted = weighted
        self.gain = gain

    @property
    def step(self) -> float:
        return 1 / self._top

    def encode(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_images(images)
        exact = images.detach().to(torch.promote_types(images.dtype, torch.float32))
        levels = (exact * self._top).round().clamp(0, self._top).long()
        shifts = self._over_planes(list(range(self.planes - 1, -1, -1)), levels)
        spikes = ((levels >> shifts) & 1).to(images.dtype)
        if self.weighted:
            spikes = spikes * self._over_planes(self._weights(self.gain), spikes[0])
        return spikes.repeat(self.timesteps // self.planes, *(1 for _ in images.shape))

    def decode(self, spikes: Tensor) -> Tensor:
        check_spikes(spikes, self.timesteps)
        total = spikes.unflatten(0, (-1, self.planes)).mean(0)
        weights = [1 / self.gain] * self.planes if self.weighted else self._weights(1.0)
        levels: Tensor = (total * self._over_planes(weights, total[0])).sum(0) * (self._top + 1)
        return levels / self._top

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, planes={self.planes}, weighted={self.weighted}, gain={self.gain}"

    @property
    def _top(self) -> int:
        """The brightest level, 2^K - 1."""
        return (1 << self.planes) - 1

    def _weights(self, gain: float) -> list[float]:
        return [gain * 2.0**-k for k in range(1, self.planes + 1)]

    @staticmethod
    def _over_planes(values: list[int] | list[float], like: Tensor) -> Tensor:
        """One value per plane as `[planes, 1, ...]`, with the dtype and device of `like`."""
        return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, *(1 for _ in like.shape))
