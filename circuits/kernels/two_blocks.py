"""Expectations of the two-block circuit and their gradients by compiled kernels."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from circuits.entanglers import Layout
from circuits.kernels.library import Kernels, load
from circuits.kernels.watched import is_watched

LAYOUT_CODES = {"none": 0, "line": 1, "ring": 2}
_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_int64
FUNCTIONS = {
    "sqnn_two_blocks": (*[_POINTER] * 3, *[_NUMBER] * 3),
    "sqnn_two_blocks_backward": (*[_POINTER] * 5, *[_NUMBER] * 3),
}


@cache
def kernels() -> Kernels:
    """Return the library of the circuits' kernels, which is compiled once on a machine."""
    return load("the kernels of circuits", [Path(__file__).with_name("two_blocks.cpp")], FUNCTIONS)


def two_blocks(inputs: Tensor, weights: Tensor, layout: Layout) -> Tensor | None:
    """Return <Z> [batch, n] for inputs [batch, 3 n] and weights [2, n, 3]; None where no kernel computes it.

    Kernels take float32 on the CPU, and wires joined in a ring or a line, or not at all.
    """
    if layout not in LAYOUT_CODES or not (_is_plain(inputs) and _is_plain(weights)) or inputs.numel() == 0:
        return None
    if is_watched() or kernels().library is None:
        return None
    batch, n = len(inputs), weights.shape[1]
    inputs, weights = inputs.contiguous(), weights.contiguous()
    out = inputs.new_empty(batch, n)
    _call("sqnn_two_blocks", inputs, weights, out, batch, n, LAYOUT_CODES[layout])
    return out


def two_blocks_backward(
    grad: Tensor, inputs: Tensor, weights: Tensor, layout: Layout, needs_inputs: bool
) -> tuple[Tensor | None, Tensor]:
    """Return the gradients of inputs, where they are needed, and weights, for that of what `two_blocks` returned."""
    grad, inputs, weights = grad.contiguous(), inputs.contiguous(), weights.contiguous()
    g_inputs, g_weights = torch.empty_like(inputs) if needs_inputs else None, torch.empty_like(weights)
    numbers = len(inputs), weights.shape[1], LAYOUT_CODES[layout]
    _call("sqnn_two_blocks_backward", grad, inputs, weights, g_inputs, g_weights, *numbers)
    return g_inputs, g_weights


def _call(name: str, *arguments: Tensor | int | None) -> None:
    plain = [argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments]
    getattr(kernels().library, name)(*plain)


def _is_plain(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32
