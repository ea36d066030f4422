"""What all kinds of noise have in common: parameters, text, JSON, factors; and the channels of one qubit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from noise_models.channels import Transfer
from noise_models.gates import ENTANGLERS
from noise_models.parameters import Parameter
from noise_models.part import Channels, Part

Strength = Any
"""A number, or a tensor of torch that stands for one and has a gradient."""
Entries = tuple[tuple[Strength, ...], ...]
"""A transfer matrix [4][4] as a function of a strength; what is 0 at every strength is the number 0."""
LEFT_OUT = ("wires", "idle")
"""Parameters that are not stored where they say nothing, as in earlier versions."""


@dataclass(frozen=True, repr=False)
class Kind(Part):
    """A kind that text can name; its fields are its parameters, in the order in which text gives them."""

    label: ClassVar[str | None]
    """Label of the axis over which its first parameter, its strength, is swept; None if it is only scaled."""

    def __post_init__(self) -> None:
        for name, described in self._own_parameters().items():
            object.__setattr__(self, name, described.check(name, vars(self)[name]))

    def __repr__(self) -> str:
        arguments: list[str] = []
        stored = self.to_json()
        for position, one in enumerate(fields(self)):
            value = stored.get(one.name, one.default)
            if value != one.default and not self._implies(one.name):
                named = one.name in ("on", *LEFT_OUT) or len(arguments) < position
                arguments.append(f"{one.name}={value!r}" if named else repr(value))
        return f"{self.kind}({', '.join(arguments)})"

    def _implies(self, name: str) -> bool:
        """Whether a parameter need not be shown since another one says it."""
        return False

    def to_json(self) -> dict[str, object]:
        return {name: value for name, value in super().to_json().items() if name not in LEFT_OUT or value}

    @classmethod
    def _own_parameters(cls) -> dict[str, Parameter]:
        return {one.name: one.metadata["parameter"] for one in fields(cls)}

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Return the parameters that text may give, by name."""
        return cls._own_parameters()

    @classmethod
    def strength(cls) -> str | None:
        """Return the name of the parameter that a sweep varies; None if there is none."""
        return None if cls.label is None else next(iter(cls.parameters()))

    @classmethod
    def from_text(cls, values: Mapping[str, object]) -> Self:
        """Return the part with these values of `parameters()`, of which the required ones are there."""
        return cls(**values)

    def scaled(self, factor: float) -> Self:
        scaling = [name for name, described in self._own_parameters().items() if described.scales]
        return replace(self, **{name: _multiplied(vars(self)[name], factor) for name in scaling})

    def summary(self) -> dict[str, str]:
        return {name: _words(value) for name, value in self.to_json().items() if name != "kind"}


class OneQubit(Kind):
    """A one-qubit channel after instructions; after a two-qubit one, the same channel on both wires."""

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """The least and the largest strength."""
    on: tuple[str, ...]
    wires: tuple[int, ...] | None = None

    @property
    def instructions(self) -> tuple[str, ...]:
        return self.on

    def check_register(self, n_qubits: int, n_wires: int) -> None:
        check_wires(self, self.wires, n_wires)

    def states_wires(self, name: str) -> bool:
        return self.wires is not None and name in self.instructions

    def entries(self, strength: Strength) -> Entries:
        """Return the transfer matrix at a strength: the channel's formula, for numbers and tensors alike.

        A kind may state `transfer` instead; its strength is not trained then.
        """
        raise NotImplementedError(f"{self.kind}: states neither entries nor transfer")

    @property
    def trainable(self) -> bool:
        """Whether its channel is a function of its strength that tensors can go through."""
        return type(self).entries is not OneQubit.entries

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        return np.array(self.entries(vars(self)[str(self.strength())]), dtype=float)

    def channels(self) -> Channels:
        channels: Channels = {}
        for name in self.instructions:
            transfer = self.transfer(name)
            if self.wires is not None:
                channels.update({(name, (wire,)): transfer for wire in self.wires})
                continue
            channels[name, None] = np.kron(transfer, transfer) if name in ENTANGLERS else transfer
        return channels


def _multiplied(value: float | tuple[float, ...], factor: float) -> float | tuple[float, ...]:
    return tuple(factor * each for each in value) if isinstance(value, tuple) else factor * value


def check_wires(part: Part, wires: Iterable[int] | None, count: int) -> None:
    """Raise ValueError where noise names wires that a circuit of so many does not have."""
    beyond = [wire for wire in wires or () if wire >= count]
    if beyond:
        raise ValueError(
            f"wires: got {', '.join(map(str, beyond))} in {part}, expected wires below {count}, which the circuit has"
        )


def _words(value: object) -> str:
    """Return a parameter as a notebook shows it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_words(item)}" for name, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def diagonal(x: Strength, y: Strength, z: Strength) -> Entries:
    """Return the transfer matrix that multiplies X, Y and Z."""
    return ((1, 0, 0, 0), (0, x, 0, 0), (0, 0, y, 0), (0, 0, 0, z))


def damping(coherence: Strength, population: Strength) -> Entries:
    """Return the transfer matrix that keeps these parts of the coherence and of the population of |1>."""
    return ((1, 0, 0, 0), (0, coherence, 0, 0), (0, 0, coherence, 0), (1 - population, 0, 0, population))


def function(name: str, x: Strength) -> Strength:
    """Return sqrt, sin or cos of a number or a tensor."""
    return getattr(math, name)(x) if isinstance(x, int | float) else getattr(x, name)()
