"""Calibrated chips: the noise of the best line or ring of qubits of a machine, by name or as a Qiskit backend.

The calibrations by name are snapshots that ship with qiskit-ibm-runtime; no account or network is needed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from noise_models import checks
from noise_models.backend import BackendData, calibration_day, gate_properties, read_backend
from noise_models.calibration import ChipNoise, GateData
from noise_models.choices import did_you_mean, unknown
from noise_models.gates import ENTANGLERS
from noise_models.layout import CouplingGraph, best_line, best_ring
from noise_models.noise import Noise
from noise_models.records import brief

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

SHAPES: tuple[str, ...] = ("ring", "line")


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
    data = read_backend(short, backend)
    if routed and shape == "ring" and n_qubits > 2:
        shape, routed = ("ring", False) if best_ring(data.graph, n_qubits) else ("line", True)
    qubits = _choose(short, data.graph, n_qubits, shape)
    return Noise((replace(_calibration(short, backend, data, qubits), routed=routed),))


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


def _calibration(name: str, backend: BackendV2, data: BackendData, qubits: tuple[int, ...]) -> ChipNoise:
    """Return what is known of the chosen qubits."""
    target = backend.target
    wire = {qubit: index for index, qubit in enumerate(qubits)}
    entanglers = tuple(gate for gate in ENTANGLERS if gate in data.pairs.values())
    gates = []
    for gate in (*data.gates, *entanglers):
        for physical, properties in gate_properties(target, gate).items():
            if not set(physical) <= wire.keys() or properties is None:
                continue
            if len(physical) == 2 and data.pairs.get((min(physical), max(physical))) != gate:
                continue
            if len(physical) == 2 or properties.error or properties.duration:
                wires = tuple(wire[qubit] for qubit in physical)
                gates.append(GateData(gate, wires, float(properties.error or 0), float(properties.duration or 0)))
    two = tuple(gate for gate in entanglers if any(one.name == gate for one in gates)) or entanglers[:1]
    return ChipNoise(
        name=name,
        date=calibration_day(backend),
        qubits=qubits,
        gate_names=(*data.gates, *two),
        t1=tuple(data.times[qubit][0] for qubit in qubits),
        t2=tuple(data.times[qubit][1] for qubit in qubits),
        readout=tuple(data.readings[qubit][:2] for qubit in qubits),
        gates=tuple(sorted(gates, key=lambda gate: (gate.name, gate.wires))),
    )
