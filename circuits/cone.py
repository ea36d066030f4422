"""The causal cone of an observable: what can change an expectation, found by pulling the observable back.

Each wire carries the set of Pauli operators that the pulled-back observable can hold there. What meets nothing but the
identity, or leaves every operator of the sets as it is, lies outside the cone: it changes neither value nor gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from circuits.reupload import DataReupload
    from circuits.transfer import Transfer

Paulis = tuple[int, ...]
"""A set of Pauli operators on a wire, in ascending order: I, X, Y, Z are 0, 1, 2, 3."""


def cone_wires(circuit: DataReupload, wire: int) -> list[set[int]]:
    """Return for each block the wires whose rotations <Z_wire> depends on, without noise.

    After the last block that is `wire` itself; every CZ layer on the way back adds the neighbours.
    Raises ValueError when there is no such wire.
    """
    if not 0 <= wire < circuit.n_qubits:
        raise ValueError(f"wire: got {wire}, expected 0 to {circuit.n_qubits - 1}")
    blocks = [{wire}]
    for _ in range(circuit.n_blocks - 1):
        inside = blocks[0]
        blocks.insert(0, inside | {w for edge in circuit.edges if set(edge) & inside for w in edge})
    return blocks


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
