"""The cone of a measured wire: the instructions that <Z> depends on, and the angles that can change it.

The observable Z is pulled back through the instructions one by one. On every wire it is kept as one of three sets of
operators, {I}, {I, Z} or all of them, which contain what is really there; an instruction whose gate and noise leave
every operator of the sets as it is cannot change the expectation, and is dropped. All statements are therefore exact,
if sometimes cautious: an instruction left out has no influence, one in the cone may have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from circuits.compile import Angle, Compiled, Instruction
from circuits.cone import Paulis, before, fixes
from circuits.schedule import DELAY, channel_after
from circuits.transfer import ROUNDING, TURNS, Transfer, by_wires, cleaned, make_gate, operator_transfer
from noise_models import Noise

Turn = tuple[int, int]
"""An angle of the circuit: number of its instruction, position among the angles there."""

NOTHING, DIAGONAL, ANYTHING = KINDS = ((0,), (0, 3), (0, 1, 2, 3))
"""The sets of Paulis that a wire is said to hold."""


@dataclass(frozen=True, eq=False)
class NoisyStep:
    """An instruction with transfer matrices of its gate (None for turns and `id`) and of its noise (None for none)."""

    instruction: Instruction
    gate: Transfer | None
    noise: Transfer | None


@dataclass(frozen=True)
class Cone:
    """What <Z> on one wire depends on: numbers of instructions, and angles in them."""

    instructions: tuple[int, ...]
    turns: frozenset[Turn]


def read_steps(compiled: Compiled, noise: Noise | None) -> list[NoisyStep]:
    """Return the instructions of a circuit with what they do."""
    gates: dict[tuple[str, tuple[Angle, ...]], Transfer] = {}
    channels: dict[tuple[str, tuple[int, ...], float], Transfer | None] = {}
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
        if name not in TURNS and name not in ("id", DELAY):
            if (name, instruction.angles) not in gates:
                offsets = [angle.offset for angle in instruction.angles]
                gates[name, instruction.angles] = operator_transfer(make_gate(name, offsets))
            gate = gates[name, instruction.angles]
        key = (name, wires, instruction.seconds)
        if key not in channels:
            channel = None if noise is None else channel_after(instruction, noise, compiled.pairs)
            channels[key] = None if channel is None else cleaned(by_wires(channel))
        steps.append(NoisyStep(instruction, gate, channels[key]))
    return steps


def find_cone(steps: Sequence[NoisyStep], wire: int) -> Cone:
    """Return what <Z> on `wire` depends on."""
    paulis: dict[int, Paulis] = {wire: DIAGONAL}
    inside, turns = [], set()
    for number in reversed(range(len(steps))):
        step = steps[number]
        wires = step.instruction.wires
        sets = tuple(paulis.get(w, NOTHING) for w in wires)
        if all(kind == NOTHING for kind in sets):
            continue
        changed = False
        for transfer in (step.noise, step.gate):
            if transfer is not None and not fixes(transfer, sets, ROUNDING):
                changed, sets = True, tuple(map(_widened, before(transfer, sets)))
        for axis, position in reversed(TURNS.get(step.instruction.name, ())):
            if sets[0] == ANYTHING or (sets[0] == DIAGONAL and axis != "z"):
                changed, sets = True, (ANYTHING,)
                if position is not None:
                    turns.add((number, position))
        if changed:
            inside.append(number)
        paulis.update(zip(wires, sets, strict=True))
    return Cone(tuple(reversed(inside)), frozenset(turns))


def find_aliases(steps: Sequence[NoisyStep]) -> dict[Turn, Turn | None]:
    """Return for each angle that depends on a slot the angle with the same derivative, or None where that is zero.

    Turns about z that follow each other on a wire without noise between them add up, so one derivative serves both; a
    turn about z does nothing to |0>. Angles stand for themselves where there is no such reason.
    """
    aliases: dict[Turn, Turn | None] = {}
    touched: set[int] = set()
    earlier: dict[int, Turn] = {}
    for number, step in enumerate(steps):
        instruction = step.instruction
        turns = TURNS.get(instruction.name, ())
        for axis, position in turns:
            wire = instruction.wires[0]
            if axis != "z":
                touched.add(wire)
                earlier.pop(wire, None)
            if position is None or not instruction.angles[position].terms:
                continue
            turn = (number, position)
            aliases[turn] = turn
            if axis == "z":
                aliases[turn] = earlier.setdefault(wire, turn) if wire in touched else None
        if step.noise is not None or step.gate is not None:
            touched.update(instruction.wires)
            for wire in instruction.wires:
                earlier.pop(wire, None)
    return aliases


def _widened(paulis: Paulis) -> Paulis:
    """Return the smallest of the three sets that holds these Paulis."""
    return next(kind for kind in KINDS if set(paulis) <= set(kind))
