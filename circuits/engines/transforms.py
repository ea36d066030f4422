"""What torch.func and compilation leave of a call: whether one is under way, and the values that it works on.

torch has no public question for either; these are the ones that `torch.autograd.Function` asks itself.
"""

from __future__ import annotations

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
