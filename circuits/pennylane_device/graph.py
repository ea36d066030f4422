"""The circuit as a graph: on each wire, runs of one-qubit gates and the diagonal two-qubit gates between them.

CNOT enters as H, CZ, H on its target, so every two-qubit node is diagonal. SWAP only renames wires. A node points to
the node before it on each of its wires; the walk back from an observable follows these pointers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import pennylane as qml
from pennylane.operation import Operator

from circuits.pennylane_device.gates import DIAGONAL_GATES, TWO_QUBIT_GATES, Spread, compose_spreads, spread

_HADAMARD = qml.H(0)
"""A node knows its track, so the wire of its operation is never read."""


@dataclass(slots=True)
class Node:
    """A run of one-qubit operations on one track, or one diagonal two-qubit operation (`name`) on two."""

    name: str
    tracks: tuple[int, ...]
    previous: tuple[int, ...]
    operations: list[Operator]
    spread: Spread
    diagonal: bool


@dataclass
class End:
    """Where a branch of the circuit stands: the track of each wire label, and the last node of each track."""

    tracks: dict[Hashable, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)


class TapeGraph:
    """The operations of one tape, read once; `end` is what its observables see.

    Raises ValueError on an operation that is no one-qubit gate and not CZ, CNOT, CRZ, IsingZZ, ControlledPhaseShift,
    SWAP or GlobalPhase.
    """

    def __init__(self, operations: Iterable[Operator]) -> None:
        self.nodes: list[Node] = []
        self.phases: list[Operator] = []
        self._n_tracks = 0
        self.end = End()
        for operation in operations:
            self._append(self.end, operation, first=0)

    def branch(self, operations: Sequence[Operator]) -> End:
        """Return the end of the circuit with `operations` appended, leaving the circuit itself as it is."""
        end = End(dict(self.end.tracks), dict(self.end.last))
        first = len(self.nodes)
        for operation in operations:
            self._append(end, operation, first)
        return end

    def track(self, wire: Hashable, end: End | None = None) -> int:
        """Return the track that holds `wire` at an end; a wire without gates gets one of its own."""
        tracks = (end or self.end).tracks
        if wire not in tracks:
            tracks[wire] = self._n_tracks
            self._n_tracks += 1
        return tracks[wire]

    def _append(self, end: End, operation: Operator, first: int) -> None:
        name, wires = operation.name, operation.wires
        if name == "GlobalPhase":
            self.phases.append(operation)
        elif len(wires) == 1:
            self._append_one(end, self.track(wires[0], end), operation, first)
        elif name == "SWAP":
            a, b = wires
            end.tracks[a], end.tracks[b] = self.track(b, end), self.track(a, end)
        elif name == "CNOT":
            control, target = (self.track(wire, end) for wire in wires)
            self._append_one(end, target, _HADAMARD, first)
            self._append_two(end, (control, target), "CZ", operation)
            self._append_one(end, target, _HADAMARD, first)
        elif name in TWO_QUBIT_GATES:
            control, target = (self.track(wire, end) for wire in wires)
            self._append_two(end, (control, target), name, operation)
        else:
            raise ValueError(
                f"operation: got {operation}, expected a gate that PennyLane's preprocessing has decomposed"
            )

    def _append_one(self, end: End, track: int, operation: Operator, first: int) -> None:
        before = end.last.get(track, -1)
        change, diagonal = spread(operation.name), operation.name in DIAGONAL_GATES
        # Runs older than the branch belong to the circuit that other branches share.
        if before >= first and self.nodes[before].name == "run":
            node = self.nodes[before]
            node.operations.append(operation)
            node.spread = compose_spreads(change, node.spread)
            node.diagonal = node.diagonal and diagonal
            return
        end.last[track] = len(self.nodes)
        self.nodes.append(Node("run", (track,), (before,), [operation], change, diagonal))

    def _append_two(self, end: End, tracks: tuple[int, int], name: str, operation: Operator) -> None:
        before = (end.last.get(tracks[0], -1), end.last.get(tracks[1], -1))
        end.last[tracks[0]] = end.last[tracks[1]] = len(self.nodes)
        self.nodes.append(Node(name, tracks, before, [operation], (0, 0, 0), True))
