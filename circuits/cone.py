"""The causal cone of an observable: what can change an expectation, found by pulling the observable back.

Each wire carries the set of Pauli operators that the pulled-back observable can hold there. What meets nothing but the
identity, or leaves every operator of the sets as it is, lies outside the cone: it changes neither value nor gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from circuits.observables import Word
    from circuits.reupload import DataReupload
    from circuits.transfer import Transfer

Paulis = tuple[int, ...]
"""A set of Pauli operators on a wire, in ascending order: I, X, Y, Z are 0, 1, 2, 3."""
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
    return cone_of(circuit, ((wire, "Z"),))


def cone_of(circuit: DataReupload, word: Word) -> list[set[int]]:
    """Return for each block the wires whose rotations the expectation of a word depends on, without noise.

    After rotations a wire of the cone can hold every operator. A CZ or CRZ then takes any of them to both wires; a CNOT
    too, and is followed exactly, since CNOTs of one layer do not commute.
    """
    blocks = [{wire for wire, _ in word}]
    for _ in range(circuit.n_blocks - 1):
        inside = blocks[0]
        if circuit.entangling_gate == "cnot":
            blocks.insert(0, _before_cnots(circuit.edges, inside))
        else:
            blocks.insert(0, inside | {w for edge in circuit.edges if set(edge) & inside for w in edge})
    return blocks


def effective_numbers(circuit: DataReupload, words: Sequence[Word]) -> int:
    """Return how many trainable numbers of a circuit can change the expectation of one of some words, without noise.

    Those are the numbers in a cone, but for the last RZ of a wire that is read in Z, or not at all, and the factors of
    the first RZ of the circuit, with the weights that share it, which does nothing to |0>.
    """
    alive: list[set[int]] = [set() for _ in range(circuit.n_blocks)]
    for word in words:
        alive = [one | other for one, other in zip(alive, cone_of(circuit, word), strict=True)]
    rotations = sum(map(len, alive))
    turned = {wire for word in words for wire, letter in word if letter != "Z"}
    closing, opening = len(alive[-1] - turned), len(alive[0])
    total = {
        "none": 3 * rotations - closing,
        "block": 6 * rotations - closing - opening,
        "added": 6 * rotations - 2 * closing - 2 * opening,
    }[circuit.data_scaling]
    if circuit.n_couplings:
        total += sum(bool(set(edge) & later) for later in alive[1:] for edge in circuit.edges)
    return total


def _before_cnots(edges: Sequence[tuple[int, int]], inside: set[int]) -> set[int]:
    """Return the wires that any operators on the wires `inside` are taken to by a layer of CNOT gates."""
    anything: Paulis = (0, 1, 2, 3)
    held = dict.fromkeys(inside, anything)
    for pair in reversed(edges):
        after = [held.get(wire, (0,)) for wire in pair]
        images = {CNOT[a, b] for a in after[0] for b in after[1]}
        held.update({wire: tuple(sorted({image[k] for image in images})) for k, wire in enumerate(pair)})
    return {wire for wire, paulis in held.items() if paulis != (0,)}


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
