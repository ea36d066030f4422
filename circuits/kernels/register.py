"""Expectations of circuits of CZ gates and their gradients by compiled kernels."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from circuits.entanglers import Edge
from circuits.kernels.own import call, groups_of, kernels


class Register(NamedTuple):
    """What is followed: a state of all wires, or with a `reach` one per wire, of the wires within that distance."""

    edges: tuple[Edge, ...]
    scaled: bool
    """Whether each block has data angles of its own."""
    kept: int
    """Amplitudes per sample that a forward pass may keep for the backward pass; the rest is computed again."""
    reach: int = 0
    ring: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """The edges' number, reach, and whether the wires are a ring and the data scaled, as the kernels take them."""
        return len(self.edges), self.reach, int(self.ring), int(self.scaled)

    @property
    def pairs(self) -> Tensor:
        """The joined wires, [edges, 2], shared by all that have these edges: not to be changed."""
        return _pairs(self.edges)

    def values(self, inputs: Tensor, weights: Tensor, keep: bool, threads: int = 1) -> tuple[Tensor, Tensor | None]:
        """Return <Z> [batch, n] for inputs [batch, n_inputs] and weights [blocks, n, 3], and the states kept, if any.

        Inputs are 3 n data angles, of each block where they are scaled. States are those that the last block acts on.
        """
        blocks, n, _ = weights.shape
        batch = inputs.shape[0]
        out = inputs.new_empty(batch, n)
        sides = groups_of(batch), 2, self.kept, kernels().lanes
        states = inputs.new_empty(sides) if keep and self.kept else None
        tensors = inputs.contiguous(), weights.contiguous(), self.pairs, out, states
        call("sqnn_register", batch, tensors, n, blocks, *self.numbers, threads=threads)
        return out, states

    def gradients(
        self,
        grad: Tensor | None,
        inputs: Tensor,
        weights: Tensor,
        *,
        states: Tensor | None,
        needs_inputs: bool,
        values: Tensor | None = None,
        threads: int = 1,
    ) -> tuple[Tensor | None, Tensor]:
        """Return the gradients of inputs, where they are needed, and of weights, for that of <Z>, by default ones.

        <Z> itself goes to `values` [batch, n] where there are some.
        """
        blocks, n, _ = weights.shape
        inputs, weights = inputs.contiguous(), weights.contiguous()
        g_inputs, g_weights = torch.empty_like(inputs) if needs_inputs else None, torch.empty_like(weights)
        given = None if grad is None else grad.contiguous()
        tensors = given, inputs, weights, self.pairs, states, g_inputs, g_weights, values
        call("sqnn_register_backward", inputs.shape[0], tensors, n, blocks, *self.numbers, threads=threads)
        return g_inputs, g_weights


@cache
def _pairs(edges: tuple[Edge, ...]) -> Tensor:
    return torch.tensor(edges, dtype=torch.int64, device="cpu")
