"""The causal cone of an observable: what can change an expectation, found by pulling the observable back.

Each wire carries the set of Pauli operators that the pulled-back observable can hold there. What meets nothing but the
identity, or leaves every operator of the sets as it is, lies outside the cone: it changes neither value nor gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from circuits.observables import Word
    from circuits.reupload import DataReupload
    from circuits.transfer import Transfer

Paulis = tuple[int, ...]
"""A set of Pauli operators on a wire, in ascending order: I, X, Y, Z are 0, 1, 2, 3."""
ALL: Paulis = (0, 1, 2, 3)
TIMES_Z = (3, 2, 1, 0)
"""Products with Z, up to a factor."""
CNOT: Mapping[tuple[int, int], tuple[int, int]] = MappingProxyType(
    {
        (0, 0): (0, 0), (0, 1): (0, 1), (0, 2): (3, 2), (0, 3): (3, 3),
        (1, 0): (1, 1), (1, 1): (1, 0), (1, 2): (2, 3), (1, 3): (2, 2),
        (2, 0): (2, 1), (2, 1): (2, 0), (2, 2): (1, 3), (2, 3): (1, 2),
        (3, 0): (3, 0), (3, 1): (3, 1), (3, 2): (0, 2), (3, 3): (0, 3),
    }
)  # fmt: skip
"""What CNOT P CNOT is, up to its sign, of the operators on (control, target)."""


def cone_wires(circuit: DataReupload, wire: int) -> list[set[int]]:
    """Return for each block the wires whose rotations <Z_wire> depends on, without noise.

    After the last block that is `wire` itself; every CZ layer on the way back adds the neighbours.
    Raises ValueError when there is no such wire.
    """
    if not 0 <= wire < circuit.n_qubits:
        raise ValueError(f"wire: got {wire}, expected 0 to {circuit.n_qubits - 1}")
    return [set(held) for held in held_paulis(circuit, ((wire, "Z"),)).blocks]


class Held(NamedTuple):
    """The Paulis that a word can hold on each wire after the rotations of each block, and the couplings it meets."""

    blocks: list[dict[int, Paulis]]
    couplings: set[int]


def held_paulis(circuit: DataReupload, word: Word) -> Held:
    """Pull a word back block by block, without noise: rotations of a wire that it holds make every operator of any.

    CZ and CRZ gates put Z on the other wire of an X or Y; operators of CNOT gates are followed one by one.
    """
    held: dict[int, Paulis] = {wire: (0, "IXYZ".index(letter)) for wire, letter in word}
    blocks, couplings = [held], set[int]()
    for block in reversed(range(circuit.n_blocks - 1)):
        held = dict.fromkeys(held, ALL)
        for number, pair in reversed(list(enumerate(circuit.edges, block * len(circuit.edges)))):
            if held.keys().isdisjoint(pair):
                continue
            first, second = (held.get(wire, (0,)) for wire in pair)
            if circuit.entangling_gate == "crz" and {1, 2} & {*first, *second}:
                couplings.add(number)
            images = _images(circuit.entangling_gate, first, second)
            held |= {wire: tuple(sorted({image[k] for image in images})) for k, wire in enumerate(pair)}
        held = {wire: paulis for wire, paulis in held.items() if paulis != (0,)}
        blocks.insert(0, held)
    return Held(blocks, couplings)


def data_angles(circuit: DataReupload, word: Word) -> tuple[int, ...]:
    """Return the data angles, by their place among the 3 n_qubits, that can change a word's expectation without noise.

    They are the angles of the wires in its cone, but for the first RZ of a wire that no later block reads, which does
    nothing to |0>.
    """
    first, *later = held_paulis(circuit, word).blocks
    again = {wire for block in later for wire in block}
    return tuple(3 * wire + k for wire in sorted({*first, *again}) for k in range(3) if k > 0 or wire in again)


def _images(gate: str, first: Paulis, second: Paulis) -> set[tuple[int, int]]:
    """Return what operators on (control, target) can become; X and Y stand for each other under a CRZ."""
    pairs = {(a, b) for a in first for b in second}
    if gate == "cnot":
        return {CNOT[pair] for pair in pairs}
    images = {(TIMES_Z[a] if b in (1, 2) else a, TIMES_Z[b] if a in (1, 2) else b) for a, b in pairs}
    return images if gate == "cz" else images | pairs


def effective_numbers(circuit: DataReupload, words: Sequence[Word]) -> int:
    """Return how many trainable numbers of a circuit can change the expectation of one of some words, without noise.

    Those are the numbers in a cone, but for the last RZ of a wire that then holds Z alone, and the factors of the first
    RZ of the circuit, with the weights that share it, which does nothing to |0>.
    """
    rotations: set[tuple[int, int]] = set()
    turned: set[tuple[int, int]] = set()
    couplings: set[int] = set()
    for word in words:
        held = held_paulis(circuit, word)
        couplings |= held.couplings
        for block, wires in enumerate(held.blocks):
            rotations |= {(block, wire) for wire in wires}
            turned |= {(block, wire) for wire, paulis in wires.items() if {1, 2} & set(paulis)}
    closing, opening = len(rotations - turned), sum(block == 0 for block, _ in rotations)
    total = {
        "none": 3 * len(rotations) - closing,
        "block": 6 * len(rotations) - closing - opening,
        "added": 6 * len(rotations) - 2 * closing - 2 * opening,
    }[circuit.data_scaling]
    return total + len(couplings)


def before(transfer: Transfer, after: Sequence[Paulis]) -> tuple[Paulis, ...]:
    """Return per wire the Paulis that operators within `after` are pulled back to; exact zeros bring nothing."""
    present = transfer[np.ix_(*after)] != 0
    axes = range(present.ndim)
    wires = axes[len(after) :]
    marginals = (np.any(present, axis=tuple(axis for axis in axes if axis != wire)) for wire in wires)
    return tuple(tuple(np.flatnonzero(marginal).tolist()) or (0,) for marginal in marginals)


def fixes(transfer: Transfer, after: Sequence[Paulis], tolerance: float) -> bool:
    """Return whether every operator within `after` is pulled back to itself."""
    identity = np.eye(4 ** len(after)).reshape(transfer.shape)
    rows = np.ix_(*after)
    return bool(np.abs(transfer[rows] - identity[rows]).max() <= tolerance)
