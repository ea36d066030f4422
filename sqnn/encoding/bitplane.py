"""Bit-plane encoding: the binary digits of a value, one per step, with a gradient."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import Trains, Values
from sqnn.encoding.base import Encoder, emit_spikes
from sqnn.encoding.plane_surrogates import PLANE_SURROGATES, PlaneSurrogate, make_plane_surrogate
from sqnn.encoding.planes import bits, check_planes, plane_gradient, rescaling_factors


class BitPlane(Encoder):
    """Send the binary digits of each value as spikes, most significant first.

    L = round(u Q) with Q = 2^T - 1, halves to even; s_t = (L >> (T - 1 - t)) & 1 for t = 0 .. T - 1, decoded as
    sum_t 2^(T-1-t) s_t / Q: whole numbers up to one division, so that every level comes back bit for bit. Backward, the
    gradient g_k of plane k = t + 1 reaches the value as sum_k r_k S_k'(u) g_k, with S_k the function of `surrogate` and
    r_k the factors of `rescaling` (see `rescaling_factors`). With "detached" no gradient passes.

    Values `[batch, *features]` in [0, 1], of any rank, give spikes in {0, 1}, `[time, batch, *features]`. The 2^T
    levels are `step` = 1 / Q apart.

    Raises `ValueError` when `timesteps` is not 1 .. 16, on an unknown surrogate or rescaling, and on images outside
    [0, 1].

    Source: HAS-8, arXiv 2509.24411. The authors' code does not round (0.5 gives a "spike" of 1.5), encodes the least
    significant plane first but decodes the most significant first, and is written for five dimensions only.
    """

    digits: ClassVar[bool] = True
    surrogates: ClassVar[tuple[str, ...]] = tuple(PLANE_SURROGATES)

    def __init__(
        self, timesteps: int = 8, *, surrogate: str | PlaneSurrogate = "sigmoid-sine", rescaling: str = "order"
    ) -> None:
        super().__init__(timesteps)
        check_planes("timesteps", timesteps)
        self.surrogate = make_plane_surrogate(surrogate)
        self.rescaling = rescaling
        self._factors = rescaling_factors(rescaling, self.surrogate, timesteps)

    @property
    def step(self) -> float:
        return 1 / self.weight_total

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple(2.0**power for power in range(self.timesteps - 1, -1, -1))

    @property
    def weight_total(self) -> float:
        return 2.0**self.timesteps - 1

    def emit(self, unit: Values, generator: torch.Generator | None = None) -> Trains:
        return emit_spikes(unit, self._bits, self._pull if self.surrogate.has_gradient else None)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, surrogate={self.surrogate!r}, rescaling={self.rescaling!r}"

    def _bits(self, unit: Tensor) -> Tensor:
        return bits(unit, self.timesteps)

    def _pull(self, grads: Tensor, unit: Tensor) -> Tensor:
        return plane_gradient(grads, unit, self.surrogate, self._factors)
