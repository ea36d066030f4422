"""A noisy circuit as one-qubit chains between two-qubit channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from qiskit.circuit.library import HGate, RXGate, RZGate

from circuits.compile import Angle, Compiled, Instruction
from circuits.cone import Paulis, before
from circuits.engines.heisenberg.trained import TrainedNoise, Varied
from circuits.schedule import DELAY, channel_after
from circuits.transfer import ROUNDING, TURNS, Transfer, by_wires, cleaned, gate_transfer, operator_transfer
from noise_models import Noise, readout_line, readout_matrix

ChainLink = Transfer | Angle | Varied
"""A link of a one-qubit chain: a constant matrix, a turn about Z by an angle, or noise of a trained strength."""
Chain = tuple[ChainLink, ...]

QUARTER = Angle((), np.pi / 2)
_H, _FORTH, _BACK = (operator_transfer(gate) for gate in (HGate(), RXGate(np.pi / 2), RXGate(-np.pi / 2)))
_AROUND: Mapping[str, tuple[list[ChainLink], list[ChainLink]]] = MappingProxyType(
    {"z": ([], []), "y": ([_FORTH], [_BACK]), "x": ([_H], [_H])}
)
"""Constants before and after a turn about Z that make it one about another axis: RY(t) = RX(-pi/2) RZ(t) RX(pi/2) and
RX(t) = H RZ(t) H. That leaves one gate to differentiate."""


@dataclass(frozen=True)
class Pair:
    """A two-qubit channel [4, 4, 4, 4] on two wires; `before` says which middle chains stand directly before it."""

    wires: tuple[int, int]
    transfer: Transfer
    before: tuple[int | None, int | None]


@dataclass(frozen=True)
class Timeline:
    """Per wire the chain before its first pair and the one after its last; between them the pairs, in order of time.

    Chains with angles between two pairs stand in `middle`; constant ones are part of the pair after them. A wire
    without pairs has its whole chain in `first`. `read` [n_qubits, 2] holds bias and slope of the readout,
    <Z> -> bias + slope <Z>.
    """

    first: tuple[Chain, ...]
    middle: tuple[Chain, ...]
    last: tuple[Chain, ...]
    pairs: tuple[Pair, ...]
    read: Transfer


def make_timeline(compiled: Compiled, noise: Noise, trained: TrainedNoise | None = None) -> Timeline:
    """Take a compiled circuit apart, the noise model's channels after the instructions they follow."""
    first: dict[int, Chain] = {}
    current: list[list[ChainLink]] = [[] for _ in range(compiled.n_wires)]
    middle: list[Chain] = []
    pairs = []
    for wires, actions in _actions(compiled, noise, trained):
        if len(wires) == 1:
            current[wires[0]] += actions
            continue
        (transfer,) = actions
        assert isinstance(transfer, np.ndarray)
        a, b = wires
        chains: list[int | None] = []
        for axis, wire in enumerate((a, b)):
            links = simplified(current[wire])
            current[wire] = []
            if wire not in first:
                first[wire] = tuple(links)
                chains.append(None)
            elif not all(isinstance(link, np.ndarray) for link in links):
                chains.append(len(middle))
                middle.append(tuple(links))
            else:
                for constant in links:
                    assert isinstance(constant, np.ndarray)
                    transfer = np.moveaxis(np.tensordot(transfer, constant, axes=(2 + axis, 0)), -1, 2 + axis)
                chains.append(None)
        pairs.append(Pair((a, b), cleaned(transfer), (chains[0], chains[1])))
    last = []
    for wire, links in enumerate(current):
        if wire in first:
            last.append(tuple(simplified(links)))
        else:
            first[wire] = tuple(simplified(links))
            last.append(())
    read = [readout_line(readout_matrix(noise.model(), wire)) for wire in range(compiled.circuit.n_qubits)]
    starts = tuple(first[wire] for wire in range(compiled.n_wires))
    return Timeline(starts, tuple(middle), tuple(last), tuple(pairs), np.array(read))


def _actions(
    compiled: Compiled, noise: Noise, trained: TrainedNoise | None
) -> Iterator[tuple[tuple[int, ...], list[ChainLink]]]:
    """Give the wires and what acts there in order: links of one wire, or the one channel [4, 4, 4, 4] of a pair."""
    for step in compiled.instructions:
        channel = channel_after(step, noise, compiled.pairs) if trained is None else None
        links: list[ChainLink]
        if len(step.wires) == 2:
            gate = gate_transfer(step.name, _numbers(step))
            noisy = None if channel is None else np.einsum("abcd,cdef->abef", by_wires(channel), gate)
            links = [gate if noisy is None else cleaned(noisy)]
        else:
            links = [] if step.name == DELAY else chain(step)
            links += [] if channel is None else [cleaned(channel)]
        yield step.wires, links
        for wires, action in () if trained is None else trained.after(step):
            yield wires, [action]


def chain(instruction: Instruction) -> list[ChainLink]:
    """Return a one-qubit instruction as links in the order in which they act."""
    if instruction.name == "r":
        # R(theta, phi) = RZ(phi) RX(theta) RZ(-phi).
        theta, phi = instruction.angles
        turns = [("z", phi.negative()), ("x", theta), ("z", phi)]
    elif instruction.name in TURNS:
        turns = [
            (axis, QUARTER if position is None else instruction.angles[position])
            for axis, position in TURNS[instruction.name]
        ]
    else:
        return [gate_transfer(instruction.name, _numbers(instruction))]
    links: list[ChainLink] = []
    for axis, angle in turns:
        forth, back = _AROUND[axis]
        links += [*forth, angle, *back]
    return links


def _numbers(instruction: Instruction) -> list[float]:
    """Return the angles of a gate that is taken as a constant."""
    if any(angle.terms for angle in instruction.angles):
        raise ValueError(
            f"noise: the circuit is run with its angles in {instruction.name}, which the engine lightcone takes with "
            "fixed angles alone; choose a basis with u, rz, rx, ry or r"
        )
    return [angle.offset for angle in instruction.angles]


def simplified(links: Sequence[ChainLink]) -> list[ChainLink]:
    """Return the same chain with constants multiplied together and neighbouring turns added.

    A turn moves past a constant that commutes with it, as all noise that favours no phase does, to meet the next turn.
    """
    out: list[ChainLink] = []
    for link in links:
        if isinstance(link, Angle):
            if not link.terms:
                _append_constant(out, operator_transfer(RZGate(link.offset)))
                continue
            place = len(out) - 1
            if len(out) > 1 and isinstance(out[-1], np.ndarray) and _commutes_with_turns(out[-1]):
                place -= 1
            earlier = out[place] if out else None
            if isinstance(earlier, Angle):
                out[place] = Angle((*earlier.terms, *link.terms), earlier.offset + link.offset)
            else:
                out.append(link)
        elif isinstance(link, Varied):
            out.append(link)
        else:
            _append_constant(out, link)
    return out


def _append_constant(out: list[ChainLink], matrix: Transfer) -> None:
    if out and isinstance(out[-1], np.ndarray):
        out[-1] = cleaned(matrix @ out[-1])
    elif not np.array_equal(matrix, np.eye(4)):
        out.append(cleaned(matrix))


def _commutes_with_turns(matrix: Transfer) -> bool:
    generator = np.zeros((4, 4))
    generator[1, 2], generator[2, 1] = -1, 1
    return bool(np.allclose(matrix @ generator, generator @ matrix, rtol=0, atol=ROUNDING))


def before_chain(links: Sequence[ChainLink], paulis: Paulis) -> Paulis:
    """Return the Paulis that an operator of these Paulis after the chain can consist of before it."""
    for link in reversed(links):
        if not isinstance(link, Angle):
            (paulis,) = before(link.pattern if isinstance(link, Varied) else link, (paulis,))
        elif {1, 2} & set(paulis):
            paulis = tuple(sorted({1, 2, *paulis}))
    return paulis


def n_dead_turns(compiled: Compiled, noise: Noise) -> int:
    """Count the wires whose last turn about Z changes no <Z>: nothing between it and the reading makes X or Y of Z."""
    timeline = make_timeline(compiled, noise)
    dead = 0
    for wire in range(compiled.circuit.n_qubits):
        links = timeline.last[wire] or timeline.first[wire]
        last = max((place for place, link in enumerate(links) if isinstance(link, Angle)), default=len(links) - 1)
        dead += not {1, 2} & set(before_chain(links[last + 1 :], (0, 3)))
    return dead
