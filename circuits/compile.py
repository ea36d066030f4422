"""The circuit in a machine's instructions, after which the errors of a noise model act."""

from __future__ import annotations

import math
import warnings
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterExpression, ParameterVector
from qiskit.exceptions import QiskitError

from circuits.reupload import DataReupload
from noise_models import Noise

CIRCUIT_BASIS = ("u", "cz", "id")
"""The instructions of a re-upload circuit as it is written: one `u` per Rot, and one `id` where a block ends."""


class NoiseWarning(UserWarning):
    """A part of a noise model that no instruction of the circuit meets."""


@dataclass(frozen=True)
class Angle:
    """An angle in radians, offset + sum of coefficient * slot; slots are numbered as in `Compiled`."""

    terms: tuple[tuple[int, float], ...]
    offset: float


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in Qiskit, its wires in order, its angles."""

    name: str
    wires: tuple[int, ...]
    angles: tuple[Angle, ...] = ()


@dataclass(frozen=True)
class Compiled:
    """A circuit in a machine's instructions.

    Every angle that the circuit mentions has a slot of its own, also where two are the same number: slots 0 ..
    3 n L - 1 are the data angles by block, wire and position, slots 3 n L .. 6 n L - 1 the weights likewise. Wires
    beyond `circuit.n_qubits` are spare wires of a chip; they start and end in |0>. `qiskit` has the slots as its
    parameters, `x[slot]` and `w[slot - 3 n L]`, and no measurement.
    """

    circuit: DataReupload
    n_wires: int
    instructions: tuple[Instruction, ...]
    qiskit: QuantumCircuit

    @property
    def n_slots(self) -> int:
        """Slots for angles: 6 n_qubits n_blocks."""
        return 2 * self.circuit.n_weights


def compile_circuit(circuit: DataReupload, noise: Noise | None = None) -> Compiled:
    """Write a circuit in the instructions that `noise` sits on; without noise as a `u` per Rot and `cz`.

    A noise model with errors on `id` gets an `id` on every wire at the end of every block. CZ gates between wires that
    a chip does not couple pass over its spare wires: the first wire's bit is copied along them by CX gates, the CZ acts
    from the last copy, and the copies are undone.

    Raises ValueError where the noise touches no instruction of the circuit (Aer would run it as if there were none),
    where a chip has other wires or couplings than the circuit needs, and where the noise model's basis cannot express
    the circuit. Warns, as NoiseWarning, of instructions in a ready-made Aer model that do not occur.
    """
    if noise is not None and noise.n_wires is not None and noise.n_wires < circuit.n_qubits:
        raise ValueError(
            f"noise: {noise} has {noise.n_wires} wires, expected at least {circuit.n_qubits} for {circuit}"
        )
    written = _write(circuit, noise)
    if noise is None or set(noise.basis) <= set(CIRCUIT_BASIS):
        compiled = written
    else:
        try:
            level = 0 if "id" in noise.instructions else 1
            compiled = transpile(written, basis_gates=list(noise.basis), optimization_level=level)
        except QiskitError as error:
            raise ValueError(
                f"noise: {noise} has the basis {', '.join(noise.basis)}, in which no circuit can be written"
            ) from error
    instructions = tuple(_read(compiled, written))
    if noise is not None:
        _check_touch(noise, instructions, circuit)
    return Compiled(circuit, compiled.num_qubits, instructions, compiled)


def _write(circuit: DataReupload, noise: Noise | None) -> QuantumCircuit:
    """Return the circuit with one parameter for every angle it mentions."""
    n_wires = circuit.n_qubits if noise is None or noise.n_wires is None else noise.n_wires
    couplings = None if noise is None else noise.couplings
    size = circuit.n_weights
    data, weights = ParameterVector("x", size), ParameterVector("w", size)
    out = QuantumCircuit(n_wires)
    marks_blocks = noise is not None and "id" in noise.instructions
    # Qiskit has no rule that takes u or h to rz and ry, so such models get the circuit in those from the start.
    by_euler = noise is not None and {"rz", "ry"} <= set(noise.basis) and not {"u", "u3"} & set(noise.basis)
    block = 0
    for gate in circuit.gates():
        if marks_blocks and gate.block != block:
            _mark(out, circuit)
        block = gate.block
        if gate.name == "CZ":
            if by_euler and noise is not None and "cz" not in noise.basis:
                _write_cz_by_cx(out, gate.wires)
            else:
                _write_cz(out, gate.wires, circuit.n_qubits, couplings)
            continue
        first = 3 * (gate.block * circuit.n_qubits + gate.wires[0])
        phi, theta, omega = (data if gate.source == "inputs" else weights)[first : first + 3]
        if by_euler:
            out.rz(phi, gate.wires[0])
            out.ry(theta, gate.wires[0])
            out.rz(omega, gate.wires[0])
        else:
            out.u(theta, omega, phi, gate.wires[0])
    if marks_blocks:
        _mark(out, circuit)
    return out


def _mark(out: QuantumCircuit, circuit: DataReupload) -> None:
    for wire in range(circuit.n_qubits):
        out.id(wire)


def _write_cz(
    out: QuantumCircuit, wires: tuple[int, ...], n_qubits: int, couplings: frozenset[tuple[int, int]] | None
) -> None:
    a, b = wires
    if couplings is None or (min(a, b), max(a, b)) in couplings:
        out.cz(a, b)
        return
    path = _bridge(a, b, n_qubits, couplings)
    copies = list(pairwise(path[:-1]))
    for here, there in copies:
        out.cx(here, there)
    out.cz(path[-2], b)
    for here, there in reversed(copies):
        out.cx(here, there)


def _write_cz_by_cx(out: QuantumCircuit, wires: tuple[int, ...]) -> None:
    """Write CZ = H CX H with H = RY(pi/2) RZ(pi), up to a phase."""
    control, target = wires
    _write_h(out, target)
    out.cx(control, target)
    _write_h(out, target)


def _write_h(out: QuantumCircuit, wire: int) -> None:
    out.rz(math.pi, wire)
    out.ry(math.pi / 2, wire)


def _bridge(a: int, b: int, n_qubits: int, couplings: frozenset[tuple[int, int]]) -> list[int]:
    """Return the shortest path of couplings from a to b over spare wires alone."""
    before: dict[int, int] = {a: a}
    queue = deque([a])
    while queue:
        here = queue.popleft()
        for pair in sorted(couplings):
            if here in pair:
                there = pair[0] + pair[1] - here
                if there not in before and (there == b or there >= n_qubits):
                    before[there] = here
                    queue.append(there)
    if b not in before:
        raise ValueError(
            f"noise: the chip's wires {a} and {b} are neither coupled nor joined over spare wires; choose its qubits "
            "in the circuit's shape (ring for ring and brick, line for line), or another entangler"
        )
    path = [b]
    while path[-1] != a:
        path.append(before[path[-1]])
    return path[::-1]


def _read(compiled: QuantumCircuit, written: QuantumCircuit) -> list[Instruction]:
    """List the instructions of a Qiskit circuit, its angles taken apart."""
    first = {"x": 0, "w": written.num_parameters // 2}
    slots = {parameter: first[parameter.vector.name] + parameter.index for parameter in written.parameters}
    wires = {qubit: wire for wire, qubit in enumerate(compiled.qubits)}
    return [
        Instruction(
            step.operation.name,
            tuple(wires[qubit] for qubit in step.qubits),
            tuple(_angle(value, slots) for value in step.operation.params),
        )
        for step in compiled.data
        if step.operation.name != "barrier"
    ]


def _angle(value: ParameterExpression | float, slots: dict[object, int]) -> Angle:
    if not isinstance(value, ParameterExpression):
        return Angle((), float(value))
    names = sorted(value.parameters, key=lambda parameter: slots[parameter])
    terms = tuple((slots[name], float(value.gradient(name))) for name in names)
    return Angle(terms, float(value.bind(dict.fromkeys(names, 0.0))))


def _check_touch(noise: Noise, instructions: tuple[Instruction, ...], circuit: DataReupload) -> None:
    """Raise where no error of the noise model meets an instruction of the circuit or a wire that is read."""
    run_as = ", ".join(sorted({step.name for step in instructions}))
    met = {step.name for step in instructions if noise.acts_on(step.name, step.wires)}
    if not met and not any(noise.misreads(wire) for wire in range(circuit.n_qubits)):
        listed = ", ".join(sorted(noise.instructions)) or "nothing"
        raise ValueError(
            f"noise: {noise} acts on {listed}, but {circuit} is run as {run_as}: no error would ever be applied; "
            f"register errors on instructions of the circuit and on wires below {circuit.n_qubits}"
        )
    unmet = sorted(noise.imported_instructions - met)
    if unmet:
        warnings.warn(
            f"noise: errors on {', '.join(unmet)} never act, since {circuit} is run as {run_as} on "
            f"{circuit.n_qubits} wires",
            NoiseWarning,
            stacklevel=4,
        )
