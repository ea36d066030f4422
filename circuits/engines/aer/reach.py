"""What a measured wire depends on: the instructions that reach it, and the angles that can change it.

The observable Z is pulled back through the instructions one by one. On every wire it is kept as one of three sets of
operators, {I}, {I, Z} or all of them, which contain what is really there; an instruction whose gate and noise leave
every operator of the sets as it is cannot change the expectation, and is dropped. All statements are therefore exact,
if sometimes cautious: a dropped instruction has no influence, a kept one may have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import PTM, Operator

from circuits.compile import Angle, Compiled, Instruction
from noise_models import Noise, gate_channel

Transfer = NDArray[np.floating[Any]]
Turn = tuple[int, int]
"""An angle of the circuit: number of its instruction, position among the angles there."""

TURNS: dict[str, tuple[tuple[str, int | None], ...]] = {
    "u": (("z", 2), ("y", 0), ("z", 1)),
    "u3": (("z", 2), ("y", 0), ("z", 1)),
    "u2": (("z", 1), ("y", None), ("z", 0)),
    "r": (("xy", 0),),
    "rx": (("x", 0),),
    "ry": (("y", 0),),
    "rz": (("z", 0),),
    "p": (("z", 0),),
    "u1": (("z", 0),),
}
"""One-qubit gates as turns (axis, position of the angle) in the order of time, up to a phase."""
NOTHING, DIAGONAL, ANYTHING = 0, 1, 2
PAULIS = ((0,), (0, 3), (0, 1, 2, 3))
"""Paulis (numbered I, X, Y, Z) of the three sets of operators."""
TOLERANCE = 1e-13
"""Entries of a transfer matrix below this are rounding."""


@dataclass(frozen=True, eq=False)
class Step:
    """An instruction with transfer matrices of its gate (None for turns and `id`) and of its noise (None for none)."""

    instruction: Instruction
    gate: Transfer | None
    noise: Transfer | None


@dataclass(frozen=True)
class Reach:
    """What <Z> on one wire depends on: numbers of instructions, and angles in them."""

    instructions: tuple[int, ...]
    turns: frozenset[Turn]


def read_steps(compiled: Compiled, noise: Noise | None) -> list[Step]:
    """Return the instructions of a circuit with what they do."""
    gates: dict[tuple[str, tuple[Angle, ...]], Transfer] = {}
    channels: dict[tuple[str, tuple[int, ...]], Transfer | None] = {}
    steps = []
    for instruction in compiled.instructions:
        name, wires = instruction.name, instruction.wires
        gate = None
        turned = {position for _, position in TURNS.get(name, ())}
        if any(angle.terms for position, angle in enumerate(instruction.angles) if position not in turned):
            raise ValueError(
                f"noise: the circuit is run with angles in {name}, whose derivative is no parameter shift; "
                "choose a basis with u, rz, rx, ry or p"
            )
        if name not in TURNS and name != "id":
            if (name, instruction.angles) not in gates:
                operation = make_gate(name, [angle.offset for angle in instruction.angles])
                gates[name, instruction.angles] = np.real(PTM(Operator(operation)).data)
            gate = gates[name, instruction.angles]
        if (name, wires) not in channels:
            channels[name, wires] = None if noise is None else gate_channel(noise.aer, name, wires)
        steps.append(Step(instruction, gate, channels[name, wires]))
    return steps


def find_reach(steps: Sequence[Step], wire: int) -> Reach:
    """Return what <Z> on `wire` depends on."""
    sets: dict[int, int] = {wire: DIAGONAL}
    kept, turns = [], set()
    for number in reversed(range(len(steps))):
        step = steps[number]
        wires = step.instruction.wires
        kinds = tuple(sets.get(w, NOTHING) for w in wires)
        if not any(kinds):
            continue
        changed = False
        for transfer in (step.noise, step.gate):
            if transfer is not None and not _fixes(transfer, kinds):
                changed, kinds = True, _pull_back(transfer, kinds)
        for axis, position in reversed(TURNS.get(step.instruction.name, ())):
            if kinds[0] == ANYTHING or (kinds[0] == DIAGONAL and axis != "z"):
                changed, kinds = True, (ANYTHING,)
                if position is not None:
                    turns.add((number, position))
        if changed:
            kept.append(number)
        sets.update(zip(wires, kinds, strict=True))
    return Reach(tuple(reversed(kept)), frozenset(turns))


def find_aliases(steps: Sequence[Step]) -> dict[Turn, Turn | None]:
    """Return for each angle that depends on a slot the angle with the same derivative, or None where that is zero.

    Turns about z that follow each other on a wire without noise between them add up, so one derivative serves both; a
    turn about z does nothing to |0>. Angles stand for themselves where there is no such reason.
    """
    aliases: dict[Turn, Turn | None] = {}
    touched: set[int] = set()
    before: dict[int, Turn] = {}
    for number, step in enumerate(steps):
        instruction = step.instruction
        turns = TURNS.get(instruction.name, ())
        for axis, position in turns:
            wire = instruction.wires[0]
            if axis != "z":
                touched.add(wire)
                before.pop(wire, None)
            if position is None or not instruction.angles[position].terms:
                continue
            turn = (number, position)
            aliases[turn] = turn
            if axis == "z":
                aliases[turn] = before.setdefault(wire, turn) if wire in touched else None
        if step.noise is not None or step.gate is not None:
            touched.update(instruction.wires)
            for wire in instruction.wires:
                before.pop(wire, None)
    return aliases


def make_gate(name: str, angles: Sequence[Any]) -> Any:
    """Return Qiskit's gate of a name."""
    return get_standard_gate_name_mapping()[name].base_class(*angles)


def _allowed(kinds: tuple[int, ...]) -> list[int]:
    """Return the numbers of the Pauli products in these sets; the first wire's Pauli varies fastest, as in Qiskit."""
    numbers = [0]
    for kind in reversed(kinds):
        numbers = [4 * number + pauli for number in numbers for pauli in PAULIS[kind]]
    return numbers


def _fixes(transfer: Transfer, kinds: tuple[int, ...]) -> bool:
    """Whether every operator of the sets is pulled back to itself."""
    rows = _allowed(kinds)
    return bool(np.abs(transfer[rows] - np.eye(len(transfer))[rows]).max() <= TOLERANCE)


def _pull_back(transfer: Transfer, kinds: tuple[int, ...]) -> tuple[int, ...]:
    """Return sets that hold what the operators of the sets are pulled back to."""
    reached = np.flatnonzero(np.abs(transfer[_allowed(kinds)]).max(axis=0) > TOLERANCE)
    out = []
    for wire in range(len(kinds)):
        paulis = set((reached // 4**wire % 4).tolist())
        out.append(next(kind for kind, allowed in enumerate(PAULIS) if paulis <= set(allowed)))
    return tuple(out)
