"""Spike codes: how many levels of an activation a spike of each time step stands for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sqnn.core import ConfigError
from sqnn.neurons import MAX_PLANES, to_levels

MAX_RATE_STEPS = 4096
"""Most time steps of a rate code: far beyond where its error is that of the floating point numbers."""


@dataclass(frozen=True)
class SpikeCode:
    """A spike at step t stands for `weights[t]` levels, and a threshold has `steps` levels.

    `initial` is the membrane at the beginning, in levels: half of the least weight makes a neuron that fires behind
    all its input round to the nearest value instead of downwards.
    """

    name: str
    weights: tuple[int, ...]
    steps: int
    initial: float

    @property
    def timesteps(self) -> int:
        """Number of time steps."""
        return len(self.weights)


def plane_code(timesteps: int, planes: int | None = None) -> SpikeCode:
    """Return the code of bit planes, most significant first: weights 2^(T-1), ..., 2, 1 of Q = 2^T - 1 levels.

    With `planes` below T the network stops behind so many of them; the membrane then starts at half of the last one.
    Raises ConfigError where the numbers do not go together.
    """
    whole = isinstance(timesteps, int) and 1 <= timesteps <= MAX_PLANES
    if not whole:
        raise ConfigError(f"timesteps: got {timesteps!r}, expected a whole number from 1 to {MAX_PLANES}")
    kept = timesteps if planes is None else planes
    if not isinstance(kept, int) or not 1 <= kept <= timesteps:
        raise ConfigError(f"planes: got {kept!r}, expected a whole number from 1 to the network's {timesteps}")
    weights = tuple(2**place for place in reversed(range(timesteps)))[:kept]
    return SpikeCode("planes", weights, 2**timesteps - 1, weights[-1] / 2)


def rate_code(timesteps: int, initial: float = 0.5) -> SpikeCode:
    """Return the code in which every spike is one of T levels; `initial` is the membrane in thresholds.

    Raises ConfigError where `timesteps` is out of range.
    """
    if not isinstance(timesteps, int) or not 1 <= timesteps <= MAX_RATE_STEPS:
        raise ConfigError(f"timesteps: got {timesteps!r}, expected a whole number from 1 to {MAX_RATE_STEPS:,}")
    return SpikeCode("rate", (1,) * timesteps, timesteps, initial)


def levels_of(activation: Tensor, threshold: Tensor, steps: int) -> Tensor:
    """Return the level, 0 .. steps, of every value that a QCFS gave, as whole numbers in the values' own type."""
    return to_levels(activation, threshold, steps).floor_()


def digits(levels: Tensor, timesteps: int) -> Tensor:
    """Return the binary digits of whole levels, most significant first: bool [timesteps, ...]."""
    whole = levels.to(torch.int32)
    return torch.stack([((whole >> place) & 1).bool() for place in reversed(range(timesteps))])
