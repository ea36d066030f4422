"""The circuit as a graph: on each wire, runs of one-qubit gates and the gates on several wires between them.

CNOT enters as H, CZ, H on its target, so every named two-qubit node is diagonal. SWAP only renames wires. A block is
any other matrix, with or without controls; a state is what a register of fresh wires begins in. A node points to the
node before it on each of its wires; the walk back from an observable follows these pointers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import pennylane as qml
from pennylane.operation import Operator

from circuits.pennylane_device.blocks import control_values, diagonal_wires, is_block, is_prepared_state
from circuits.pennylane_device.gates import DIAGONAL_GATES, TWO_QUBIT_GATES, Spread, compose_spreads, spread

_HADAMARD = qml.H(0)
"""A node knows its track, so the wire of its operation is never read."""


@dataclass(slots=True)
class Node:
    """A run of one-qubit operations on one track, a named diagonal gate on two, a block or a state on several.

    `diagonal` says of each track whether the gate commutes with Z there; a block's controls, of the given `values`,
    lead its tracks.
    """

    name: str
    tracks: tuple[int, ...]
    previous: tuple[int, ...]
    operations: list[Operator]
    spread: Spread
    diagonal: tuple[bool, ...]
    values: tuple[int, ...] = ()


@dataclass
class End:
    """Where a branch of the circuit stands: the track of each wire label, and the last node of each track."""

    tracks: dict[Hashable, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)


class TapeGraph:
    """The operations of one tape, read once; `end` is what its observables see.

    Raises ValueError on an operation without a matrix, and on a state of wires that gates have acted on.
    """

    def __init__(self, operations: Iterable[Operator]) -> None:
        self.nodes: list[Node] = []
        self.states: list[int] = []
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
        elif name == "Identity":
            for wire in wires:
                self.track(wire, end)
        elif is_prepared_state(operation):
            self._append_state(end, tuple(self.track(wire, end) for wire in wires), operation)
        elif len(wires) == 1:
            self._append_one(end, self.track(wires[0], end), operation, first)
        elif name == "SWAP":
            a, b = wires
            end.tracks[a], end.tracks[b] = self.track(b, end), self.track(a, end)
        elif name == "CNOT":
            control, target = (self.track(wire, end) for wire in wires)
            self._append_one(end, target, _HADAMARD, first)
            self._append_several(end, (control, target), "CZ", operation)
            self._append_one(end, target, _HADAMARD, first)
        elif name in TWO_QUBIT_GATES:
            self._append_several(end, tuple(self.track(wire, end) for wire in wires), name, operation)
        elif is_block(operation):
            self._append_several(end, tuple(self.track(wire, end) for wire in wires), "block", operation)
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
            node.diagonal = (node.diagonal[0] and diagonal,)
            return
        end.last[track] = len(self.nodes)
        self.nodes.append(Node("run", (track,), (before,), [operation], change, (diagonal,)))

    def _append_several(self, end: End, tracks: tuple[int, ...], name: str, operation: Operator) -> None:
        before = tuple(end.last.get(track, -1) for track in tracks)
        block = name == "block"
        diagonal = diagonal_wires(operation) if block else (True,) * len(tracks)
        values = control_values(operation) if block else ()
        end.last.update(dict.fromkeys(tracks, len(self.nodes)))
        self.nodes.append(Node(name, tracks, before, [operation], (0, 0, 0), diagonal, values))

    def _append_state(self, end: End, tracks: tuple[int, ...], operation: Operator) -> None:
        if any(track in end.last for track in tracks):
            raise ValueError(
                f"operation: got {operation.name} on wires that gates have acted on, expected it first on its wires; "
                "let PennyLane's preprocessing decompose it"
            )
        self.states.append(len(self.nodes))
        end.last.update(dict.fromkeys(tracks, len(self.nodes)))
        free = (False,) * len(tracks)
        self.nodes.append(Node("state", tracks, (-1,) * len(tracks), [operation], (0, 0, 0), free))
