"""The shape of a cone: layers of one-qubit runs, commuting diagonal gates and blocks on the cone's own wire numbers.

Two cones of one shape differ in parameters only, so they are evaluated side by side in one batch.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from circuits.pennylane_device.cones import Cone
from circuits.pennylane_device.gates import SYMMETRIC_GATES
from circuits.pennylane_device.graph import TapeGraph

Diagonal = tuple[str, int, int]
BlockShape = tuple[tuple[int, ...], tuple[int, ...]]
"""The values of a block's controls, and its wires: the controls, then those of its matrix."""


@dataclass(frozen=True)
class Layer:
    """One-qubit runs on `runs`, then diagonal gates (name, wire, wire), then blocks."""

    runs: tuple[int, ...]
    diagonals: tuple[Diagonal, ...]
    blocks: tuple[BlockShape, ...]


@dataclass(frozen=True)
class ConeProgram:
    """What has to be done on a register of `n_wires`; equal for cones that can share a batch.

    `states` are the wires of each state that is prepared first; all other wires begin in |0>.
    """

    n_wires: int
    states: tuple[tuple[int, ...], ...]
    layers: tuple[Layer, ...]


def layered(graph: TapeGraph, cone: Cone) -> tuple[ConeProgram, list[int]]:
    """Return the program of a cone, and its nodes in the order in which the program names their wires.

    A node goes to the earliest layer it commutes back to; the order within a layer is that of the wires, so the
    order in which independent gates were written does not matter.
    """
    local = {track: wire for wire, track in enumerate(cone.tracks)}
    # The earliest layer of the next run, and of the next diagonal gate, on each wire.
    next_run, next_diagonal = [0] * len(local), [0] * len(local)
    runs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    diagonals: defaultdict[int, list[tuple[Diagonal, int]]] = defaultdict(list)
    blocks: defaultdict[int, list[tuple[BlockShape, int]]] = defaultdict(list)
    states: list[tuple[tuple[int, ...], int]] = []
    for number in cone.nodes:
        node = graph.nodes[number]
        wires = [local[track] for track in node.tracks]
        if node.name == "run":
            (wire,) = wires
            depth = next_run[wire]
            runs[depth].append((wire, number))
            next_diagonal[wire], next_run[wire] = depth, depth + 1
            continue
        if node.name == "state":
            states.append((tuple(wires), number))
            continue
        if node.name == "block":
            depth = max(max(next_diagonal[wire], next_run[wire] - 1) for wire in wires)
            blocks[depth].append(((node.values, tuple(wires)), number))
            for wire in wires:
                next_diagonal[wire] = next_run[wire] = depth + 1
            continue
        one, two = sorted(wires) if node.name in SYMMETRIC_GATES else wires
        depth = max(next_diagonal[one], next_diagonal[two])
        diagonals[depth].append(((node.name, one, two), number))
        for wire in wires:
            next_run[wire] = max(next_run[wire], depth + 1)
    layers, order = [], [number for _, number in states]
    for depth in range(max((*runs, *diagonals, *blocks), default=-1) + 1):
        here, joined, dense = sorted(runs[depth]), sorted(diagonals[depth]), sorted(blocks[depth])
        layers.append(Layer(tuple(w for w, _ in here), tuple(gate for gate, _ in joined), tuple(b for b, _ in dense)))
        order += [number for _, number in (*here, *joined, *dense)]
    return ConeProgram(len(local), tuple(wires for wires, _ in states), tuple(layers)), order
