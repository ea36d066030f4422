"""The kinds of noise: one class per kind, which says everything about it, and the table of all of them.

A new kind is a class and its line in `TABLE`: JSON, text, notebooks and the axes of figures follow from these. A
constructor for Python, such as `noise_models.depolarizing`, is a function in `noise.py` and a name in its `__all__`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np

from noise_models import checks
from noise_models.calibration import ChipNoise
from noise_models.channels import Transfer, damping_transfer
from noise_models.choices import Choices
from noise_models.from_aer import Imported
from noise_models.gates import GATES
from noise_models.kind import Entries, Kind, OneQubit, Strength, check_wires, damping, diagonal, function
from noise_models.parameters import (
    AXES,
    IDLE,
    PAIRS,
    RADIANS,
    TIME,
    WIRES,
    Parameter,
    angle,
    axis,
    entanglers,
    on_wires,
    parameter,
    places,
    rate,
    read_names,
    read_number,
    read_rates,
)
from noise_models.part import Channels, Part, Readouts


@dataclass(frozen=True, repr=False)
class BitFlip(OneQubit):
    """E(rho) = (1 - p) rho + p X rho X."""

    kind = "bit_flip"
    label = "probability of a flip $p$"
    p: float = rate()
    on: tuple[str, ...] = places()
    wires: tuple[int, ...] | None = on_wires()

    def entries(self, strength: Strength) -> Entries:
        return diagonal(1, 1 - 2 * strength, 1 - 2 * strength)


@dataclass(frozen=True, repr=False)
class PhaseFlip(OneQubit):
    """E(rho) = (1 - p) rho + p Z rho Z."""

    kind = "phase_flip"
    label = "probability of a flip $p$"
    p: float = rate()
    on: tuple[str, ...] = places()
    wires: tuple[int, ...] | None = on_wires()

    def entries(self, strength: Strength) -> Entries:
        return diagonal(1 - 2 * strength, 1 - 2 * strength, 1)


@dataclass(frozen=True, repr=False)
class Depolarizing(OneQubit):
    """E(rho) = (1 - p) rho + p I / 2."""

    kind = "depolarizing"
    label = "depolarizing probability $p$"
    bounds = (0.0, 4 / 3)
    p: float = parameter(Parameter(checks.depolarizing, scales=True))
    on: tuple[str, ...] = places()
    wires: tuple[int, ...] | None = on_wires()

    def entries(self, strength: Strength) -> Entries:
        return diagonal(1 - strength, 1 - strength, 1 - strength)


@dataclass(frozen=True, repr=False)
class AmplitudeDamping(OneQubit):
    """Decay of |1> to |0> with probability gamma."""

    kind = "amplitude_damping"
    label = "probability of decay $\\gamma$"
    gamma: float = rate()
    on: tuple[str, ...] = places()
    wires: tuple[int, ...] | None = on_wires()

    def entries(self, strength: Strength) -> Entries:
        return damping(function("sqrt", 1 - strength), 1 - strength)


@dataclass(frozen=True, repr=False)
class PhaseDamping(OneQubit):
    """Loss of coherence with probability lam: off-diagonal elements shrink by sqrt(1 - lam)."""

    kind = "phase_damping"
    label = "damping $\\lambda$"
    lam: float = rate()
    on: tuple[str, ...] = places()
    wires: tuple[int, ...] | None = on_wires()

    def entries(self, strength: Strength) -> Entries:
        return damping(function("sqrt", 1 - strength), 1)


@dataclass(frozen=True, repr=False)
class Overrotation(OneQubit):
    """A coherent error: a rotation by `angle` radians about the x, y or z axis."""

    kind = "overrotation"
    label = "angle (rad)"
    bounds = (-math.inf, math.inf)
    angle: float = parameter(Parameter(angle, partial(read_number, units=RADIANS), scales=True))
    axis: str = parameter(Parameter(axis, lambda name, text: text, required=False), "x")
    on: tuple[str, ...] = places()
    wires: tuple[int, ...] | None = on_wires()

    def entries(self, strength: Strength) -> Entries:
        rows: list[list[Strength]] = [[float(row == column) for column in range(4)] for row in range(4)]
        # The plane that turns: y to z about x, z to x about y, x to y about z.
        first = 1 + (AXES.index(self.axis) + 1) % 3
        second = 1 + (AXES.index(self.axis) + 2) % 3
        rows[first][first] = rows[second][second] = function("cos", strength)
        rows[second][first] = function("sin", strength)
        rows[first][second] = -rows[second][first]
        return tuple(map(tuple, rows))


@dataclass(frozen=True, repr=False)
class TwoQubitDepolarizing(Kind):
    """E(rho) = (1 - p) rho + p I / 4 on both wires of a two-qubit instruction."""

    kind = "two_qubit_depolarizing"
    label = "two-qubit depolarizing probability $p$"
    p: float = parameter(Parameter(checks.pair_depolarizing, scales=True))
    on: tuple[str, ...] = parameter(Parameter(entanglers, read_names, positional=False, required=False), ("cz",))
    wires: tuple[tuple[int, int], ...] | None = on_wires(PAIRS)

    @property
    def instructions(self) -> tuple[str, ...]:
        return self.on

    def channels(self) -> Channels:
        transfer = np.diag([1.0] + [1 - self.p] * 15)
        if self.wires is None:
            return {(name, None): transfer for name in self.on}
        return {(name, order): transfer for name in self.on for a, b in self.wires for order in ((a, b), (b, a))}

    def check_register(self, n_qubits: int, n_wires: int) -> None:
        check_wires(self, None if self.wires is None else [wire for pair in self.wires for wire in pair], n_wires)

    def states_wires(self, name: str) -> bool:
        return self.wires is not None and name in self.on


@dataclass(frozen=True, repr=False)
class Readout(Kind):
    """A classical error of the measured bit: p01 = P(read 1 | true 0), p10 = P(read 0 | true 1), or one per wire."""

    kind = "readout"
    label = "probability of a wrong bit $p_{01}$"
    p01: float | tuple[float, ...] = parameter(Parameter(checks.rates, read_rates, scales=True))
    p10: float | tuple[float, ...] = parameter(Parameter(checks.rates, read_rates, scales=True, required=False))
    wires: tuple[int, ...] | None = on_wires()

    def __post_init__(self) -> None:
        super().__post_init__()
        lengths = {name: len(values) for name in ("p01", "p10") if isinstance(values := vars(self)[name], tuple)}
        if self.wires is not None:
            lengths["wires"] = len(self.wires)
        if len(set(lengths.values())) > 1:
            named = ", ".join(f"{count} in {name}" for name, count in lengths.items())
            raise ValueError(f"readout: got {named}, expected as many everywhere: one per wire")

    def _implies(self, name: str) -> bool:
        return name == "p10" and self.p01 == self.p10

    @property
    def _length(self) -> int | None:
        """How many wires it lists; None where it is the same on all, or says on which."""
        listed = [values for values in (self.p01, self.p10) if isinstance(values, tuple)]
        return len(listed[0]) if listed and self.wires is None else None

    def check_register(self, n_qubits: int, n_wires: int) -> None:
        check_wires(self, self.wires, n_qubits)
        if self._length not in (None, n_qubits):
            raise ValueError(
                f"readout: got {self._length} values for a circuit of {n_qubits} wires, expected one per wire, or "
                "wires= that says which they are"
            )

    def states_wires(self, name: str) -> bool:
        return self.wires is not None and name == "measure"

    @classmethod
    def from_text(cls, values: Mapping[str, object]) -> Self:
        return super().from_text({"p10": values["p01"], **values})

    @property
    def instructions(self) -> tuple[str, ...]:
        return ()

    def channels(self) -> Channels:
        return {}

    def readouts(self) -> Readouts:
        wires: Sequence[int | None] = self.wires or (None if self._length is None else range(self._length)) or (None,)
        p01, p10 = (np.broadcast_to(values, len(wires)) for values in (self.p01, self.p10))
        return {
            wire: np.array([[1 - up, up], [down, 1 - down]]) for wire, up, down in zip(wires, p01, p10, strict=True)
        }


TIMED = (*GATES, checks.MEASURE)
"""Instructions that take time."""


@dataclass(frozen=True, repr=False)
class ThermalRelaxation(OneQubit):
    """Relaxation toward |0> with the times t1 and t2 <= 2 t1 during each instruction, all in seconds."""

    kind = "thermal_relaxation"
    label = None
    t1: float = parameter(TIME)
    t2: float = parameter(TIME)
    gate_times: tuple[tuple[str, float], ...] = parameter(Parameter(checks.durations))
    wires: tuple[int, ...] | None = on_wires()
    idle: bool = parameter(IDLE, False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.t2 > 2 * self.t1:
            raise ValueError(f"t2: got {self.t2!r} s, expected at most 2 t1 = {2 * self.t1!r} s")

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        read = partial(checks.seconds, zero=True)
        times = {name: Parameter(read, TIME.read, positional=False, required=False) for name in TIMED}
        return {"t1": TIME, "t2": TIME, **times, "wires": WIRES, "idle": IDLE}

    @classmethod
    def from_text(cls, values: Mapping[str, object]) -> Self:
        times = {name: value for name, value in values.items() if name in TIMED}
        others = {name: value for name, value in values.items() if name not in TIMED}
        return super().from_text({**others, "gate_times": times})

    @property
    def instructions(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.gate_times if name != checks.MEASURE)

    def states_wires(self, name: str) -> bool:
        return self.wires is not None and name in dict(self.gate_times)

    def transfer(self, instruction: str) -> Transfer:
        return self._relaxed(dict(self.gate_times)[instruction])

    def channels(self) -> Channels:
        channels = super().channels()
        if checks.MEASURE in dict(self.gate_times):
            places = [None] if self.wires is None else [(wire,) for wire in self.wires]
            channels |= {(checks.MEASURE, place): self.transfer(checks.MEASURE) for place in places}
        return channels

    @property
    def schedule(self) -> Hashable:
        return self.gate_times if self.idle else None

    def duration(self, name: str, wires: tuple[int, ...]) -> float:
        return dict(self.gate_times).get(name, 0.0) if self.idle else 0.0

    def waiting(self, wire: int, seconds: float) -> Transfer | None:
        return self._relaxed(seconds) if self.idle and wire in (self.wires or (wire,)) else None

    def _relaxed(self, seconds: float) -> Transfer:
        return damping_transfer(math.exp(-seconds / self.t2), math.exp(-seconds / self.t1))

    def scaled(self, factor: float) -> Self:
        """Return this noise with gates `factor` times as long."""
        return replace(self, gate_times=tuple((name, factor * time) for name, time in self.gate_times))

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "gate_times": dict(self.gate_times)}


TABLE: Choices[type[Part]] = Choices(
    "kind",
    {
        part.kind: part
        for part in (
            *(BitFlip, PhaseFlip, Depolarizing, AmplitudeDamping, PhaseDamping),
            *(Overrotation, Readout, ThermalRelaxation, TwoQubitDepolarizing),
            *(ChipNoise, Imported),
        )
    },
)
"""Every kind that can be stored, by its name in JSON."""


def spelled() -> dict[str, type[Kind]]:
    """Return the kinds that text can name, by their spelling there."""
    return {name.replace("_", "-"): kind for name, kind in TABLE.items() if issubclass(kind, Kind)}
