"""Spike codes, which say how many levels a spike of each step stands for, and all choices of a conversion."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor

from sqnn.core import ConfigError, brief, is_whole
from sqnn.encoding import level_bits
from sqnn.neurons import MAX_PLANES, to_levels

MAX_RATE_STEPS = 4096
"""Most time steps of a rate code: far beyond where its error is that of the floating point numbers."""


@dataclass(frozen=True)
class SpikeCode:
    """A spike at step t stands for `weights[t]` levels, and a threshold has `steps` levels.

    `initial` is the membrane at the beginning, in levels: half of the least weight makes a neuron that fires after
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


@dataclass(frozen=True)
class Conversion:
    """How a network was converted; see `convert` and `convert_rate`."""

    code: SpikeCode
    postponed: bool = True
    bias_shift: bool = True
    fold_batch_norm: bool = False
    thresholds: str = "learned"

    @property
    def exact(self) -> bool:
        """Whether the spikes are by construction the digits of the source network's activations."""
        whole = self.code.name == "planes" and sum(self.code.weights) == self.code.steps
        return whole and self.postponed and self.bias_shift

    @property
    def method(self) -> str:
        """The method in words: exact, "4 of 8 bit planes", "rate, learned thresholds", ..."""
        if self.code.name == "rate":
            return f"rate, {self.thresholds} thresholds"
        bits = self.code.steps.bit_length()
        return "exact" if self.exact else f"{self.code.timesteps} of {bits} bit planes"

    def to_dict(self) -> dict[str, object]:
        """Return the choices as plain values."""
        return asdict(self)


def plane_code(timesteps: int, planes: int | None = None) -> SpikeCode:
    """Return the code of bit planes, most significant first: weights 2^(T-1), ..., 2, 1 of Q = 2^T - 1 levels.

    With `planes` below T the network stops after so many of them; the membrane then starts at half of the last one.
    Raises ConfigError where the numbers do not go together.
    """
    if not is_whole(timesteps) or not 1 <= timesteps <= MAX_PLANES:
        raise ConfigError(f"timesteps: got {brief(timesteps)}, expected a whole number from 1 to {MAX_PLANES}")
    sent = timesteps if planes is None else planes
    if not is_whole(sent) or not 1 <= sent <= timesteps:
        raise ConfigError(f"planes: got {brief(sent)}, expected a whole number from 1 to the network's {timesteps}")
    weights = tuple(2**place for place in reversed(range(int(timesteps))))[:sent]
    return SpikeCode("planes", weights, 2 ** int(timesteps) - 1, weights[-1] / 2)


def rate_code(timesteps: int, initial: float = 0.5) -> SpikeCode:
    """Return the code in which every spike is one of T levels; `initial` is the membrane in thresholds.

    Raises ConfigError where `timesteps` is out of range.
    """
    if not is_whole(timesteps) or not 1 <= timesteps <= MAX_RATE_STEPS:
        raise ConfigError(f"timesteps: got {brief(timesteps)}, expected a whole number from 1 to {MAX_RATE_STEPS:,}")
    return SpikeCode("rate", (1,) * int(timesteps), int(timesteps), initial)


def levels_of(activation: Tensor, threshold: Tensor, steps: int) -> Tensor:
    """Return the level, 0 .. steps, of every value that a QCFS gave, as whole numbers in the values' own type."""
    return to_levels(activation, threshold, steps).floor_()


def digits(levels: Tensor, timesteps: int) -> Tensor:
    """Return the binary digits of whole levels, most significant first: bool [timesteps, ...]."""
    return level_bits(levels, timesteps)
