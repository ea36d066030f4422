"""Calibrated chips: the noise of the best line or ring of qubits of an IBM device, from a stored calibration.

The calibrations are snapshots that ship with qiskit-ibm-runtime; no account or network is needed.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from noise_models import checks
from noise_models.calibration import ChipNoise, GateData
from noise_models.choices import did_you_mean, unknown
from noise_models.layout import CouplingGraph, best_line, best_ring
from noise_models.noise import Noise
from noise_models.records import brief

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit.providers import BackendV2
    from qiskit.transpiler import InstructionProperties, Target

SHAPES: tuple[str, ...] = ("ring", "line")


def chip_name(text: str) -> str:
    """Return a chip's short name: `FakeTorino`, `ibm_torino` and `torino` are one chip."""
    name = str(text).strip().lower()
    return name.removeprefix("fake_").removeprefix("fake").removeprefix("ibm_").removesuffix("v2")


FAKE_BACKENDS = (
    "FakeTorino FakeFez FakeMarrakesh FakeNighthawk FakePrague "
    "FakeAlgiers FakeAthensV2 FakeAuckland FakeBelemV2 FakeBogotaV2 FakeBrooklynV2 FakeCasablancaV2 "
    "FakeGeneva FakeGuadalupeV2 FakeHanoiV2 FakeJakartaV2 FakeKolkataV2 FakeLagosV2 FakeLimaV2 "
    "FakeManilaV2 FakeMelbourneV2 FakeMontrealV2 FakeMumbaiV2 FakeNairobiV2 FakeOslo FakeOurenseV2 "
    "FakeParisV2 FakePerth FakeQuitoV2 FakeRomeV2 FakeSantiagoV2 FakeSydneyV2 FakeTorontoV2 "
    "FakeValenciaV2 FakeVigoV2 FakeWashingtonV2 FakeYorktownV2"
)
BACKENDS: Mapping[str, str] = MappingProxyType({chip_name(backend): backend for backend in FAKE_BACKENDS.split()})
"""Class of qiskit_ibm_runtime.fake_provider by chip: those with rz, sx, x and a CZ or CX in both directions."""
CHIPS: tuple[str, ...] = tuple(BACKENDS)
"""Names of the chips: first those with a native CZ, which this project's circuits are made of.

The error values of nighthawk, the one square lattice here, are placeholders by its publisher's own words.
"""


def chip(name: str, n_qubits: int, shape: str = "ring") -> Noise:
    """Return the noise of the best `n_qubits` of a calibrated chip, in a line or a ring.

    Best is the least sum of the two-qubit errors of all couplings used and, over the qubits, of twice the `sx` error
    (a rotation is two of them) and the readout error. Uncalibrated qubits and broken couplers are avoided. Chips do
    not have rings of every size: the smallest ring of at least `n_qubits` is taken, and wires n_qubits .. n_wires - 1
    of the noise are spare, lying in this order between the last wire and wire 0. Up to two qubits, a ring is a line.

    Gate errors, relaxation during gates and readout errors are those of Aer's `NoiseModel.from_backend`, restricted to
    the gates a circuit here is made of: rz, sx, x and the two-qubit gate.

    Raises ValueError on an unknown chip or shape, and if the chip has no such line or ring.
    """
    name = chip_name(name)
    if name not in CHIPS:
        raise ValueError(f"name: got {brief(name)}, expected a chip (noise_models.CHIPS){did_you_mean(name, CHIPS)}")
    if shape not in SHAPES:
        raise ValueError(unknown("shape", shape, SHAPES))
    n_qubits = checks.whole("n_qubits", n_qubits)
    backend = _load(name)
    target = backend.target
    if n_qubits > target.num_qubits:
        raise ValueError(f"n_qubits: got {n_qubits}, expected at most {target.num_qubits}, the qubits of {name}")
    graph = _graph(target)
    qubits = _choose(name, graph, n_qubits, shape)
    return Noise((_calibration(name, backend, graph, qubits),))


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


def _two_qubit_gate(target: Target) -> str:
    return "cz" if "cz" in target.operation_names else "cx"


def _graph(target: Target) -> CouplingGraph:
    """Return the calibrated qubits and working couplings with their costs."""
    qubits = {}
    for qubit in range(target.num_qubits):
        properties = target.qubit_properties[qubit]
        gates = [target[gate].get((qubit,)) for gate in ("sx", "x", "measure")]
        if properties.t1 and properties.t2 and all(_works(gate) for gate in gates):
            qubits[qubit] = 2 * gates[0].error + gates[2].error
    couplings = {}
    gate = target[_two_qubit_gate(target)]
    for (a, b), there in gate.items():
        back = gate.get((b, a))
        if a < b and a in qubits and b in qubits and _works(there) and _works(back):
            couplings[a, b] = max(there.error, back.error)
    return CouplingGraph(qubits, couplings)


def _works(gate: InstructionProperties | None) -> bool:
    """Return whether a gate is calibrated; an error of 1 marks one that is broken."""
    return gate is not None and gate.error is not None and gate.error < 1 and bool(gate.duration)


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


def _calibration(name: str, backend: BackendV2, graph: CouplingGraph, qubits: tuple[int, ...]) -> ChipNoise:
    """Return what is known of the chosen qubits."""
    target = backend.target
    wire = {qubit: index for index, qubit in enumerate(qubits)}
    two = _two_qubit_gate(target)
    gates = []
    for gate in ("rz", "sx", "x", two):
        for physical, properties in target[gate].items():
            broken = gate == two and (min(physical), max(physical)) not in graph.couplings
            noisy = properties is not None and (properties.error or properties.duration)
            if set(physical) <= wire.keys() and noisy and not broken:
                wires = tuple(wire[qubit] for qubit in physical)
                gates.append(GateData(gate, wires, float(properties.error or 0), float(properties.duration or 0)))
    times = [(target.qubit_properties[qubit].t1, target.qubit_properties[qubit].t2) for qubit in qubits]
    date = backend.properties().last_update_date
    return ChipNoise(
        name=name,
        date=(date if isinstance(date, datetime) else datetime.fromisoformat(str(date))).date().isoformat(),
        qubits=qubits,
        gate_names=("rz", "sx", "x", two),
        t1=tuple(float(t1) for t1, _ in times),
        # A fit can report more than is physical: Aer truncates it, too.
        t2=tuple(float(min(t2, 2 * t1)) for t1, t2 in times),
        readout=tuple(_readout(target["measure"][qubit,]) for qubit in qubits),
        gates=tuple(sorted(gates, key=lambda gate: (gate.name, gate.wires))),
    )


def _readout(properties: InstructionProperties) -> tuple[float, float]:
    """Return P(1|0) and P(0|1), both the mean error if the calibration does not tell them apart."""
    p01 = getattr(properties, "prob_meas1_prep0", properties.error)
    p10 = getattr(properties, "prob_meas0_prep1", properties.error)
    return float(p01), float(p10)
