"""The shape of a cone: layers of one-qubit runs and of commuting diagonal gates on the cone's own wire numbers.

Two cones of one shape differ in parameters only, so they are evaluated side by side in one batch.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from circuits.pennylane_device.cones import Cone
from circuits.pennylane_device.gates import SYMMETRIC_GATES
from circuits.pennylane_device.graph import TapeGraph

Diagonal = tuple[str, int, int]


@dataclass(frozen=True)
class Layer:
    """One-qubit runs on `runs`, then diagonal gates (name, wire, wire)."""

    runs: tuple[int, ...]
    diagonals: tuple[Diagonal, ...]


@dataclass(frozen=True)
class ConeProgram:
    """What has to be done on a register of `n_wires`; equal for cones that can share a batch."""

    n_wires: int
    layers: tuple[Layer, ...]


def layered(graph: TapeGraph, cone: Cone) -> tuple[ConeProgram, list[int]]:
    """Return the program of a cone, and its nodes in the order in which the program names their wires.

    A node goes to the earliest layer it commutes back to; the order within a layer is that of the wires, so the
    order in which independent gates were written does not matter.
    """
    local = {track: wire for wire, track in enumerate(cone.tracks)}
    next_run, last_run = [0] * len(local), [0] * len(local)
    runs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    diagonals: defaultdict[int, list[tuple[Diagonal, int]]] = defaultdict(list)
    for number in cone.nodes:
        node = graph.nodes[number]
        wires = [local[track] for track in node.tracks]
        if node.name == "run":
            (wire,) = wires
            depth = next_run[wire]
            runs[depth].append((wire, number))
            last_run[wire], next_run[wire] = depth, depth + 1
            continue
        one, two = sorted(wires) if node.name in SYMMETRIC_GATES else wires
        depth = max(last_run[one], last_run[two])
        diagonals[depth].append(((node.name, one, two), number))
        for wire in wires:
            next_run[wire] = max(next_run[wire], depth + 1)
    layers, order = [], []
    for depth in range(max((*runs, *diagonals), default=-1) + 1):
        here, joined = sorted(runs[depth]), sorted(diagonals[depth])
        layers.append(Layer(tuple(wire for wire, _ in here), tuple(gate for gate, _ in joined)))
        order += [number for _, number in here] + [number for _, number in joined]
    return ConeProgram(len(local), tuple(layers)), order
