"""Whether kernels compute with a tensor, and whether somebody watches or transforms what PyTorch computes."""

from __future__ import annotations

import torch
from torch import Tensor


def is_watched() -> bool:
    """Say whether a compiler, trace, autocast, other derivatives, mode of dispatch or hooks on all are at work."""
    module = torch.nn.modules.module
    return bool(
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch.is_autocast_enabled("cpu")
        or torch.autograd.forward_ad._current_level >= 0
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or module._global_forward_hooks
        or module._global_forward_pre_hooks
        or module._global_backward_hooks
    )


def is_plain(tensor: Tensor) -> bool:
    """Say whether a tensor has numbers that kernels compute with: float32 on the CPU, not negated lazily."""
    return tensor.is_cpu and tensor.dtype == torch.float32 and not tensor.is_neg()
