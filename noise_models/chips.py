"""Calibrated chips: the noise of the best line or ring of qubits of a machine, by name or as a Qiskit backend.

The calibrations by name are snapshots that ship with qiskit-ibm-runtime; no account or network is needed.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from noise_models import checks
from noise_models.calibration import ChipNoise, GateData
from noise_models.choices import did_you_mean, unknown
from noise_models.gates import ENTANGLERS, ONE_QUBIT_GATES, UNIVERSAL
from noise_models.layout import CouplingGraph, best_line, best_ring
from noise_models.noise import Noise
from noise_models.records import brief

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit.transpiler import InstructionProperties, Target

SHAPES: tuple[str, ...] = ("ring", "line")
FAMILIES: tuple[tuple[str, ...], ...] = (("rz", "sx", "x"), ("u1", "u2", "u3"))
"""One-qubit gates of IBM's machines, which are used alone where a machine has them all."""
PULSES: Mapping[str, int] = MappingProxyType({"sx": 2, "u3": 1, "u": 1, "u2": 2, "ry": 1, "rx": 2, "r": 4})
"""The gates that a rotation is made of, and how many of them it takes: what its error is counted by."""


def chip_name(text: str) -> str:
    """Return a chip's short name: `FakeTorino`, `ibm_torino` and `torino` are one, `ibmq_16_melbourne` is melbourne."""
    name = str(text).strip().lower()
    if name == "ibmqx2":
        return "yorktown"
    name = re.sub(r"^(fake_?)?(ibmq?_)?(\d+_)?", "", name)
    return re.sub(r"(_?v2|_?backend)$", "", name)


FAKE_BACKENDS = (
    "FakeTorino FakeFez FakeMarrakesh FakeNighthawk FakePrague "
    "FakeAlgiers FakeAthensV2 FakeAuckland FakeBelemV2 FakeBogotaV2 FakeBrooklynV2 FakeCasablancaV2 "
    "FakeGeneva FakeGuadalupeV2 FakeHanoiV2 FakeJakartaV2 FakeKolkataV2 FakeLagosV2 FakeLimaV2 FakeManhattanV2 "
    "FakeManilaV2 FakeMelbourneV2 FakeMontrealV2 FakeMumbaiV2 FakeNairobiV2 FakeOslo FakeOurenseV2 "
    "FakeParisV2 FakePerth FakeQuitoV2 FakeRomeV2 FakeSantiagoV2 FakeSydneyV2 FakeTorontoV2 "
    "FakeValenciaV2 FakeVigoV2 FakeWashingtonV2 FakeYorktownV2 FakeFractionalBackend "
    "FakeBrisbane FakeCusco FakeKawasaki FakeKyiv FakeKyoto FakeOsaka FakePeekskill FakeQuebec FakeSherbrooke "
    "FakeCairoV2 "
    "FakeAlmadenV2 FakeBoeblingenV2 FakeBurlingtonV2 FakeCambridgeV2 FakeEssexV2 FakeJohannesburgV2 FakeLondonV2 "
    "FakePoughkeepsieV2 FakeRochesterV2 FakeSingaporeV2 "
    "FakeArmonkV2"
)
BACKENDS: Mapping[str, str] = MappingProxyType({chip_name(backend): backend for backend in FAKE_BACKENDS.split()})
"""Class of qiskit_ibm_runtime.fake_provider by chip."""
CHIPS: tuple[str, ...] = tuple(BACKENDS)
"""Names of the chips, by two-qubit gate: CZ, which this project's circuits are made of, then CX, then ECR in one
direction, then both (cairo); then CX beside u1, u2 and u3; and one of a single qubit (armonk).

The error values of nighthawk, the one square lattice here, are placeholders by its publisher's own words.
"""


def chip(name: str | BackendV2, n_qubits: int, shape: str = "ring", *, routed: bool = False) -> Noise:
    """Return the noise of the best `n_qubits` of a calibrated chip, in a line or a ring.

    `name` is one of `CHIPS`, also as `ibm_torino`, `ibmq_manila` or `FakeTorino`, or a Qiskit backend with errors in
    its target: one of IBM's service, a fake one, a `GenericBackendV2`.

    Best is the least sum of the two-qubit errors of all couplings used and, over the qubits, of the one-qubit errors of
    a rotation (two `sx`, or one `u3`) and the readout error. Uncalibrated qubits and broken couplers are avoided. Chips
    do not have rings of every size: the smallest ring of at least `n_qubits` is taken, and wires n_qubits ..
    n_wires - 1 of the noise are spare, lying in this order between the last wire and wire 0. Up to two qubits, a ring
    is a line. `routed` takes a line where there is no such ring, and lets gates between qubits of a line that are not
    coupled pass over those between them, at four times their number of two-qubit gates or more.

    Gate errors, relaxation during gates and readout errors are those of Aer's `NoiseModel.from_backend`, restricted to
    the gates a circuit here is made of: one-qubit gates that make every rotation, and one two-qubit gate per coupling,
    in the directions that the chip has.

    Raises ValueError on an unknown chip or shape, if the chip has no such line or ring, and on a backend without
    calibrated gates that make every circuit.
    """
    if shape not in SHAPES:
        raise ValueError(unknown("shape", shape, SHAPES))
    n_qubits = checks.whole("n_qubits", n_qubits)
    if isinstance(name, str):
        short = chip_name(name)
        if short not in CHIPS:
            near = did_you_mean(short, CHIPS)
            raise ValueError(f"name: got {brief(short)}, expected a chip (noise_models.CHIPS){near}")
        backend = _load(short)
    elif getattr(name, "target", None) is None:
        raise ValueError(f"name: got {type(name).__name__}, expected a chip (noise_models.CHIPS) or a Qiskit backend")
    else:
        backend = name
        short = chip_name(backend.name or type(backend).__name__)
    size = backend.target.num_qubits or 0
    if n_qubits > size:
        raise ValueError(f"n_qubits: got {n_qubits}, expected at most {size}, the qubits of {short}")
    machine = _read(short, backend)
    if routed and shape == "ring" and n_qubits > 2:
        shape, routed = ("ring", False) if best_ring(machine.graph, n_qubits) else ("line", True)
    qubits = _choose(short, machine.graph, n_qubits, shape)
    return Noise((replace(_calibration(short, backend, machine, qubits), routed=routed),))


def _load(name: str) -> BackendV2:
    try:
        # Imported here: it takes a second, and noise read from JSON does not need it.
        from qiskit_ibm_runtime import fake_provider  # type: ignore[import-untyped]
    except ImportError as error:
        raise ValueError(
            f"name: {name} needs the package qiskit-ibm-runtime; install it, or read the noise from JSON ({error})"
        ) from None
    with warnings.catch_warnings():
        # Nighthawk warns that its error values are not typical of the device; CHIPS says so too.
        warnings.simplefilter("ignore", UserWarning)
        return getattr(fake_provider, BACKENDS[name])()


@dataclass(frozen=True)
class Machine:
    """What can be used of a backend: its one-qubit gates, the two-qubit gate of each coupling, and their costs.

    `times` holds T1 and T2 of every qubit in seconds, infinite on a machine that states none; `readings` holds
    P(1|0), P(0|1) and the error of a reading.
    """

    gates: tuple[str, ...]
    pairs: Mapping[tuple[int, int], str]
    graph: CouplingGraph
    times: Mapping[int, tuple[float, float]]
    readings: Mapping[int, tuple[float, float, float]]


def _read(name: str, backend: BackendV2) -> Machine:
    """Return the calibrated qubits and working couplings."""
    target = backend.target
    readings = _readings(backend)
    gates = _one_qubit_gates(name, target)
    times = _times(target)
    relaxes = any(math.isfinite(t1) for t1, _ in times.values())
    pulse = next((gate for gate in PULSES if gate in gates), gates[0])
    used = [gate for gate in gates if gate not in ("rz", "p", "u1")]
    qubits = {}
    for qubit in times:
        calibrated = {gate: _properties(target, gate).get((qubit,)) for gate in used}
        if qubit in readings and all(_works(properties, relaxes) for properties in calibrated.values()):
            qubits[qubit] = PULSES.get(pulse, 1) * _error(calibrated[pulse]) + readings[qubit][2]
    pairs: dict[tuple[int, int], str] = {}
    couplings: dict[tuple[int, int], float] = {}
    for gate in ENTANGLERS:
        by_wires = _properties(target, gate)
        for a, b in by_wires:
            pair = (min(a, b), max(a, b))
            directions = [by_wires[wires] for wires in ((a, b), (b, a)) if wires in by_wires]
            if pair not in pairs and {a, b} <= qubits.keys() and all(_works(one, relaxes) for one in directions):
                pairs[pair] = gate
                couplings[pair] = max(_error(one) for one in directions)
    if not qubits:
        raise ValueError(f"name: {name} states no errors of its gates and measurements, expected a calibrated backend")
    return Machine(gates, pairs, CouplingGraph(qubits, couplings), times, readings)


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


def _properties(target: Target, gate: str) -> dict[tuple[int, ...], InstructionProperties | None]:
    """Return the properties of a gate by qubits; none of a gate that stands for all qubits alike."""
    by_qubits = target[gate] if gate in target.operation_names else {}
    return {qubits: properties for qubits, properties in by_qubits.items() if qubits is not None}


def _works(gate: InstructionProperties | None, relaxes: bool) -> bool:
    """Return whether a gate is calibrated; an error of 1 marks one that is broken."""
    return gate is not None and gate.error is not None and gate.error < 1 and (bool(gate.duration) or not relaxes)


def _error(gate: InstructionProperties | None) -> float:
    return 0.0 if gate is None else float(gate.error or 0)


def _choose(name: str, graph: CouplingGraph, n_qubits: int, shape: str) -> tuple[int, ...]:
    """Return physical qubits in the order of the wires."""
    if shape == "line" or n_qubits <= 2:
        qubits = best_line(graph, n_qubits)
        if len(qubits) < n_qubits:
            raise ValueError(
                f"n_qubits: got a line of {n_qubits}, expected at most {len(qubits)}: the longest line found on {name}"
            )
        return qubits
    qubits = best_ring(graph, n_qubits)
    if not qubits:
        line = len(best_line(graph, n_qubits))
        longest = max((len(ring) for ring in _rings_below(graph, n_qubits)), default=0)
        limit = f"the longest ring found on {name} has {longest} qubits" if longest else f"{name} has no ring at all"
        raise ValueError(
            f"n_qubits: got a ring of {n_qubits}, but {limit}; expected shape='line', which goes up to "
            f"{f'{line} there' if line < n_qubits else f'{n_qubits} and more'}"
        )
    return qubits


def _rings_below(graph: CouplingGraph, n_qubits: int) -> list[tuple[int, ...]]:
    """Return rings of growing sizes below `n_qubits`."""
    rings: list[tuple[int, ...]] = []
    size = 3
    while size < n_qubits:
        ring = best_ring(graph, size)
        if not ring or len(ring) >= n_qubits:
            break
        rings.append(ring)
        size = len(ring) + 1
    return rings


def _calibration(name: str, backend: BackendV2, machine: Machine, qubits: tuple[int, ...]) -> ChipNoise:
    """Return what is known of the chosen qubits."""
    target = backend.target
    wire = {qubit: index for index, qubit in enumerate(qubits)}
    entanglers = tuple(gate for gate in ENTANGLERS if gate in machine.pairs.values())
    gates = []
    for gate in (*machine.gates, *entanglers):
        for physical, properties in _properties(target, gate).items():
            if not set(physical) <= wire.keys() or properties is None:
                continue
            if len(physical) == 2 and machine.pairs.get((min(physical), max(physical))) != gate:
                continue
            if len(physical) == 2 or properties.error or properties.duration:
                wires = tuple(wire[qubit] for qubit in physical)
                gates.append(GateData(gate, wires, float(properties.error or 0), float(properties.duration or 0)))
    two = tuple(gate for gate in entanglers if any(one.name == gate for one in gates)) or entanglers[:1]
    return ChipNoise(
        name=name,
        date=_date(backend),
        qubits=qubits,
        gate_names=(*machine.gates, *two),
        t1=tuple(machine.times[qubit][0] for qubit in qubits),
        t2=tuple(machine.times[qubit][1] for qubit in qubits),
        readout=tuple(machine.readings[qubit][:2] for qubit in qubits),
        gates=tuple(sorted(gates, key=lambda gate: (gate.name, gate.wires))),
    )


def _date(backend: BackendV2) -> str:
    """Return the day of the calibration, "" where the backend knows none."""
    properties = backend.properties() if hasattr(backend, "properties") else None
    date = getattr(properties, "last_update_date", None)
    if date is None:
        return ""
    return (date if isinstance(date, datetime) else datetime.fromisoformat(str(date))).date().isoformat()


def _readings(backend: BackendV2) -> dict[int, tuple[float, float, float]]:
    """Return P(1|0), P(0|1) and the error of the readings that are calibrated."""
    stated = _properties(backend.target, "measure")
    works = {qubit: one for (qubit,), one in stated.items() if one and one.error is not None and one.error < 1}
    if works:
        # Both are the mean error if the calibration does not tell them apart.
        each = {
            q: (getattr(m, "prob_meas1_prep0", m.error), getattr(m, "prob_meas0_prep1", m.error))
            for q, m in works.items()
        }
        return {qubit: (float(p01), float(p10), float(works[qubit].error or 0)) for qubit, (p01, p10) in each.items()}
    # Targets of old calibrations have no measurements: their properties have.
    properties = backend.properties() if hasattr(backend, "properties") else None
    readings = {}
    for qubit, described in enumerate(() if properties is None else properties.qubits):
        values = {one.name: float(one.value) for one in described}
        error = values.get("readout_error", 1.0)
        if error < 1:
            readings[qubit] = (values.get("prob_meas1_prep0", error), values.get("prob_meas0_prep1", error), error)
    return readings
