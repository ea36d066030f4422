"""Calibrated chips: the noise of the best line or ring of qubits of a machine, by name or as a Qiskit backend.

The calibrations by name are snapshots that ship with qiskit-ibm-runtime; no account or network is needed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, cast

from noise_models import checks
from noise_models.backend import BackendData, calibration_day, gate_properties, read_backend
from noise_models.calibration import ChipNoise, GateData
from noise_models.choices import did_you_mean, unknown
from noise_models.gates import ENTANGLERS
from noise_models.layout import CouplingGraph, best_line, best_ring
from noise_models.noise import Noise
from noise_models.records import brief, reason

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit.transpiler import Target

SHAPES: tuple[str, ...] = ("ring", "line")
ACCOUNT = "account"
"""What stands before the name of a machine that is reached by an account."""


def chip_name(text: str) -> str:
    """Return a chip's short name: `FakeTorino`, `ibm_torino` and `torino` are one, `ibmq_16_melbourne` is melbourne."""
    name = str(text).strip().lower().removeprefix(f"{ACCOUNT}:")
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


def chip(
    name: str | BackendV2 | Target, n_qubits: int, shape: str = "ring", *, routed: bool = False, idle: bool = False
) -> Noise:
    """Return the noise of the best `n_qubits` of a calibrated chip, in a line or a ring.

    `name` is one of `CHIPS`, also as `ibm_torino`, `ibmq_manila` or `FakeTorino`; `account:ibm_torino` for the latest
    calibration of a machine of the account that is saved with qiskit-ibm-runtime; a Qiskit backend with errors in its
    target (one of IBM's service, a fake one, a `GenericBackendV2`); or such a `Target` itself, a calibration of one's
    own.

    Best is the least sum of the two-qubit errors of all couplings used and, over the qubits, of the one-qubit errors of
    a rotation (two `sx`, or one `u3`) and the readout error. Uncalibrated qubits and broken couplers are avoided. Chips
    do not have rings of every size: the smallest ring of at least `n_qubits` is taken, and wires n_qubits ..
    n_wires - 1 of the noise are spare, lying in this order between the last wire and wire 0. Up to two qubits, a ring
    is a line. `routed` takes a line where there is no such ring, and lets gates between qubits of a line that are not
    coupled pass over those between them, at four times their number of two-qubit gates or more.

    Gate errors and relaxation during gates are those of Aer's `NoiseModel.from_backend`, readout errors the two that
    the machine's properties state (their mean where there are none), restricted to the gates a circuit here is made
    of: one-qubit gates that make every rotation, and one two-qubit gate per coupling, in the directions that the chip
    has. With `idle`, qubits relax while they wait for others, too (see `thermal_relaxation`), by the calibrated times.

    Raises ValueError on an unknown chip or shape, if the chip has no such line or ring, and on a backend without
    calibrated gates that make every circuit.
    """
    if shape not in SHAPES:
        raise ValueError(unknown("shape", shape, SHAPES))
    n_qubits = checks.whole("n_qubits", n_qubits)
    if isinstance(name, str):
        backend = load_backend(name)
        short = name.strip().lower() if _account_name(name) else chip_name(name)
    else:
        backend, short = _given(name)
    size = backend.target.num_qubits or 0
    if n_qubits > size:
        raise ValueError(f"n_qubits: got {n_qubits}, expected at most {size}, the qubits of {short}")
    if n_qubits > 1 and not set(ENTANGLERS) & set(backend.target.operation_names):
        names = ", ".join(backend.target.operation_names)
        raise ValueError(f"name: {short} has the gates {names}, expected one on two qubits: {', '.join(ENTANGLERS)}")
    data = read_backend(short, backend)
    if routed and shape == "ring" and n_qubits > 2:
        shape, routed = ("ring", False) if best_ring(data.graph, n_qubits) else ("line", True)
    qubits = _choose(short, data.graph, n_qubits, shape)
    calibrated = _calibration(short, backend, data, qubits)
    return Noise((replace(calibrated, routed=routed, idle=checks.switch("idle", idle)),))


def load_backend(name: str) -> BackendV2:
    """Return the fake backend of a chip, or for `account:<name>` the machine; nothing is sent to it.

    Raises ValueError on an unknown name, without the package qiskit-ibm-runtime, and where the account is refused.
    """
    machine, short = _account_name(name), chip_name(name)
    if not machine and short not in CHIPS:
        near = did_you_mean(short, CHIPS)
        raise ValueError(f"name: got {brief(short)}, expected a chip (noise_models.CHIPS){near}")
    try:
        # Imported here: it takes a second, and noise read from JSON does not need it.
        from qiskit_ibm_runtime import QiskitRuntimeService, fake_provider  # type: ignore[import-untyped]
    except ImportError as error:
        raise ValueError(
            f"name: {short} needs the package qiskit-ibm-runtime; install it, or read the noise from JSON ({error})"
        ) from None
    if machine:
        try:
            return QiskitRuntimeService().backend(machine)
        except Exception as error:
            raise ValueError(
                f"name: got {brief(name)}, expected a machine of the account saved with QiskitRuntimeService."
                f"save_account ({reason(error)})"
            ) from error
    with warnings.catch_warnings():
        # Nighthawk warns that its error values are not typical of the device; CHIPS says so too.
        warnings.simplefilter("ignore", UserWarning)
        return getattr(fake_provider, BACKENDS[short])()


def _account_name(name: str) -> str:
    """Return the name of a machine after `account:`, "" for other texts."""
    head, _, machine = name.strip().lower().partition(":")
    return machine.strip() if head == ACCOUNT else ""


def _given(machine: object) -> tuple[BackendV2, str]:
    """Return a backend and its short name, of a backend or of a target without one."""
    if getattr(machine, "operation_names", None) is not None and getattr(machine, "target", None) is None:
        machine = SimpleNamespace(target=machine, name=getattr(machine, "description", None) or "target")
    if getattr(machine, "target", None) is None:
        raise ValueError(
            f"name: got {type(machine).__name__}, expected a chip (noise_models.CHIPS), a Qiskit backend or its target"
        )
    backend = cast("BackendV2", machine)
    return backend, chip_name(backend.name or type(backend).__name__)


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
