"""Whether kernels compute with a tensor, and whether somebody watches or transforms what PyTorch computes."""

from __future__ import annotations

import torch
from torch import Tensor


def is_watched() -> bool:
    """Say whether a compiler, trace, autocast, other derivatives, mode of dispatch or hooks on all are at work."""
    module = torch.nn.modules.module
    hooks = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch.is_autocast_enabled("cpu")
        or torch.autograd.forward_ad._current_level >= 0
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or any(getattr(module, name) for name in hooks)
    )


def is_plain(tensor: Tensor) -> bool:
    """Say whether a tensor has numbers that kernels compute with: float32 on the CPU, not negated lazily."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and not tensor.is_neg()
