"""Noise whose strengths are trained: which parts of a noise have one, and their channels as functions of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from circuits.basis import Instruction
from circuits.schedule import DELAY
from circuits.transfer import Transfer, by_wires, cleaned
from noise_models import Noise, OneQubit

Entry = Tensor | float
Entries = tuple[tuple[Entry, ...], ...]
"""A transfer matrix [4][4]; what is 0 at every strength is the number 0."""


@dataclass(frozen=True)
class Varied:
    """A link whose matrix follows from trained strength `number`."""

    number: int
    part: OneQubit

    @property
    def pattern(self) -> Transfer:
        """A matrix with zeros where the link has them at every strength."""
        return _pattern(self.part)


def _diagonal(x: Entry, y: Entry, z: Entry) -> Entries:
    return ((1.0, 0.0, 0.0, 0.0), (0.0, x, 0.0, 0.0), (0.0, 0.0, y, 0.0), (0.0, 0.0, 0.0, z))


def _damping(coherence: Tensor, population: Entry, decayed: Entry) -> Entries:
    (first, *rows) = _diagonal(coherence, coherence, population)
    return (first, rows[0], rows[1], (decayed, 0.0, 0.0, population))


def _rotation(angle: Tensor, axis: str) -> Entries:
    rows: list[list[Entry]] = [[1.0 if row == column else 0.0 for column in range(4)] for row in range(4)]
    first = 1 + ("xyz".index(axis) + 1) % 3
    second = 1 + ("xyz".index(axis) + 2) % 3
    rows[first][first] = rows[second][second] = angle.cos()
    rows[second][first], rows[first][second] = angle.sin(), -angle.sin()
    return tuple(map(tuple, rows))


CHANNELS: Mapping[str, Callable[[Tensor, OneQubit], Entries]] = MappingProxyType(
    {
        "bit_flip": lambda p, part: _diagonal(1.0, 1 - 2 * p, 1 - 2 * p),
        "phase_flip": lambda p, part: _diagonal(1 - 2 * p, 1 - 2 * p, 1.0),
        "depolarizing": lambda p, part: _diagonal(1 - p, 1 - p, 1 - p),
        "amplitude_damping": lambda gamma, part: _damping((1 - gamma).sqrt(), 1 - gamma, gamma),
        "phase_damping": lambda lam, part: _damping((1 - lam).sqrt(), 1.0, 0.0),
        "overrotation": lambda angle, part: _rotation(angle, vars(part)["axis"]),
    }
)
"""Transfer matrices by kind, as functions of the strength; equal to those of `noise_models.kinds`."""
LARGEST: Mapping[str, float] = MappingProxyType({"depolarizing": 4 / 3, "overrotation": float("inf")})
"""Largest strengths, where they are not 1; all are at least 0 but for angles."""
ROUNDING = 2e-7
"""Part by which a strength in single precision differs from the number that it stands for."""
SOME = 0.3
"""A strength at which no entry of a matrix happens to be 0."""


@lru_cache(maxsize=256)
def _pattern(part: OneQubit) -> Transfer:
    entries = CHANNELS[part.kind](torch.tensor(SOME, dtype=torch.float64), part)
    return np.array([[float(entry) for entry in row] for row in entries])


class TrainedNoise:
    """The parts of a noise whose strength is trained, those of one-qubit channels, and where every part acts.

    Raises ValueError where the noise has no such part.
    """

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self.parts: dict[int, OneQubit] = {
            number: part
            for number, part in enumerate(noise.parts)
            if isinstance(part, OneQubit) and part.kind in CHANNELS
        }
        if not self.parts:
            raise ValueError(f"trained_noise: got {noise}, expected noise with some of {', '.join(CHANNELS)}")
        self._order = {number: place for place, number in enumerate(self.parts)}
        self._channels = [part.channels() for part in noise.parts]

    @property
    def start(self) -> list[float]:
        """The strengths of the noise as it was given."""
        return [float(vars(part)[_strength(part)]) for part in self.parts.values()]

    def noise_at(self, strengths: Tensor) -> Noise:
        """Return the noise with these strengths, fixed."""
        told = zip(self.clamped(strengths.detach().double()).tolist(), self.start, strict=True)
        # What was not trained is the number that was given, and not what single precision made of it.
        values = iter([start if math.isclose(now, start, rel_tol=ROUNDING) else now for now, start in told])
        parts = [
            replace(part, **{_strength(part): next(values)}) if place in self.parts else part
            for place, part in enumerate(self.noise.parts)
        ]
        return Noise(tuple(parts))

    def clamped(self, strengths: Tensor) -> Tensor:
        """Return strengths within what is physical; the gradient is passed on as if they had not been moved."""
        most = [LARGEST.get(part.kind, 1.0) for part in self.parts.values()]
        least = [-number if number == float("inf") else 0.0 for number in most]
        bounded = strengths.detach().clamp(strengths.new_tensor(least), strengths.new_tensor(most))
        return strengths + (bounded - strengths.detach())

    def channels(self, strengths: Tensor) -> list[Entries]:
        """Return the transfer matrix of each trained part."""
        values = self.clamped(strengths).unbind()
        return [CHANNELS[part.kind](value, part) for value, part in zip(values, self.parts.values(), strict=True)]

    def after(self, step: Instruction) -> Iterator[tuple[tuple[int, ...], Transfer | Varied]]:
        """Give the wires and the channels that follow an instruction, in order."""
        for number, part in enumerate(self.noise.parts):
            trained, known = self.parts.get(number), self._channels[number]
            if step.name == DELAY:
                transfer = None if part.schedule is None else part.waiting(step.wires[0], step.seconds)
            else:
                transfer = known.get((step.name, step.wires), known.get((step.name, None)))
            for wire in step.wires:
                if trained is not None and (transfer is not None or (step.name, (wire,)) in known):
                    yield (wire,), Varied(self._order[number], trained)
                elif transfer is None and (step.name, (wire,)) in known:
                    yield (wire,), known[step.name, (wire,)]
            if trained is None and transfer is not None:
                yield step.wires, cleaned(by_wires(transfer))


def _strength(part: OneQubit) -> str:
    return str(part.strength())
