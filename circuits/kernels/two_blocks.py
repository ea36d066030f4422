"""Expectations of the two-block circuit and their gradients by compiled kernels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from circuits.entanglers import Layout
from circuits.kernels.own import call

LAYOUT_CODES = {"none": 0, "line": 1, "ring": 2}
"""How wires may be joined, as the kernels take it."""


class TwoBlocks(NamedTuple):
    """Two blocks that read the same data, in closed form."""

    layout: Layout

    @property
    def kept(self) -> int:
        """Amplitudes per sample that a forward pass may keep: there are none."""
        return 0

    def values(self, inputs: Tensor, weights: Tensor, keep: bool, threads: int = 1) -> tuple[Tensor, None]:
        """Return <Z> [batch, n] for inputs [batch, 3 n] and weights [2, n, 3], and no states."""
        batch, n = inputs.shape[0], weights.shape[1]
        out = inputs.new_empty(batch, n)
        tensors = inputs.contiguous(), weights.contiguous(), out
        call("sqnn_two_blocks", batch, tensors, n, LAYOUT_CODES[self.layout], threads=threads)
        return out, None

    def gradients(
        self,
        grad: Tensor | None,
        inputs: Tensor,
        weights: Tensor,
        *,
        states: None,
        needs_inputs: bool,
        values: Tensor | None = None,
        threads: int = 1,
    ) -> tuple[Tensor | None, Tensor]:
        """Return the gradients of inputs, where they are needed, and of weights, for that of <Z>, by default ones.

        <Z> itself goes to `values` [batch, n] where there are some.
        """
        inputs, weights = inputs.contiguous(), weights.contiguous()
        g_inputs, g_weights = torch.empty_like(inputs) if needs_inputs else None, torch.empty_like(weights)
        tensors = None if grad is None else grad.contiguous(), inputs, weights, g_inputs, g_weights, values
        batch, n, layout = inputs.shape[0], weights.shape[1], LAYOUT_CODES[self.layout]
        call("sqnn_two_blocks_backward", batch, tensors, n, layout, threads=threads)
        return g_inputs, g_weights
