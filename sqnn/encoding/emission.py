"""Discrete spikes forward, a gradient of one's choice backward: the one autograd node of all codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Pull = Callable[[Tensor, Tensor], Tensor]
"""Maps the gradients of spikes `[time, batch, *features]` and the values to the gradient `[batch, *features]`."""


def emit_spikes(unit: Tensor, spikes: Callable[[Tensor], Tensor], pull: Pull | None) -> Tensor:
    """Return `spikes(unit)`; backward, the gradient that reaches `unit` is `pull(grads, unit)`, or none without it.

    Values `[batch, *features]` give `[time, batch, *features]`. Only `unit` is kept for the backward pass, and that
    is differentiable again where `pull` is.
    """
    if pull is None:
        return spikes(unit.detach())
    emitted: Tensor = _Emit.apply(unit, spikes, pull)
    return emitted


class _Emit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, unit: Tensor, spikes: Callable[[Tensor], Tensor], pull: Pull) -> Tensor:
        ctx.save_for_backward(unit)
        ctx.pull = pull
        return spikes(unit)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (unit,) = ctx.saved_tensors
        return ctx.pull(grads[0], unit), None, None
