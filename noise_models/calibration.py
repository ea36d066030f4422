"""The noise of a calibrated chip: what was measured on the chosen qubits, and the channels that follow from it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from noise_models import checks
from noise_models.channels import Transfer, damping_transfer
from noise_models.gates import ENTANGLERS, ONE_QUBIT_GATES
from noise_models.part import Channels, Part, Readouts
from noise_models.records import brief


@dataclass(frozen=True)
class GateData:
    """One calibrated gate: name, wires in order, error 1 - (average gate fidelity), duration in seconds."""

    name: str
    wires: tuple[int, ...]
    error: float
    duration: float


@dataclass(frozen=True)
class ChipNoise(Part):
    """The noise of the chosen qubits of a chip at `factor` times its strength.

    Wire i is the physical qubit `qubits[i]`, with relaxation times `t1[i]` and `t2[i]` in seconds, infinite where the
    calibration states none, and readout probabilities `readout[i]` = (P(1|0), P(0|1)). A gate depolarizes, then its
    wires relax for its duration; the depolarizing strength is the part of the gate error that relaxation does not
    explain. `factor` multiplies gate errors, durations and readout probabilities. Where `routed`, gates between
    uncoupled wires pass over wires that are in use. Where `idle`, wires relax while they wait for others, too.
    """

    name: str
    date: str
    qubits: tuple[int, ...]
    gate_names: tuple[str, ...]
    t1: tuple[float, ...]
    t2: tuple[float, ...]
    readout: tuple[tuple[float, float], ...]
    gates: tuple[GateData, ...]
    factor: float = 1.0
    routed: bool = False
    idle: bool = False
    kind = "chip"

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", checks.strength("factor", self.factor))
        for values in (self.t1, self.t2, self.readout):
            if len(values) != self.n_wires:
                raise ValueError(f"chip: got {len(values)} values for {self.n_wires} qubits, expected one each")
        for t1, t2 in zip(self.t1, self.t2, strict=True):
            checks.relaxation("t1", t1)
            checks.relaxation("t2", t2)
            if t2 > 2 * t1:
                raise ValueError(f"t2: got {t2!r} s, expected at most 2 t1 = {2 * t1!r} s")
        for p01, p10 in self.readout:
            checks.probability(f"readout of {self.name} at {self.factor:g} times its strength", self.factor * p01)
            checks.probability(f"readout of {self.name} at {self.factor:g} times its strength", self.factor * p10)
        for name in self.gate_names:
            if name not in (*ONE_QUBIT_GATES, *ENTANGLERS, "id"):
                raise ValueError(
                    f"gate_names: got {brief(name)}, expected {', '.join((*ONE_QUBIT_GATES, *ENTANGLERS))}"
                )
        for gate in self.gates:
            checks.seconds("duration", gate.duration, zero=True)
            what = f"error of {gate.name} of {self.name} at {self.factor:g} times its strength"
            checks.probability(what, self.factor * gate.error)
            size = 2 if gate.name in ENTANGLERS else 1
            fits = len(set(gate.wires)) == len(gate.wires) == size and all(wire < self.n_wires for wire in gate.wires)
            if gate.name not in self.gate_names or not fits:
                where = f"the gate {brief(gate.name)} on {brief(gate.wires)}"
                raise ValueError(f"chip: got {where}, expected the chip's gates and wires")

    def __repr__(self) -> str:
        factor = "" if self.factor == 1 else f" * {self.factor!r}"
        date = f", calibrated {self.date}" if self.date else ""
        idle = ", relaxing while idle" if self.idle else ""
        return f"<{self.name} qubits {list(self.qubits)}{date}{idle}>{factor}"

    @property
    def instructions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(gate.name for gate in self.gates))

    @property
    def basis(self) -> tuple[str, ...]:
        """The chip's own gates."""
        return self.gate_names

    @property
    def n_wires(self) -> int:
        """Wires, spare ones included."""
        return len(self.qubits)

    @property
    def couplings(self) -> frozenset[tuple[int, int]]:
        """Pairs of wires (a < b) joined by a two-qubit gate."""
        return frozenset((min(gate.wires), max(gate.wires)) for gate in self.gates if len(gate.wires) == 2)

    @property
    def places(self) -> frozenset[tuple[str, tuple[int, ...]]]:
        """The gates and the wires, in order, that they are calibrated on."""
        return frozenset((gate.name, gate.wires) for gate in self.gates)

    def channels(self) -> Channels:
        return {(gate.name, gate.wires): self._transfer(gate) for gate in self.gates}

    def readouts(self) -> Readouts:
        return {wire: np.array([[1 - up, up], [down, 1 - down]]) for wire, (up, down) in enumerate(self._misreadings())}

    @property
    def schedule(self) -> Hashable:
        return (self.name, self.qubits, self.factor) if self.idle else None

    @cached_property
    def _durations(self) -> dict[tuple[str, tuple[int, ...]], float]:
        return {(gate.name, gate.wires): self.factor * gate.duration for gate in self.gates}

    def duration(self, name: str, wires: tuple[int, ...]) -> float:
        return self._durations.get((name, wires), self._durations.get((name, wires[::-1]), 0.0)) if self.idle else 0.0

    def waiting(self, wire: int, seconds: float) -> Transfer | None:
        return self._relaxed(wire, seconds) if self.idle else None

    def _relaxed(self, wire: int, seconds: float) -> Transfer:
        return damping_transfer(math.exp(-seconds / self.t2[wire]), math.exp(-seconds / self.t1[wire]))

    def scaled(self, factor: float) -> Self:
        return replace(self, factor=self.factor * factor)

    def summary(self) -> dict[str, str]:
        """Return what was measured, errors at the strength of this noise, times as they were calibrated."""
        errors = {
            f"{size}-qubit error": [self.factor * g.error for g in self.gates if len(g.wires) == n and g.name != "rz"]
            for n, size in ((1, "one"), (2, "two"))
        }
        errors["readout error"] = [rate for pair in self._misreadings() for rate in pair]
        times = {"T1": self.t1, "T2": self.t2}
        return {
            "chip": self.name if self.factor == 1 else f"{self.name} * {self.factor:g}",
            "qubits": ", ".join(map(str, self.qubits)),
            "calibrated": self.date,
            **{f"mean {name}": f"{np.mean(values):.2e}" for name, values in errors.items() if values},
            **{f"mean {name}": f"{1e6 * np.mean(values):.1f} µs" for name, values in times.items()},
        }

    def to_json(self) -> dict[str, object]:
        gates = [(gate.name, gate.wires, gate.error, gate.duration) for gate in self.gates]
        stored = {**super().to_json(), "gates": gates}
        return {name: value for name, value in stored.items() if name not in ("routed", "idle") or value}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        gates = tuple(
            GateData(
                str(name),
                tuple(checks.whole("wires", wire, 0) for wire in wires),
                checks.number("error", error),
                checks.number("duration", duration),
            )
            for name, wires, error, duration in fields["gates"]
        )
        return cls(
            name=str(fields["name"]),
            date=str(fields["date"]),
            qubits=tuple(checks.whole("qubits", qubit, 0) for qubit in fields["qubits"]),
            gate_names=tuple(str(name) for name in fields["gate_names"]),
            t1=tuple(checks.relaxation("t1", time) for time in fields["t1"]),
            t2=tuple(checks.relaxation("t2", time) for time in fields["t2"]),
            readout=tuple((checks.number("p01", p01), checks.number("p10", p10)) for p01, p10 in fields["readout"]),
            gates=gates,
            factor=fields["factor"],
            routed=fields.get("routed", False) is True,
            idle=fields.get("idle", False) is True,
        )

    def _misreadings(self) -> list[tuple[float, float]]:
        return [(self.factor * p01, self.factor * p10) for p01, p10 in self.readout]

    def _transfer(self, gate: GateData) -> Transfer:
        relaxation: Transfer = np.ones((1, 1))
        for wire in gate.wires:
            relaxation = np.kron(self._relaxed(wire, self.factor * gate.duration), relaxation)
        unchanged = 1 - depolarizing_strength(self.factor * gate.error, relaxation)
        return relaxation @ np.diag([1.0] + [unchanged] * (len(relaxation) - 1))


def depolarizing_strength(error: float, relaxation: Transfer) -> float:
    """Return lambda of E(rho) = (1 - lambda) rho + lambda I / d that adds up with relaxation to a gate error.

    lambda = d (F_relax - F) / (d F_relax - 1) for the average gate fidelities F = 1 - error and F_relax; 0 if
    relaxation alone explains the error, and truncated to what is physical, as in Aer (qiskit_aer.noise.device.models).
    """
    d = math.isqrt(len(relaxation))
    fidelity = (np.trace(relaxation) / d + 1) / (d + 1)
    if error <= 1 - fidelity:
        return 0.0
    excess = min(error, d / (d + 1)) - (1 - fidelity)
    return float(min(d * excess / (d * fidelity - 1), d**2 / (d**2 - 1)))
