"""The circuit in a machine's instructions, after which the errors of a noise model act."""

from __future__ import annotations

import math
import warnings
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuits.basis import Angle, H, Instruction, Writer
from circuits.gate import Gate
from circuits.reupload import DataReupload
from circuits.schedule import DELAY, with_delays
from noise_models import Noise

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["Angle", "Compiled", "Instruction", "NoiseWarning", "compile_circuit"]

Rows = NDArray[np.floating]


class NoiseWarning(UserWarning):
    """A part of a noise model that no instruction of the circuit meets, or a gate that is noisy in places only."""


@dataclass(frozen=True)
class Compiled:
    """A circuit in a machine's instructions.

    Every angle that the circuit mentions has a slot of its own, also where two are the same number: slots 0 ..
    3 n L - 1 are the data angles by block, wire and position, slots 3 n L .. 6 n L - 1 the weights likewise, and after
    them come the couplings. Wires beyond `circuit.n_qubits` are spare wires of a chip; they start and end in |0>.

    The last `n_turns` instructions belong to the reading: they turn the axis that an error of the measurement reads
    instead of z to z, and no error acts on them.
    """

    circuit: DataReupload
    n_wires: int
    instructions: tuple[Instruction, ...]
    n_turns: int = 0

    @property
    def n_slots(self) -> int:
        """Slots for angles: 6 n_qubits n_blocks, and the couplings."""
        return 2 * self.circuit.n_weights + self.circuit.n_couplings

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Return for each slot its place among the inputs of a sample, and the weights after them."""
        circuit, half = self.circuit, self.circuit.n_weights
        first = circuit.n_inputs - circuit.n_couplings
        data = (slot if circuit.scales_data else slot % circuit.n_angles for slot in range(half))
        weights = range(circuit.n_inputs, circuit.n_inputs + half)
        return (*data, *weights, *range(first, circuit.n_inputs))

    def slots(self, inputs: Rows, weights: Rows) -> Rows:
        """Return the angles of all slots [batch, slots] of inputs [batch, n_inputs] and weights [n_blocks, n, 3]."""
        trained = np.broadcast_to(weights.reshape(1, -1), (len(inputs), weights.size))
        return np.concatenate([inputs, trained], axis=1)[:, list(self.places)]

    def gathered(self, by_slot: Rows) -> Rows:
        """Return derivatives [..., slots] by the inputs and the weights [..., n_inputs + 3 n L]."""
        out = np.zeros((*by_slot.shape[:-1], self.circuit.n_inputs + self.circuit.n_weights))
        for slot, place in enumerate(self.places):
            out[..., place] += by_slot[..., slot]
        return out

    @cached_property
    def pairs(self) -> frozenset[tuple[int, ...]]:
        """The wires of its two-qubit instructions, in their order there."""
        return frozenset(step.wires for step in self.instructions if len(step.wires) == 2)

    @cached_property
    def qiskit(self) -> QuantumCircuit:
        """The circuit in Qiskit up to its measurements.

        Its parameters are `x[slot]`, `w[slot - 3 n L]` and, of couplings, `c[slot - 6 n L]`. A machine waits by itself:
        delays are left out.
        """
        # Imported here: Qiskit takes a second, and most circuits are never shown to it.
        from qiskit import QuantumCircuit
        from qiskit.circuit import ParameterVector

        from circuits.transfer import make_gate

        half = self.circuit.n_weights
        couplings = ParameterVector("c", self.circuit.n_couplings)
        slots = [*ParameterVector("x", half), *ParameterVector("w", half), *couplings]
        out = QuantumCircuit(self.n_wires)
        for step in self.instructions[: len(self.instructions) - self.n_turns]:
            if step.name == DELAY:
                continue
            angles = [sum((factor * slots[slot] for slot, factor in a.terms), a.offset) for a in step.angles]
            out.append(make_gate(step.name, angles), step.wires)
        return out


def compile_circuit(circuit: DataReupload, noise: Noise | None = None) -> Compiled:
    """Write a circuit in the instructions that `noise` sits on; without noise as a `u` per Rot and `cz`.

    CNOT and CRZ gates are made of CZ gates and rotations.

    A noise model with errors on `id` gets an `id` on every wire at the end of every block; under noise of waiting wires
    a `delay` stands wherever one waits (see `circuits/schedule.py`). CZ gates between wires that a chip does not couple
    pass over its spare wires: the first wire's bit is copied along them by CX gates, the CZ acts from the last copy,
    and the copies are undone. On a routed chip they pass over wires in use, which takes twice that.

    Raises ValueError where the noise touches no instruction of the circuit (Aer would run it as if there were none),
    and where a chip has other wires or couplings than the circuit needs. Warns once, as NoiseWarning, of instructions
    in a ready-made Aer model that do not occur, and of gates and readings that are noisy on some of the wires they
    occur on and clean on others.
    """
    if noise is not None and noise.n_wires is not None and noise.n_wires < circuit.n_qubits:
        raise ValueError(
            f"noise: {noise} has {noise.n_wires} wires, expected at least {circuit.n_qubits} for {circuit}"
        )
    n_wires = circuit.n_qubits if noise is None or noise.n_wires is None else noise.n_wires
    if noise is not None:
        noise.check_register(circuit.n_qubits, n_wires)
    instructions = _write(circuit, noise, n_wires)
    if noise is None:
        return Compiled(circuit, n_wires, instructions)
    _check_touch(noise, instructions, circuit)
    instructions = with_delays(instructions, noise, n_wires, circuit.n_qubits)
    turns = _reading_turns(noise, circuit.n_qubits)
    return Compiled(circuit, n_wires, (*instructions, *turns), len(turns))


def _write(circuit: DataReupload, noise: Noise | None, n_wires: int) -> tuple[Instruction, ...]:
    """Return the instructions, with one slot for every angle that the circuit mentions."""
    writer = Writer(noise, n_wires)
    couplings = None if noise is None else noise.couplings
    # The first wire that a gate may pass over.
    free = 0 if noise is not None and noise.routed else circuit.n_qubits
    marks_blocks = noise is not None and "id" in noise.instructions
    block = 0
    for gate in circuit.gates():
        if marks_blocks and gate.block != block:
            _mark(writer, circuit)
        block = gate.block
        if gate.name != "Rot":
            _write_pair(writer, gate, 2 * circuit.n_weights, couplings, free)
            continue
        (wire,) = gate.wires
        first = 3 * (gate.block * circuit.n_qubits + wire)
        offsets = {"inputs": (0,), "weights": (circuit.n_weights,), "both": (0, circuit.n_weights)}[gate.source or ""]
        phi, theta, omega = (
            Angle(tuple((slot + offset, 1.0) for offset in offsets), 0.0) for slot in range(first, first + 3)
        )
        writer.rot(wire, phi, theta, omega)
    if marks_blocks:
        _mark(writer, circuit)
    return writer.finish()


def _mark(writer: Writer, circuit: DataReupload) -> None:
    for wire in range(circuit.n_qubits):
        writer.mark(wire)


def _write_pair(
    writer: Writer, gate: Gate, first: int, couplings: frozenset[tuple[int, int]] | None, free: int
) -> None:
    """Write CZ as it is, CNOT = H CZ H with H on its target, CRZ(a) = CNOT RZ(-a/2) CNOT RZ(a/2), RZ likewise."""
    target = gate.wires[1]
    for sign in (1, -1) if gate.coupling is not None else (1,):
        if gate.coupling is not None:
            writer.z(target, Angle(((first + gate.coupling, sign / 2),), 0.0))
        if gate.name != "CZ":
            writer.fixed(target, H)
        _write_cz(writer, gate.wires, couplings, free)
        if gate.name != "CZ":
            writer.fixed(target, H)


def _write_cz(writer: Writer, wires: tuple[int, ...], couplings: frozenset[tuple[int, int]] | None, free: int) -> None:
    a, b = wires
    if couplings is None or (min(a, b), max(a, b)) in couplings:
        writer.cz(a, b)
        return
    path = _bridge(a, b, couplings, free)
    _write_parity(writer, path)
    if free == 0:
        # The wires between are in use: their own part of the parity is taken back.
        _write_parity(writer, path[1:])


def _write_parity(writer: Writer, path: list[int]) -> None:
    """Write the phase -1 where the last wire is 1 and so is the parity of those before it."""
    copies = list(pairwise(path[:-1]))
    for here, there in copies:
        writer.cx(here, there)
    writer.cz(path[-2], path[-1])
    for here, there in reversed(copies):
        writer.cx(here, there)


def _reading_turns(noise: Noise, n_qubits: int) -> list[Instruction]:
    """Return the turns that take to z the axis which errors of the measurement read instead."""
    axes = {wire: axis for wire in range(n_qubits) if (axis := noise.reading_axis(wire)) is not None}
    noisy = {"rx", "ry"} & noise.instructions
    if axes and noisy:
        raise ValueError(
            f"noise: {noise} has errors on measure that turn the axis which is read, beside errors on "
            f"{', '.join(sorted(noisy))}; expected errors on measure that leave z and -z alone, or other gates"
        )
    turns = []
    for wire, (x, y, z) in axes.items():
        about_y, about_x = math.atan2(-x, z), math.atan2(y, math.hypot(x, z))
        turns += [Instruction(name, (wire,), (Angle((), a),)) for name, a in (("ry", about_y), ("rx", about_x))]
    return turns


def _bridge(a: int, b: int, couplings: frozenset[tuple[int, int]], free: int) -> list[int]:
    """Return the shortest path of couplings from a to b over wires from `free` on."""
    before: dict[int, int] = {a: a}
    queue = deque([a])
    while queue:
        here = queue.popleft()
        for pair in sorted(couplings):
            if here in pair:
                there = pair[0] + pair[1] - here
                if there not in before and (there == b or there >= free):
                    before[there] = here
                    queue.append(there)
    if b not in before:
        raise ValueError(
            f"noise: the chip's wires {a} and {b} are neither coupled nor joined over spare wires; choose its qubits "
            "in the circuit's shape (ring for ring and brick, line for line), with routed=True, or another entangler"
        )
    path = [b]
    while path[-1] != a:
        path.append(before[path[-1]])
    return path[::-1]


def _check_touch(noise: Noise, instructions: tuple[Instruction, ...], circuit: DataReupload) -> None:
    """Raise where no error meets an instruction of the circuit or a wire that is read; warn where some do not."""
    run_as = ", ".join(sorted({step.name for step in instructions}))
    places: dict[str, dict[tuple[int, ...], bool]] = {}
    for step in instructions:
        places.setdefault(step.name, {})[step.wires] = noise.acts_on(step.name, step.wires)
    places["measure"] = {(wire,): noise.misreads(wire) for wire in range(circuit.n_qubits)}
    met = {name for name, noisy in places.items() if any(noisy.values())}
    if not met and not noise.is_ideal_model:
        listed = ", ".join(sorted(noise.instructions)) or "nothing"
        raise ValueError(
            f"noise: {noise} acts on {listed}, but {circuit} is run as {run_as}: no error would ever be applied; "
            f"register errors on instructions of the circuit and on wires below {circuit.n_qubits}"
        )
    lines = []
    unmet = sorted(noise.imported_instructions - met)
    if unmet:
        lines.append(
            f"errors on {', '.join(unmet)} never act, since {circuit} is run as {run_as} on {circuit.n_qubits} wires"
        )
    for name in sorted(met):
        clean = [wires if len(wires) > 1 else wires[0] for wires, noisy in places[name].items() if not noisy]
        if clean and not noise.states_wires(name):
            lines.append(
                f"{name} has no error on {', '.join(map(str, clean))}, where {circuit} uses it, while other wires "
                "have one; add errors for these wires or for all"
            )
    if lines:
        warnings.warn(f"noise: {'; '.join(lines)}", NoiseWarning, stacklevel=4)
