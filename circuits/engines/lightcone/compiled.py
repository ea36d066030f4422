"""Circuits read in Z by compiled kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from circuits.engines.transforms import differentiated_again, plain_gradients, transformed
from circuits.kernels import LAYOUT_CODES, Register, TwoBlocks, computes
from circuits.reupload import DataReupload

Evaluate = Callable[[Tensor, Tensor], Tensor]
MOST_AMPLITUDES = 2**12
"""A larger state leaves the nearest caches, and PyTorch's operations on a batch of them are no slower by then."""


def kernel_of(circuit: DataReupload) -> TwoBlocks | Register | None:
    """Return the kernel that evaluates a circuit: a closed form, a register or windows; None where there is none.

    Windows are taken where they hold less than the register, by amplitudes times gates. One block needs no state.
    """
    n, blocks, scaled = circuit.n_qubits, circuit.n_blocks, circuit.scales_data
    if blocks == 1:
        return Register((), scaled, 0)
    if circuit.edges and circuit.entangling_gate != "cz":
        return None
    if blocks == 2 and not scaled and circuit.layout in LAYOUT_CODES:
        return TwoBlocks(circuit.layout)
    reach, width = blocks - 1, 2 * blocks - 1
    gates = sum(2 * (blocks - 1 - block) + 1 for block in range(1, blocks - 1))
    nearest = circuit.layout in ("ring", "line")
    if nearest and n >= width and (gates + 2) * 2**width < blocks * 2**n:
        windows = Register((), scaled, 0, reach, circuit.layout == "ring")
        return windows if 2**width <= MOST_AMPLITUDES else None
    # Of two blocks PyTorch has a closed form for any pairs.
    fits = 2**n <= MOST_AMPLITUDES and (nearest or blocks > 2)
    return Register(circuit.edges, scaled, 2**n) if fits else None


def expectations(
    kernel: TwoBlocks | Register, inputs: Tensor, weights: Tensor, evaluate: Evaluate, memory_budget: int
) -> Tensor:
    """Return <Z> [batch, n] by a kernel where it takes inputs and weights, else what `evaluate` gives for them.

    The kernel keeps the states of a batch for the backward pass where they fit the `memory_budget` in bytes, and
    computes them again where they do not. `evaluate` also stands for it where a gradient is differentiated.
    """
    if transformed(inputs, weights) or not computes(inputs, weights):
        return evaluate(inputs, weights)
    learns = torch.is_grad_enabled() and (inputs.requires_grad or weights.requires_grad)
    fits = learns and inputs.shape[0] * 2 * kernel.kept * inputs.element_size() <= memory_budget
    return _Compiled.apply(inputs, weights, kernel, evaluate, fits)


class _Saved(FunctionCtx):
    kernel: TwoBlocks | Register
    evaluate: Evaluate
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _Compiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: _Saved, inputs: Tensor, weights: Tensor, kernel: TwoBlocks | Register, evaluate: Evaluate, fits: bool
    ) -> Tensor:
        out, states = kernel.values(inputs, weights, fits)
        ctx.kernel, ctx.evaluate = kernel, evaluate
        ctx.save_for_backward(inputs, weights, states)  # type: ignore[arg-type]  # torch keeps None too
        return out

    @staticmethod
    def backward(ctx: _Saved, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weights, states = ctx.saved_tensors
        if differentiated_again(grads[0]):
            # Somebody differentiates the gradient, or asks for a batch of them: go through the plain operations.
            needed = ctx.needs_input_grad[:2]
            return (*plain_gradients(ctx.evaluate, inputs, weights, needed, grads[0]), None, None, None)
        grad = grads[0].resolve_neg()
        found = ctx.kernel.gradients(grad, inputs, weights, states, ctx.needs_input_grad[0])  # type: ignore[arg-type]
        return (*found, None, None, None)
