"""The kinds of noise, each a frozen description that knows its channel, its physics and its scaling.

A kind states its channels as Pauli transfer matrices R_jk = tr(P_j E(P_k)) / d in the order I, X, Y, Z; `assembly.py`
composes them and makes the Aer model.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from noise_models import checks
from noise_models.channels import Transfer

Channels = dict[tuple[str, tuple[int, ...] | None], Transfer]
"""What follows an instruction on given wires, or on any wires (None)."""
Readouts = dict[int | None, Transfer]
"""P(read j | true i) in row i, column j, of a given wire, or of any wire (None)."""

AXES: tuple[str, ...] = ("x", "y", "z")


class Part(ABC):
    """One source of noise."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def instructions(self) -> tuple[str, ...]:
        """Gate instructions on which noise is declared."""

    @property
    def basis(self) -> tuple[str, ...] | None:
        """Instruction names that a circuit must be written in, or None where any that holds `instructions` will do."""
        return None

    @abstractmethod
    def channels(self) -> Channels:
        """Return the channels after instructions."""

    def readouts(self) -> Readouts:
        """Return the readout errors."""
        return {}

    @abstractmethod
    def scaled(self, factor: float) -> Part:
        """Return this noise at `factor` times its strength."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {"kind": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}  # type: ignore[arg-type]


class OneQubit(Part):
    """A one-qubit channel after every instruction in `on`; after a two-qubit one, the same channel on both wires."""

    on: tuple[str, ...]

    @property
    def instructions(self) -> tuple[str, ...]:
        """Gate instructions on which noise is declared."""
        return self.on

    @abstractmethod
    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""

    def channels(self) -> Channels:
        """Return the channels after instructions."""
        found: Channels = {}
        for name in self.on:
            transfer = self.transfer(name)
            found[name, None] = np.kron(transfer, transfer) if name in checks.TWO_QUBIT else transfer
        return found


@dataclass(frozen=True)
class Strength(OneQubit):
    """A one-qubit channel of one probability."""

    p: float
    on: tuple[str, ...] = checks.DEFAULT_ON
    parameter: ClassVar[str] = "p"

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", checks.probability(self.parameter, self.p))
        object.__setattr__(self, "on", checks.instructions("on", self.on))

    def __repr__(self) -> str:
        return f"{self.kind}({self.p!r}{_on(self.on)})"

    def scaled(self, factor: float) -> Part:
        """Return this noise at `factor` times its strength."""
        return type(self)(factor * self.p, self.on)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {"kind": self.kind, self.parameter: self.p, "on": self.on}


class BitFlip(Strength):
    """E(rho) = (1 - p) rho + p X rho X."""

    kind = "bit_flip"

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        return np.diag([1, 1, 1 - 2 * self.p, 1 - 2 * self.p])


class PhaseFlip(Strength):
    """E(rho) = (1 - p) rho + p Z rho Z."""

    kind = "phase_flip"

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        return np.diag([1, 1 - 2 * self.p, 1 - 2 * self.p, 1])


class Depolarizing(Strength):
    """E(rho) = (1 - p) rho + p I / 2."""

    kind = "depolarizing"

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        return np.diag([1, 1 - self.p, 1 - self.p, 1 - self.p])


class AmplitudeDamping(Strength):
    """Decay of |1> to |0> with probability gamma."""

    kind = "amplitude_damping"
    parameter = "gamma"

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        kept = math.sqrt(1 - self.p)
        return damping_transfer(kept, 1 - self.p)


class PhaseDamping(Strength):
    """Loss of coherence with probability lam: off-diagonal elements shrink by sqrt(1 - lam)."""

    kind = "phase_damping"
    parameter = "lam"

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        return damping_transfer(math.sqrt(1 - self.p), 1)


@dataclass(frozen=True)
class ThermalRelaxation(OneQubit):
    """Relaxation toward |0> with the times t1 and t2 <= 2 t1 during each instruction, all in seconds."""

    t1: float
    t2: float
    gate_times: tuple[tuple[str, float], ...]
    kind = "thermal_relaxation"

    def __post_init__(self) -> None:
        for name in ("t1", "t2"):
            object.__setattr__(self, name, checks.seconds(name, getattr(self, name)))
        if self.t2 > 2 * self.t1:
            raise ValueError(f"t2: got {self.t2!r} s, expected at most 2 t1 = {2 * self.t1!r} s")
        given: Any = self.gate_times
        # Pairs come from a part already made.
        times = dict(given) if isinstance(given, tuple) else given
        if not isinstance(times, Mapping):
            raise ValueError(f"gate_times: got {times!r}, expected seconds by instruction, such as {{'u': 35e-9}}")
        names = checks.instructions("gate_times", tuple(times))
        pairs = tuple((name, checks.seconds(f"gate_times[{name!r}]", times[name], zero=True)) for name in names)
        object.__setattr__(self, "gate_times", pairs)

    def __repr__(self) -> str:
        return f"thermal_relaxation({self.t1!r}, {self.t2!r}, {dict(self.gate_times)!r})"

    @property
    def on(self) -> tuple[str, ...]:  # type: ignore[override]
        """Instructions with a duration."""
        return tuple(name for name, _ in self.gate_times)

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        time = dict(self.gate_times)[instruction]
        return damping_transfer(math.exp(-time / self.t2), math.exp(-time / self.t1))

    def scaled(self, factor: float) -> Part:
        """Return this noise with gates `factor` times as long."""
        times = tuple((name, factor * time) for name, time in self.gate_times)
        return ThermalRelaxation(self.t1, self.t2, times)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {"kind": self.kind, "t1": self.t1, "t2": self.t2, "gate_times": dict(self.gate_times)}


@dataclass(frozen=True)
class Readout(Part):
    """A classical error of the measured bit: p01 = P(read 1 | true 0), p10 = P(read 0 | true 1)."""

    p01: float
    p10: float
    kind = "readout"

    def __post_init__(self) -> None:
        for name in ("p01", "p10"):
            object.__setattr__(self, name, checks.probability(name, getattr(self, name)))

    def __repr__(self) -> str:
        return f"readout({self.p01!r})" if self.p01 == self.p10 else f"readout({self.p01!r}, {self.p10!r})"

    @property
    def instructions(self) -> tuple[str, ...]:
        """No gate instruction."""
        return ()

    def channels(self) -> Channels:
        """Return the channels after instructions: none."""
        return {}

    def readouts(self) -> Readouts:
        """Return the readout errors."""
        return {None: np.array([[1 - self.p01, self.p01], [self.p10, 1 - self.p10]])}

    def scaled(self, factor: float) -> Part:
        """Return this noise at `factor` times its strength."""
        return Readout(factor * self.p01, factor * self.p10)


@dataclass(frozen=True)
class Overrotation(OneQubit):
    """A coherent error: a rotation by `angle` radians about the x, y or z axis."""

    angle: float
    axis: str = "x"
    on: tuple[str, ...] = checks.DEFAULT_ON
    kind = "overrotation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "angle", checks.number("angle", self.angle, "an angle in radians"))
        if self.axis not in AXES:
            raise ValueError(f"axis: got {self.axis!r}, expected one of {', '.join(AXES)}")
        object.__setattr__(self, "on", checks.instructions("on", self.on))

    def __repr__(self) -> str:
        axis = "" if self.axis == "x" else f", {self.axis!r}"
        return f"overrotation({self.angle!r}{axis}{_on(self.on)})"

    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""
        transfer = np.eye(4)
        # The plane that turns: y to z about x, z to x about y, x to y about z.
        first = 1 + (AXES.index(self.axis) + 1) % 3
        second = 1 + (AXES.index(self.axis) + 2) % 3
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        transfer[first, first] = transfer[second, second] = cos
        transfer[second, first], transfer[first, second] = sin, -sin
        return transfer

    def scaled(self, factor: float) -> Part:
        """Return this noise at `factor` times its angle."""
        return Overrotation(factor * self.angle, self.axis, self.on)


def damping_transfer(coherence: float, population: float) -> Transfer:
    """Return the transfer matrix [4, 4] that keeps a share of the coherence and of the population of |1>."""
    transfer = np.diag([1.0, coherence, coherence, population])
    transfer[3, 0] = 1 - population
    return transfer


def _on(on: tuple[str, ...]) -> str:
    return "" if on == checks.DEFAULT_ON else f", on={on!r}"
