"""What can be used of a Qiskit backend: calibrated qubits and working couplings, their gates and errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from noise_models.gates import ENTANGLERS, ONE_QUBIT_GATES, UNIVERSAL
from noise_models.layout import CouplingGraph

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit.transpiler import InstructionProperties, Target

FAMILIES: tuple[tuple[str, ...], ...] = (("rz", "sx", "x"), ("u1", "u2", "u3"))
"""One-qubit gates of IBM's machines, which are used alone where a machine has them all."""
PULSES: Mapping[str, int] = MappingProxyType({"sx": 2, "u3": 1, "u": 1, "u2": 2, "ry": 1, "rx": 2, "r": 4})
"""The gates that a rotation is made of, and how many of them it takes: what its error is counted by."""

SAME = 1e-9
"""Difference of two errors that are one number."""


@dataclass(frozen=True)
class BackendData:
    """The one-qubit gates of a backend, the two-qubit gate of each coupling, and their costs.

    `times` holds T1 and T2 of every qubit in seconds, infinite on a backend that states none; `readings` holds
    P(1|0), P(0|1) and the error of a reading.
    """

    gates: tuple[str, ...]
    pairs: Mapping[tuple[int, int], str]
    graph: CouplingGraph
    times: Mapping[int, tuple[float, float]]
    readings: Mapping[int, tuple[float, float, float]]


def read_backend(name: str, backend: BackendV2) -> BackendData:
    """Return the calibrated qubits and working couplings; ValueError where none is, or no gates make every circuit."""
    target = backend.target
    readings = _readings(backend)
    gates = _one_qubit_gates(name, target)
    times = _times(target)
    relaxes = any(math.isfinite(t1) for t1, _ in times.values())
    pulse = next((gate for gate in PULSES if gate in gates), gates[0])
    used = [gate for gate in gates if gate not in ("rz", "p", "u1")]
    qubits = {}
    for qubit in times:
        calibrated = {gate: gate_properties(target, gate).get((qubit,)) for gate in used}
        if qubit in readings and all(_works(properties, relaxes) for properties in calibrated.values()):
            qubits[qubit] = PULSES.get(pulse, 1) * _error(calibrated[pulse]) + readings[qubit][2]
    pairs: dict[tuple[int, int], str] = {}
    couplings: dict[tuple[int, int], float] = {}
    for gate in ENTANGLERS:
        by_wires = gate_properties(target, gate)
        for a, b in by_wires:
            pair = (min(a, b), max(a, b))
            directions = [by_wires[wires] for wires in ((a, b), (b, a)) if wires in by_wires]
            if pair not in pairs and {a, b} <= qubits.keys() and all(_works(one, relaxes) for one in directions):
                pairs[pair] = gate
                couplings[pair] = max(_error(one) for one in directions)
    if not qubits:
        raise ValueError(f"name: {name} states no errors of its gates and measurements, expected a calibrated backend")
    return BackendData(gates, pairs, CouplingGraph(qubits, couplings), times, readings)


def _one_qubit_gates(name: str, target: Target) -> tuple[str, ...]:
    names = target.operation_names
    family = next((gates for gates in FAMILIES if set(gates) <= set(names)), None)
    gates = family or tuple(gate for gate in names if gate in ONE_QUBIT_GATES)
    if not any(enough <= set(gates) for enough in UNIVERSAL):
        raise ValueError(f"name: {name} has the gates {', '.join(names)}, expected one-qubit gates for every rotation")
    return gates


def _times(target: Target) -> dict[int, tuple[float, float]]:
    """Return T1 and T2 of the qubits that have both; infinite ones for all on a machine that states none."""
    stated = enumerate(target.qubit_properties or ())
    # A fit can report more than is physical: Aer truncates it, too.
    times = {qubit: (float(q.t1), float(min(q.t2, 2 * q.t1))) for qubit, q in stated if q and q.t1 and q.t2}
    return times or dict.fromkeys(range(target.num_qubits or 0), (math.inf, math.inf))


def gate_properties(target: Target, gate: str) -> dict[tuple[int, ...], InstructionProperties | None]:
    """Return the properties of a gate by qubits; none of a gate that stands for all qubits alike."""
    by_qubits = target[gate] if gate in target.operation_names else {}
    return {qubits: properties for qubits, properties in by_qubits.items() if qubits is not None}


def _works(gate: InstructionProperties | None, relaxes: bool) -> bool:
    """Return whether a gate is calibrated; an error of 1 marks one that is broken."""
    return gate is not None and gate.error is not None and gate.error < 1 and (bool(gate.duration) or not relaxes)


def _error(gate: InstructionProperties | None) -> float:
    return 0.0 if gate is None else float(gate.error or 0)


def calibration_day(backend: BackendV2) -> str:
    """Return the day of the calibration, "" where the backend knows none."""
    properties = backend.properties() if hasattr(backend, "properties") else None
    date = getattr(properties, "last_update_date", None)
    if date is None:
        return ""
    return (date if isinstance(date, datetime) else datetime.fromisoformat(str(date))).date().isoformat()


def _readings(backend: BackendV2) -> dict[int, tuple[float, float, float]]:
    """Return P(1|0), P(0|1) and the error of the readings that are calibrated.

    Targets state the mean error alone, and old ones nothing; the properties of a machine tell both probabilities.
    """
    apart = _readings_apart(backend)
    stated = gate_properties(backend.target, "measure")
    errors = {qubit: float(one.error) for (qubit,), one in stated.items() if one and one.error is not None}
    readings = {}
    for qubit, error in errors.items() if errors else ((qubit, mean) for qubit, (_, _, mean) in apart.items()):
        up, down, mean = apart.get(qubit, (error, error, error))
        if error < 1:
            # A target that was edited says something else than the properties of the machine it came from.
            readings[qubit] = (up, down, error) if abs(mean - error) < SAME else (error, error, error)
    return readings


def _readings_apart(backend: BackendV2) -> dict[int, tuple[float, float, float]]:
    """Return P(1|0), P(0|1) and the error of the readings that the properties of a machine state."""
    properties = backend.properties() if hasattr(backend, "properties") else None
    readings = {}
    for qubit, described in enumerate(() if properties is None else properties.qubits):
        values = {one.name: float(one.value) for one in described}
        if "readout_error" in values:
            error = values["readout_error"]
            readings[qubit] = values.get("prob_meas1_prep0", error), values.get("prob_meas0_prep1", error), error
    return readings
