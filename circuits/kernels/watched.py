"""Whether kernels compute with a tensor, and whether somebody watches or transforms what PyTorch computes."""

from __future__ import annotations

import torch
from torch import Tensor

KINDS = (torch.Tensor, torch.nn.Parameter)
"""Tensors whose numbers lie in memory; those of other kinds may have none."""


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
    """Say whether a tensor has numbers in memory that kernels compute with: float32 on the CPU, not negated lazily."""
    if type(tensor) not in KINDS or not tensor.is_cpu or tensor.layout != torch.strided:
        return False
    there = tensor.data_ptr() != 0 or tensor.numel() == 0
    return tensor.dtype == torch.float32 and there and not tensor.is_neg()


def in_memory(gradient: Tensor) -> Tensor:
    """Return a gradient of float32 whose numbers lie in memory one after the other, as what kernels read."""
    if is_plain(gradient):
        return gradient.contiguous()
    return torch.empty(gradient.shape, device="cpu").copy_(gradient)
