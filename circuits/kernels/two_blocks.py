"""Expectations of the two-block circuit and their gradients by compiled kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.entanglers import Layout
from circuits.kernels.own import call, computes

LAYOUT_CODES = {"none": 0, "line": 1, "ring": 2}


def two_blocks(inputs: Tensor, weights: Tensor, layout: Layout) -> Tensor | None:
    """Return <Z> [batch, n] for inputs [batch, 3 n] and weights [2, n, 3]; None where no kernel computes it.

    Kernels take float32 on the CPU, and wires joined in a ring or a line, or not at all.
    """
    if layout not in LAYOUT_CODES or not computes(inputs, weights):
        return None
    batch, n = inputs.shape[0], weights.shape[1]
    inputs, weights = inputs.contiguous(), weights.contiguous()
    out = inputs.new_empty(batch, n)
    call("sqnn_two_blocks", batch, (inputs, weights, out), n, LAYOUT_CODES[layout])
    return out


def two_blocks_backward(
    grad: Tensor, inputs: Tensor, weights: Tensor, layout: Layout, needs_inputs: bool
) -> tuple[Tensor | None, Tensor]:
    """Return the gradients of inputs, where they are needed, and weights, for that of what `two_blocks` returned."""
    grad, inputs, weights = grad.contiguous(), inputs.contiguous(), weights.contiguous()
    g_inputs, g_weights = torch.empty_like(inputs) if needs_inputs else None, torch.empty_like(weights)
    tensors = grad, inputs, weights, g_inputs, g_weights
    call("sqnn_two_blocks_backward", inputs.shape[0], tensors, weights.shape[1], LAYOUT_CODES[layout])
    return g_inputs, g_weights
