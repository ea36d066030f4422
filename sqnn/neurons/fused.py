"""The loop over time as one autograd node, with backpropagation through time written by hand.

Agrees with `lif_sequence` bit for bit forward and to rounding backward, at a fraction of its time and memory.
Write u_t for the charged membrane, v_t for it after the reset, s_t for the spike, d for the decay, h for the
threshold, g(x)_t for the gradient that arrives at x_t, and r_t = d G_(t+1) for the one that v_t receives
(0 at the last step). With S'_t the surrogate's slope at u_t - h and p_t the gradient that s_t receives,

    p_t = g(s)_t - r_t * (h, u_t or 0)                 for "subtract", "zero", "none"; g(s)_t if detached
    G_t = g(u)_t + p_t S'_t + r_t * (1, 1 - s_t or 1)  which is also the gradient of current t
    dL/dd = sum_t G_t v_(t-1)
    dL/dh = sum_t (-p_t S'_t - [subtract] r_t s_t) + G_0 d * initial_membrane
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from sqnn.core import Trains
from sqnn.neurons import compiled
from sqnn.neurons.step import add_scaled
from sqnn.neurons.surrogates import Surrogate


@dataclass(frozen=True)
class Constants:
    """What does not change along the sequence and has no gradient."""

    reset: str
    surrogate: Surrogate
    detach_reset: bool
    initial_membrane: float


def lif_fused(
    currents: Trains,
    *,
    decay: float | Tensor,
    threshold: float | Tensor,
    reset: str,
    surrogate: Surrogate,
    detach_reset: bool = False,
    initial_membrane: float = 0.0,
) -> tuple[Trains, Trains]:
    """Same as `lif_sequence`, differentiable once: ValueError where a gradient of its gradient is asked for."""
    constants = Constants(reset, surrogate, detach_reset, initial_membrane)
    spikes, membranes = _FusedLIF.apply(currents, decay, threshold, constants)
    return spikes, membranes


@torch.no_grad()
def lif_spikes(
    currents: Trains, *, decay: float | Tensor, threshold: float | Tensor, reset: str, initial_membrane: float = 0.0
) -> Trains:
    """The spikes of `lif_fused`, bit for bit, for those who ask for no gradient: one membrane is kept at a time."""
    spikes = _empty_trains(currents)
    if compiled.takes(decay, threshold) and compiled.computes(currents):
        numbers = cast(float, decay), cast(float, threshold), initial_membrane
        compiled.fire(currents, spikes, None, *numbers, reset)
        return spikes
    v = torch.empty_like(spikes[0]).fill_(initial_membrane).mul_(threshold)
    for current, s in zip(currents.unbind(0), spikes.unbind(0), strict=True):
        add_scaled(current, v, decay, out=v)
        torch.gt(v, threshold, out=s)
        _reset_(v, v, s, threshold, reset)
    return spikes


def _empty_trains(currents: Trains) -> Trains:
    """Memory for numbers like the currents, in which each step lies as theirs do and has its own place."""
    step = torch.empty_like(currents[0])
    return step.new_empty_strided(currents.shape, (step.numel(), *step.stride()))


def _reset_(out: Tensor, u: Tensor, s: Tensor, threshold: float | Tensor, reset: str) -> Tensor:
    """The membrane after the reset, in `out` (or `u` itself where nothing changes)."""
    if reset == "subtract":
        return add_scaled(u, s, threshold, -1, out=out)
    if reset == "zero":
        return torch.mul(u, 1 - s, out=out)
    return u


class _Saved(FunctionCtx):
    constants: Constants
    numbers: list[float | None]
    compiled: bool
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _FusedLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: _Saved, currents: Tensor, decay: float | Tensor, threshold: float | Tensor, constants: Constants
    ) -> tuple[Tensor, Tensor]:
        membranes, spikes = _empty_trains(currents), _empty_trains(currents)
        ctx.constants = constants
        ctx.numbers = [None if isinstance(value, Tensor) else value for value in (decay, threshold)]
        tensors = [value if isinstance(value, Tensor) else None for value in (decay, threshold)]
        ctx.save_for_backward(membranes, spikes, *tensors)  # type: ignore[arg-type]  # torch keeps None too
        ctx.set_materialize_grads(False)
        ctx.compiled = compiled.takes(decay, threshold, constants.surrogate) and compiled.computes(currents)
        if ctx.compiled:
            numbers = cast(float, decay), cast(float, threshold), constants.initial_membrane
            compiled.fire(currents, spikes, membranes, *numbers, constants.reset)
            return spikes, membranes
        scratch = torch.empty_like(membranes[0])
        v = scratch.fill_(constants.initial_membrane).mul_(threshold)
        for current, u, s in zip(currents.unbind(0), membranes.unbind(0), spikes.unbind(0), strict=True):
            add_scaled(current, v, decay, out=u)
            torch.gt(u, threshold, out=s)
            v = _reset_(scratch, u, s, threshold, constants.reset)
        return spikes, membranes

    @staticmethod
    def backward(ctx: _Saved, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        grad_spikes, grad_membranes = grads
        if grad_spikes is None and grad_membranes is None:
            return None, None, None, None
        membranes, spikes, decay, threshold = ctx.saved_tensors
        decay = ctx.numbers[0] if decay is None else decay
        threshold = ctx.numbers[1] if threshold is None else threshold
        with torch.no_grad():
            found = _backward(ctx, grad_spikes, grad_membranes, membranes, spikes, decay, threshold)
        if torch.is_grad_enabled():
            # torch's own mark of such nodes is silent where the arriving gradient is a constant. The membranes, which
            # are this node's own, connect the gradients with its inputs.
            found = _Once.apply(membranes, *found)
        return (*found, None)


class _Once(torch.autograd.Function):
    """Gradients that are handed on, and that nobody may differentiate."""

    @staticmethod
    def forward(ctx: FunctionCtx, membranes: Tensor, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(None if grad is None else grad.view_as(grad) for grad in grads)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor | None) -> None:
        raise ValueError(
            "fused: got True where a gradient is differentiated again (create_graph=True), expected False: the "
            "plain loop has derivatives of any order"
        )


def _backward(
    ctx: _Saved,
    grad_spikes: Tensor | None,
    grad_membranes: Tensor | None,
    membranes: Tensor,
    spikes: Tensor,
    decay: float | Tensor,
    threshold: float | Tensor,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    constants: Constants = ctx.constants
    if ctx.compiled:
        grad = torch.empty_like(membranes)
        numbers = cast(float, decay), cast(float, threshold)
        given = grad_spikes, grad_membranes, membranes, grad
        compiled.fire_backward(*given, *numbers, constants.reset, constants.detach_reset, constants.surrogate)
        return grad, None, None
    _, needs_decay, needs_threshold, _ = ctx.needs_input_grad
    grad_u = torch.empty_like(membranes)
    scratch, grad_v_memory = torch.empty_like(membranes[0]), torch.empty_like(membranes[0])
    grad_decay = torch.zeros_like(scratch) if needs_decay else None
    grad_threshold = torch.zeros_like(scratch) if needs_threshold else None
    grad_v: Tensor | None = None  # r_t, absent at the last step
    for t in reversed(range(len(membranes))):
        u, s, out = membranes[t], spikes[t], grad_u[t]
        received = grad_spikes[t] if grad_spikes is not None else scratch.zero_()
        if grad_v is not None and not constants.detach_reset:
            if constants.reset == "subtract":
                received = add_scaled(received, grad_v, threshold, -1, out=scratch)
            elif constants.reset == "zero":
                received = torch.addcmul(received, grad_v, u, value=-1, out=scratch)
        torch.mul(received, constants.surrogate.slope_at(u - threshold), out=out)
        if grad_threshold is not None:
            grad_threshold.sub_(out)
            if grad_v is not None and constants.reset == "subtract":
                grad_threshold.addcmul_(grad_v, s, value=-1)
        if grad_v is not None:
            out.add_(grad_v)
            if constants.reset == "zero":
                out.addcmul_(grad_v, s, value=-1)
        if grad_membranes is not None:
            out.add_(grad_membranes[t])
        if grad_decay is not None and t > 0:
            grad_decay.addcmul_(out, _reset_(scratch, membranes[t - 1], spikes[t - 1], threshold, constants.reset))
        grad_v = torch.mul(out, decay, out=grad_v_memory) if t > 0 else None
    if grad_decay is not None and constants.initial_membrane:
        grad_decay.add_(grad_u[0] * threshold, alpha=constants.initial_membrane)
    if grad_threshold is not None and constants.initial_membrane:
        grad_threshold.add_(grad_u[0] * decay, alpha=constants.initial_membrane)
    return grad_u, _sum_like(grad_decay, decay), _sum_like(grad_threshold, threshold)


def _sum_like(grad: Tensor | None, value: float | Tensor) -> Tensor | None:
    """Add up what broadcasting spread out."""
    return grad.sum_to_size(value.shape) if grad is not None and isinstance(value, Tensor) else None
