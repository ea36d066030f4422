"""Circuits on a register of a few wires, read in Z, by compiled kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from circuits.engines.transforms import differentiated_again, plain_gradients, transformed
from circuits.kernels import Register, computes, register, register_backward
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, Inputs, Weights

Evaluate = Callable[[Tensor, Tensor], Tensor]
MOST_AMPLITUDES = 2**12
"""A larger state leaves the nearest caches, and PyTorch's operations on a batch of them are no slower by then."""


def register_of(circuit: DataReupload) -> Register | None:
    """Return the register or the windows on which the compiled kernels evaluate a circuit, None where they do not.

    Windows are taken where they hold less than the register, by amplitudes times gates. One block needs no state.
    """
    n, blocks, scaled = circuit.n_qubits, circuit.n_blocks, circuit.scales_data
    if blocks == 1:
        return Register((), scaled, 0)
    if circuit.edges and circuit.entangling_gate != "cz":
        return None
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
    circuit: DataReupload, inputs: Inputs, weights: Weights, evaluate: Evaluate, memory_budget: int
) -> Expectations:
    """Return <Z> [batch, n]: by a kernel where one computes it, else what `evaluate` gives for inputs and weights.

    The kernel keeps the states of a batch for the backward pass where they fit the `memory_budget` in bytes, and
    computes them again where they do not. `evaluate` also stands for it where a gradient is differentiated.
    """
    kind = register_of(circuit)
    if kind is None or transformed(inputs, weights) or not computes(inputs, weights):
        return evaluate(inputs, weights)
    learns = torch.is_grad_enabled() and (inputs.requires_grad or weights.requires_grad)
    fits = learns and len(inputs) * 2 * kind.kept * inputs.element_size() <= memory_budget
    return _Register.apply(inputs, weights, kind, evaluate, fits)


class _Saved(FunctionCtx):
    kind: Register
    evaluate: Evaluate
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _Register(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Saved, inputs: Tensor, weights: Tensor, kind: Register, evaluate: Evaluate, fits: bool) -> Tensor:
        out, states = register(kind, inputs, weights, fits)
        ctx.kind, ctx.evaluate = kind, evaluate
        ctx.save_for_backward(inputs, weights, *(() if states is None else (states,)))
        return out

    @staticmethod
    def backward(ctx: _Saved, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weights, *states = ctx.saved_tensors
        if differentiated_again(grads[0]):
            # Somebody differentiates the gradient, or asks for a batch of them: go through the plain operations.
            needed = ctx.needs_input_grad[:2]
            return (*plain_gradients(ctx.evaluate, inputs, weights, needed, grads[0]), None, None, None)
        kept = states[0] if states else None
        found_inputs, found_weights = register_backward(
            ctx.kind, grads[0], inputs, weights, kept, ctx.needs_input_grad[0]
        )
        return found_inputs, found_weights, None, None, None
