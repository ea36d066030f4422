"""Expectations of circuits of CZ gates and their gradients by compiled kernels."""

from __future__ import annotations

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


def register(kind: Register, inputs: Tensor, weights: Tensor, keep: bool) -> tuple[Tensor, Tensor | None]:
    """Return <Z> [batch, n] for inputs [batch, n_inputs] and weights [blocks, n, 3], and the states kept, if any.

    Inputs are 3 n data angles, of each block where they are scaled. The states are those that the last block acts on.
    """
    blocks, n, _ = weights.shape
    batch, groups, lanes = len(inputs), groups_of(len(inputs)), kernels().lanes
    out = inputs.new_empty(batch, n)
    states = inputs.new_empty(groups, 2, kind.kept, lanes) if keep and kind.kept else None
    edges = torch.tensor(kind.edges, dtype=torch.int64, device="cpu")
    arrays = (inputs.contiguous(), weights.contiguous(), edges, out, states)
    call("sqnn_register", batch, arrays, n, blocks, *kind.numbers)
    return out, states


def register_backward(
    kind: Register, grad: Tensor, inputs: Tensor, weights: Tensor, states: Tensor | None, needs_inputs: bool
) -> tuple[Tensor | None, Tensor]:
    """Return the gradients of inputs, where they are needed, and weights, for that of what `register` returned."""
    blocks, n, _ = weights.shape
    batch, groups = len(inputs), groups_of(len(inputs))
    inputs = inputs.contiguous()
    g_inputs = torch.empty_like(inputs) if needs_inputs else None
    g_weights = torch.empty(groups, *weights.shape, dtype=torch.double, device="cpu")
    edges = torch.tensor(kind.edges, dtype=torch.int64, device="cpu")
    arrays = (grad.contiguous(), inputs, weights.contiguous(), edges, states, g_inputs, g_weights)
    call("sqnn_register_backward", batch, arrays, n, blocks, *kind.numbers)
    return g_inputs, g_weights.sum(0).float()
