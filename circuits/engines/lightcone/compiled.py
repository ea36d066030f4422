"""Circuits read in Z by compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from circuits.engines.transforms import differentiated_again, plain_gradients
from circuits.kernels import LAYOUT_CODES, Register, TwoBlocks, computes, in_memory
from circuits.reupload import DataReupload
from circuits.threads import ONE_THREAD_WORK

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


class Compiled(NamedTuple):
    """A circuit that a kernel evaluates."""

    kernel: TwoBlocks | Register
    evaluate: Evaluate
    """The same values by operations of PyTorch: for other tensors, and where a gradient is differentiated."""
    numbers: int
    """About how many numbers one sample takes: small batches are computed in one thread."""

    def __call__(self, inputs: Tensor, weights: Tensor, memory_budget: int) -> Tensor:
        """Return <Z> [batch, n], with gradients by torch.autograd.

        States of a batch are kept for the backward pass where they fit `memory_budget` bytes, else computed again.
        """
        if not computes(inputs, weights):
            return self.evaluate(inputs, weights)
        learns = torch.is_grad_enabled() and (inputs.requires_grad or weights.requires_grad)
        keep = learns and inputs.shape[0] * 2 * self.kernel.kept * inputs.element_size() <= memory_budget
        return _Compiled.apply(inputs, weights, self, keep)

    def value_and_grad(
        self, inputs: Tensor, weights: Tensor, grad: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return <Z> and the gradients of inputs and weights for that of <Z>, or of the sum of <Z>.

        None where the kernel does not compute with these tensors.
        """
        if not (computes(inputs, weights) and (grad is None or computes(grad))):
            return None
        batch = inputs.shape[0]
        values = inputs.new_empty(batch, weights.shape[1])
        g_inputs, g_weights = self.kernel.gradients(
            grad, inputs, weights, states=None, needs_inputs=True, values=values, threads=self.threads(batch)
        )
        return values, g_inputs, g_weights  # type: ignore[return-value]  # the gradient of inputs was asked for

    def threads(self, batch: int) -> int:
        """Return in how many threads the kernel computes."""
        return 1 if batch * self.numbers <= ONE_THREAD_WORK else torch.get_num_threads()


class _Saved(FunctionCtx):
    compiled: Compiled
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _Compiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Saved, inputs: Tensor, weights: Tensor, compiled: Compiled, keep: bool) -> Tensor:
        out, states = compiled.kernel.values(inputs, weights, keep, compiled.threads(inputs.shape[0]))
        ctx.compiled = compiled
        ctx.save_for_backward(inputs, weights, states)  # type: ignore[arg-type]  # torch keeps None too
        return out

    @staticmethod
    def backward(ctx: _Saved, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weights, states = ctx.saved_tensors
        compiled = ctx.compiled
        if differentiated_again(grads[0]):
            # Somebody differentiates the gradient, or asks for a batch of them: go through the plain operations.
            needed = ctx.needs_input_grad[:2]
            return (*plain_gradients(compiled.evaluate, inputs, weights, needed, grads[0]), None, None)
        found = compiled.kernel.gradients(
            in_memory(grads[0]),
            inputs,
            weights,
            states=states,  # type: ignore[arg-type]  # a kernel gets its own
            needs_inputs=ctx.needs_input_grad[0],
            threads=compiled.threads(inputs.shape[0]),
        )
        return (*found, None, None)
