"""The numbers of the nodes of a graph, computed once for all cones of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from pennylane.operation import Operator
from torch import Tensor

from circuits.pennylane_device.blocks import amplitudes, matrix
from circuits.pennylane_device.gates import multiply, one_qubit_matrices, stack_angles
from circuits.pennylane_device.graph import TapeGraph
from circuits.pennylane_device.numerics import Precision


class Bank:
    """The numbers of each node that is used: matrices of runs and blocks, angles of diagonal gates, prepared states."""

    def __init__(self, graph: TapeGraph, nodes: Iterable[int], precision: Precision, batch: int) -> None:
        self.precision = precision
        self.batch = batch
        used = set(nodes)
        # Longest first: the runs that still have a gate at some position are then a prefix.
        runs = sorted((k for k in used if graph.nodes[k].name == "run"), key=lambda k: -len(graph.nodes[k].operations))
        self._run = {number: place for place, number in enumerate(runs)}
        angled = sorted(k for k in used if graph.nodes[k].name not in ("run", "CZ", "block", "state"))
        self._angle = {number: place for place, number in enumerate(angled)}
        self._matrices = self._fuse([graph.nodes[k].operations for k in runs]) if runs else None
        self._angles = self._diagonals(graph, angled) if angled else None
        sizable = {k: graph.nodes[k] for k in used if graph.nodes[k].name in ("block", "state")}
        self._blocks = {k: matrix(n.operations[0], precision) for k, n in sizable.items() if n.name == "block"}
        self._states = {k: amplitudes(n.operations[0], precision) for k, n in sizable.items() if n.name == "state"}

    def _fuse(self, runs: list[list[Operator]]) -> Tensor:
        flat = [operation for run in runs for operation in run]
        gates = one_qubit_matrices(flat, self.precision)
        first, start = [], 0
        for run in runs:
            first.append(start)
            start += len(run)
        starts = torch.tensor(first, device=self.precision.device)
        product = gates.index_select(2, starts)
        for step in range(1, len(runs[0])):
            count = sum(len(run) > step for run in runs)
            fused = multiply(gates.index_select(2, starts[:count] + step), product[:, :, :count])
            product = fused if count == len(runs) else torch.cat([fused, product[:, :, count:]], dim=2)
        return product.expand(-1, -1, -1, self.batch)

    def _diagonals(self, graph: TapeGraph, angled: list[int]) -> Tensor:
        rows = [graph.nodes[k].operations[0].data for k in angled]
        return stack_angles(rows, self.precision)[:, 0].expand(-1, self.batch)

    def matrices(self, nodes: list[int]) -> Tensor:
        """Return entries [2, 2, nodes * batch]."""
        assert self._matrices is not None
        where = torch.tensor([self._run[k] for k in nodes], device=self.precision.device)
        return self._matrices.index_select(2, where).flatten(2)

    def angles(self, nodes: list[int]) -> Tensor:
        """Return angles [nodes * batch] in radians."""
        assert self._angles is not None
        where = torch.tensor([self._angle[k] for k in nodes], device=self.precision.device)
        return self._angles.index_select(0, where).flatten()

    def blocks(self, nodes: list[int]) -> Tensor:
        """Return matrices [2^wires, 2^wires, nodes * batch], or one for all columns: [2^wires, 2^wires, 1]."""
        if len(nodes) == 1 and self._blocks[nodes[0]].shape[-1] == 1:
            return self._blocks[nodes[0]]
        return torch.cat([self._blocks[k].expand(-1, -1, self.batch) for k in nodes], dim=-1)

    def states(self, nodes: Iterable[int]) -> Tensor:
        """Return amplitudes [2^wires, nodes * batch]."""
        return torch.cat([self._states[k].expand(-1, self.batch) for k in nodes], dim=-1)
