"""A noisy circuit as one-qubit chains between two-qubit channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuits.compile import Angle, Compiled
from circuits.engines.heisenberg.transfer import (
    ChainLink,
    Transfer,
    chain,
    cleaned,
    gate_transfer,
    pair_transfer,
    simplified,
)
from noise_models import Noise, gate_channel, readout_line, readout_matrix

Chain = tuple[ChainLink, ...]


@dataclass(frozen=True)
class Pair:
    """A two-qubit channel [4, 4, 4, 4] on two wires; `before` says which middle chains stand directly before it."""

    wires: tuple[int, int]
    transfer: Transfer
    before: tuple[int | None, int | None]


@dataclass(frozen=True)
class Timeline:
    """Per wire the chain before its first pair and the one after its last; between them the pairs, in order of time.

    Chains with angles between two pairs stand in `middle`; constant ones are part of the pair behind them. A wire
    without pairs has its whole chain in `first`. `read` [n_qubits, 2] holds bias and slope of the readout,
    <Z> -> bias + slope <Z>.
    """

    first: tuple[Chain, ...]
    middle: tuple[Chain, ...]
    last: tuple[Chain, ...]
    pairs: tuple[Pair, ...]
    read: Transfer


def make_timeline(compiled: Compiled, noise: Noise) -> Timeline:
    """Take a compiled circuit apart, the noise model's channels behind the instructions they follow."""
    model = noise.aer
    first: dict[int, Chain] = {}
    current: list[list[ChainLink]] = [[] for _ in range(compiled.n_wires)]
    middle: list[Chain] = []
    pairs = []
    for instruction in compiled.instructions:
        channel = gate_channel(model, instruction.name, instruction.wires)
        if len(instruction.wires) == 1:
            links = current[instruction.wires[0]]
            links += chain(instruction)
            if channel is not None:
                links.append(cleaned(channel))
            continue
        transfer = gate_transfer(instruction.name)
        if channel is not None:
            transfer = cleaned(np.einsum("abcd,cdef->abef", pair_transfer(channel), transfer))
        a, b = instruction.wires
        before: list[int | None] = []
        for axis, wire in enumerate((a, b)):
            links = simplified(current[wire])
            current[wire] = []
            if wire not in first:
                first[wire] = tuple(links)
                before.append(None)
            elif any(isinstance(link, Angle) for link in links):
                before.append(len(middle))
                middle.append(tuple(links))
            else:
                for constant in links:
                    assert not isinstance(constant, Angle)
                    transfer = np.moveaxis(np.tensordot(transfer, constant, axes=(2 + axis, 0)), -1, 2 + axis)
                before.append(None)
        pairs.append(Pair((a, b), cleaned(transfer), (before[0], before[1])))
    last = []
    for wire, links in enumerate(current):
        if wire in first:
            last.append(tuple(simplified(links)))
        else:
            first[wire] = tuple(simplified(links))
            last.append(())
    read = [readout_line(readout_matrix(model, wire)) for wire in range(compiled.circuit.n_qubits)]
    starts = tuple(first[wire] for wire in range(compiled.n_wires))
    return Timeline(starts, tuple(middle), tuple(last), tuple(pairs), np.array(read))


def reach(chain: Sequence[ChainLink], paulis: tuple[int, ...]) -> tuple[int, ...]:
    """Return the Paulis that an operator of these Paulis behind the chain can consist of before it."""
    found = set(paulis)
    for link in reversed(chain):
        if isinstance(link, Angle):
            if found & {1, 2}:
                found |= {1, 2}
        else:
            found = set(np.flatnonzero(np.any(link[sorted(found)] != 0, axis=0)).tolist())
    return tuple(sorted(found)) or (0,)


def n_dead_turns(compiled: Compiled, noise: Noise) -> int:
    """Count the wires whose last turn about Z changes no <Z>: nothing between it and the reading makes X or Y of Z."""
    timeline = make_timeline(compiled, noise)
    dead = 0
    for wire in range(compiled.circuit.n_qubits):
        links = timeline.last[wire] or timeline.first[wire]
        last = max((place for place, link in enumerate(links) if isinstance(link, Angle)), default=len(links) - 1)
        dead += not {1, 2} & set(reach(links[last + 1 :], (0, 3)))
    return dead
