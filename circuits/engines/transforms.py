"""What torch.func and compilation leave of a call: whether one is under way, and the values that it works on.

torch has no public question for either; these are the ones that `torch.autograd.Function` asks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual


def transformed(*tensors: Tensor) -> bool:
    """Return whether torch compiles, transforms (torch.func) or differentiates `tensors` forwards.

    Derivatives written by hand, checkpoints and simulators outside torch do not survive that.
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or any(unpack_dual(tensor).tangent is not None for tensor in tensors)
    )


def all_values(tensor: Tensor) -> Tensor:
    """Return the values that a tensor stands for: under vmap those of the whole batch."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


def differentiated_again(grad: Tensor) -> bool:
    """Say whether a backward pass is recorded, transformed, or asked for a batch of gradients, `grad` being one."""
    batched = torch._C._functorch.is_legacy_batchedtensor(grad)
    return torch.is_grad_enabled() or batched or transformed(grad)


def plain_gradients(
    evaluate: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, weights: Tensor, needed: Sequence[bool], grad: Tensor
) -> tuple[Tensor | None, ...]:
    """Return the gradients of what is needed for that of `evaluate(inputs, weights)`, by operations of autograd.

    Where gradients are recorded these can be differentiated again.
    """
    again = torch.is_grad_enabled()
    leaves = [leaf for leaf, need in zip((inputs, weights), needed, strict=True) if need]
    with torch.enable_grad():
        out = evaluate(inputs, weights)
        found = iter(torch.autograd.grad(out, leaves, grad, create_graph=again, allow_unused=True))
    return tuple(next(found) if need else None for need in needed)
