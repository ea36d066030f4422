"""Weighted-phase encoding: the bits of a pixel, most significant first, weighted by their phase."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import Trains, Values, number_of
from sqnn.encoding.base import Encoder, emit_spikes
from sqnn.encoding.plane_surrogates import PLANE_SURROGATES, PlaneSurrogate, make_plane_surrogate
from sqnn.encoding.planes import bits, check_planes, plane_gradient, rescaling_factors


class WeightedPhase(Encoder):
    """Send the binary digits of each pixel, one plane per step, most significant plane first.

    l = round(x (2^K - 1)), l = sum_k b_k 2^(K-k) for k = 1 .. K = `planes`. Step k - 1 of each period
    emits `gain` b_k 2^-k, or the bare b_k when `weighted` is False. Over one period the weighted values
    sum to `gain` x (1 - 2^-K), hence x = 2^K / (2^K - 1) sum_k b_k 2^-k; periods are averaged.

    Images `[batch, *features]` in [0, 1] give `[time, batch, *features]` with time = whole periods of K.
    The 2^K levels are `step` = 1 / (2^K - 1) apart; halves round to even. `gain` counteracts the weak
    currents that the plane weights alone make: the mean over a period is only `gain` x (1 - 2^-K) / K.
    Gradients pass by any `surrogate` and `rescaling` of `BitPlane`, times `gain` 2^-k where the spikes have it;
    with "detached" (the default) none reaches the images.

    Raises `ValueError` when `timesteps` is not a positive multiple of `planes`, `planes` is not 1 .. 16,
    `gain` is not positive, a gain comes with unweighted planes, a surrogate or rescaling is unknown, or images leave
    [0, 1].

    Source: the spiking encoder of SQDR-CNN (arXiv 2512.03895). There 10 steps replay planes 1 and 2 of 8
    and a mean over time drops the weights; here periods are whole and decoding keeps the weights.
    """

    digits: ClassVar[bool] = True
    surrogates: ClassVar[tuple[str, ...]] = tuple(PLANE_SURROGATES)
    unit_height: ClassVar[Mapping[str, bool | float]] = MappingProxyType({"weighted": False})

    def __init__(
        self,
        timesteps: int = 8,
        planes: int = 8,
        *,
        weighted: bool = True,
        gain: float = 1.0,
        surrogate: str | PlaneSurrogate = "detached",
        rescaling: str = "order",
    ) -> None:
        super().__init__(timesteps)
        self.planes = check_planes("planes", planes)
        if timesteps % planes:
            raise ValueError(f"timesteps: got {timesteps}, expected a multiple of planes = {planes}")
        gain = number_of("gain", gain)
        if not (math.isfinite(gain) and gain > 0):
            raise ValueError(f"gain: got {gain}, expected a positive finite number")
        if not weighted and gain != 1:
            raise ValueError(f"gain: got {gain} with weighted=False, expected 1, as bare spikes are 0 or 1")
        self.weighted = weighted
        self.gain = gain
        self.surrogate = make_plane_surrogate(surrogate)
        self.rescaling = rescaling
        self._heights = tuple(gain * 2.0**-k if weighted else 1.0 for k in range(1, planes + 1))
        factors = rescaling_factors(rescaling, self.surrogate, planes)
        self._factors = tuple(height * factor for height, factor in zip(self._heights, factors, strict=True))

    @property
    def step(self) -> float:
        return 1 / self._top

    @property
    def weights(self) -> tuple[float, ...]:
        """What a period's steps count: 2^K each where the spikes are weighted, else 2^(K-k)."""
        period = [2.0 ** (self.planes if self.weighted else self.planes - k) for k in range(1, self.planes + 1)]
        return tuple(period * self._periods)

    @property
    def weight_total(self) -> float:
        return self.gain * self._top * self._periods

    def emit(self, unit: Values, generator: torch.Generator | None = None) -> Trains:
        return emit_spikes(unit, self._spikes, self._pull if self.surrogate.has_gradient else None)

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, planes={self.planes}, weighted={self.weighted}, gain={self.gain}, "
            f"surrogate={self.surrogate!r}, rescaling={self.rescaling!r}"
        )

    @property
    def _top(self) -> int:
        """The brightest level, 2^K - 1."""
        return (1 << self.planes) - 1

    @property
    def _periods(self) -> int:
        return self.timesteps // self.planes

    def _spikes(self, unit: Tensor) -> Tensor:
        spikes = bits(unit, self.planes)
        if self.weighted:
            for plane, height in zip(spikes.unbind(0), self._heights, strict=True):
                plane.mul_(height)
        return spikes.repeat(self._periods, *(1 for _ in unit.shape)) if self._periods > 1 else spikes

    def _pull(self, grads: Tensor, unit: Tensor) -> Tensor:
        return plane_gradient(grads, unit, self.surrogate, self._factors)
