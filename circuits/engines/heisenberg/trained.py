"""Noise whose strengths are trained: which parts of a noise have one, and their channels as functions of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

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


ROUNDING = 2e-7
"""Part by which a strength in single precision differs from the number that it stands for."""
SOME = 0.3
"""A strength at which no entry of a matrix happens to be 0."""


@lru_cache(maxsize=256)
def _pattern(part: OneQubit) -> Transfer:
    return np.array(part.entries(SOME), dtype=float)


class TrainedNoise:
    """The parts of a noise whose strength is trained, those of one-qubit channels, and where every part acts.

    Raises ValueError where the noise has no such part.
    """

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self.parts: dict[int, OneQubit] = {
            number: part for number, part in enumerate(noise.parts) if isinstance(part, OneQubit) and part.trainable
        }
        if not self.parts:
            raise ValueError(
                f"trained_noise: got {noise}, expected a kind of one qubit with a strength, such as depolarizing(0.05)"
            )
        self._order = {number: place for place, number in enumerate(self.parts)}
        self._channels = [part.channels() for part in noise.parts]

    @property
    def start(self) -> list[float]:
        """The strengths of the noise as it was given."""
        return [float(vars(part)[_strength(part)]) for part in self.parts.values()]

    def noise_at(self, strengths: Tensor) -> Noise:
        """Return the noise with these strengths, fixed."""
        told = zip(self.mirrored(strengths.detach().double()).tolist(), self.start, strict=True)
        # What was not trained is the number that was given, and not what single precision made of it.
        values = [start if math.isclose(now, start, rel_tol=ROUNDING) else now for now, start in told]
        changed = {
            number: replace(part, **{_strength(part): value})
            for (number, part), value in zip(self.parts.items(), values, strict=True)
        }
        parts = (changed.get(number, part) for number, part in enumerate(self.noise.parts))
        return Noise(tuple(parts))

    def mirrored(self, strengths: Tensor) -> Tensor:
        """Return strengths within what is physical, those beyond as their mirror images, with the slopes of that."""
        least, most = map(strengths.new_tensor, zip(*(part.bounds for part in self.parts.values()), strict=True))
        inside = (strengths >= least) & (strengths <= most)
        top = torch.where(most.isinf(), 1.0, most)
        folded = top - (torch.remainder(strengths, 2 * top) - top).abs()
        return torch.where(inside, strengths, folded)

    def channels(self, strengths: Tensor) -> list[Entries]:
        """Return the transfer matrix of each trained part."""
        values = self.mirrored(strengths).unbind()
        matrices = [part.entries(value) for value, part in zip(values, self.parts.values(), strict=True)]
        return [tuple(tuple(map(_entry, row)) for row in rows) for rows in matrices]

    def after(self, step: Instruction) -> Iterator[tuple[tuple[int, ...], Transfer | Varied]]:
        """Give the wires and the channels that follow an instruction, in order."""
        for number, part in enumerate(self.noise.parts):
            trained, known = self.parts.get(number), self._channels[number]
            if step.name == DELAY:
                transfer = part.waiting(step.wires[0], step.seconds)
            else:
                transfer = known.get((step.name, step.wires), known.get((step.name, None)))
            for wire in step.wires:
                if trained is not None and (transfer is not None or (step.name, (wire,)) in known):
                    yield (wire,), Varied(self._order[number], trained)
                elif transfer is None and (step.name, (wire,)) in known:
                    yield (wire,), known[step.name, (wire,)]
            if trained is None and transfer is not None:
                yield step.wires, cleaned(by_wires(transfer))


def _entry(value: Entry) -> Entry:
    return value if isinstance(value, Tensor) else float(value)


def _strength(part: OneQubit) -> str:
    return str(part.strength())
