"""The loop over time by compiled kernels, where neurons have numbers for decay and threshold and the arctan surrogate.

Spikes and membranes are those of PyTorch bit for bit; gradients agree to rounding.
"""

from __future__ import annotations

import ctypes
import math
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from circuits.kernels import Kernels, is_plain, is_watched, load
from sqnn.neurons import gpu
from sqnn.neurons.step import RESET_CODES
from sqnn.neurons.surrogates import ATan, Surrogate

SMALL_LAYER = 2**16
"""Numbers of all steps that one thread handles alone: another one would begin too late."""
_POINTER, _NUMBER, _REAL, _FLAG = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float, ctypes.c_int32
FUNCTIONS = {
    "sqnn_lif": (*[_POINTER] * 3, *[_NUMBER] * 3, *[_REAL] * 3, _FLAG, _NUMBER),
    "sqnn_lif_backward": (*[_POINTER] * 4, *[_NUMBER] * 4, *[_REAL] * 2, *[_FLAG] * 2, *[_REAL] * 2, _NUMBER),
}
"""Functions of the source, and the types of their arguments."""


@cache
def kernels() -> Kernels:
    """Return the library of the neurons' kernels; the first call on a machine compiles it, and says so.

    Raises ValueError on an unknown value of SQNN_KERNELS, and where it is `on` and there are no kernels.
    """
    return load("the kernels of neurons", (Path(__file__).with_name("lif.cpp"),), FUNCTIONS)


def takes(decay: float | Tensor, threshold: float | Tensor, surrogate: Surrogate | None = None) -> bool:
    """Say whether kernels are made for neurons of this kind; without a surrogate, for their spikes alone."""
    numbers = not (isinstance(decay, Tensor) or isinstance(threshold, Tensor))
    return numbers and (surrogate is None or type(surrogate) is ATan)


def computes(currents: Tensor) -> bool:
    """Say whether kernels compute with these trains: float32, steps in one piece, watched by nobody."""
    if is_watched():  # first: a compiler could not look at what follows
        return False
    known = is_plain(currents) or (currents.is_cuda and currents.dtype == torch.float32 and not currents.is_neg())
    if not known or currents.numel() == 0 or not in_one_piece(currents):
        return False
    return gpu.kernels().available if currents.is_cuda else has_library()


def has_library() -> bool:
    """Say whether there are kernels for the CPU of this machine."""
    return kernels().library is not None


def in_one_piece(trains: Tensor) -> bool:
    """Say whether each step fills one piece of memory, in whatever order, as a tensor that is made like it does."""
    step = trains[0]
    return step.stride() == torch.empty_like(step, device="meta").stride()


def fire(
    currents: Tensor,
    spikes: Tensor,
    membranes: Tensor | None,
    decay: float,
    threshold: float,
    initial_membrane: float,
    reset: str,
) -> None:
    """Write the spikes of all steps, and the charged membranes if they are wanted, in the order of `currents`."""
    if currents.is_cuda:
        gpu.fire(currents, spikes, membranes, decay, threshold, initial_membrane, reset)
        return
    sizes = len(currents), currents.stride(0), currents[0].numel()
    numbers = decay, threshold, initial_membrane, RESET_CODES[reset]
    kernels().call("sqnn_lif", (currents, spikes, membranes), *sizes, *numbers, _threads(currents))


def fire_backward(
    grad_spikes: Tensor | None,
    grad_membranes: Tensor | None,
    membranes: Tensor,
    grad: Tensor,
    decay: float,
    threshold: float,
    reset: str,
    detach_reset: bool,
    surrogate: Surrogate,
) -> None:
    """Write the gradient of the currents into `grad`, from those of spikes and membranes; either may be None."""
    given = _laid_out(grad_spikes, membranes), _laid_out(grad_membranes, membranes)
    slope = 2 / surrogate.slope, math.pi**2 * surrogate.slope / 2
    if membranes.is_cuda:
        gpu.fire_backward(*given, membranes, grad, decay, threshold, reset, detach_reset, *slope)
        return
    apart = [0 if each is None else each.stride(0) for each in given]
    numbers = decay, threshold, RESET_CODES[reset], int(detach_reset), *slope
    tensors = (*given, membranes, grad)
    sizes = len(membranes), *apart, membranes[0].numel()
    kernels().call("sqnn_lif_backward", tensors, *sizes, *numbers, _threads(membranes))


def _laid_out(grad: Tensor | None, like: Tensor) -> Tensor | None:
    """Return a gradient, if there is one, whose steps lie in memory as those of `like` do."""
    if grad is None:
        return None
    grad = grad.resolve_neg()
    if grad.stride()[1:] == like.stride()[1:]:
        return grad
    return torch.empty_like(like).copy_(grad)


def _threads(trains: Tensor) -> int:
    return torch.get_num_threads() if trains.numel() > SMALL_LAYER else 1
