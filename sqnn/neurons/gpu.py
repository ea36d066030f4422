"""The loop over time on a GPU: one Triton kernel forward and one backward, in place of a dozen operations per step.

The formulas are those of `fused.py`. Triton comes with PyTorch's builds for GPUs; it compiles a kernel on first use, in
a second or so, and keeps it.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor

from circuits.kernels import KERNELS, wanted
from sqnn.neurons.step import RESET_CODES

BLOCK = 1024
"""Neurons of one program of the kernel."""


class GPUKernels(NamedTuple):
    """Whether there are kernels for GPUs, and a line on where they come from or why there are none."""

    available: bool
    line: str


@cache
def kernels() -> GPUKernels:
    """Return what there is of kernels for GPUs; where a GPU is at hand, one is launched to see whether they work.

    Where there are none, the first call prints why. Raises ValueError on an unknown value of SQNN_KERNELS, and where it
    is `on` and there are no kernels.
    """
    wish = wanted()
    if wish == "off":
        return GPUKernels(False, f"none: turned off by {KERNELS}")
    why = _missing()
    if not why:
        import triton

        return GPUKernels(True, f"compiled by Triton {triton.__version__}")
    if wish == "on":
        raise ValueError(f"{KERNELS}: got 'on', and there are no kernels for GPUs: {why}")
    print(f"sqnn: PyTorch computes without kernels for GPUs, which is slower: {why}", file=sys.stderr, flush=True)
    return GPUKernels(False, f"none: {why}")


def _missing() -> str:
    """Return why there are no kernels for GPUs, or nothing. Triton compiles with a C compiler, which may be missing."""
    if find_spec("triton") is None:
        return "Triton, which comes with PyTorch for GPUs, is not installed"
    if torch.cuda.is_available():
        spikes = torch.empty(1, 1, device="cuda")
        try:
            fire(torch.ones_like(spikes), spikes, None, 1.0, 0.5, 0.0, "subtract")
        except Exception as error:  # whatever the compiler, the driver or the card cannot do
            return f"Triton failed: {' '.join(str(error).split())[:200]}"
        if spikes.item() != 1:
            return f"Triton computed {spikes.item()} where a neuron fires"
    return ""


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
    from sqnn.neurons import lif_triton

    count = currents[0].numel()
    sizes = len(currents), currents.stride(0), count
    numbers = decay, threshold, initial_membrane
    codes = {"RESET": RESET_CODES[reset], "KEEP": membranes is not None, "BLOCK": BLOCK}
    tensors = currents, spikes, spikes if membranes is None else membranes
    with torch.cuda.device_of(currents):  # among several GPUs
        lif_triton.fire[_programs(count)](*tensors, *sizes, *numbers, **codes)


def fire_backward(
    grad_spikes: Tensor | None,
    grad_membranes: Tensor | None,
    membranes: Tensor,
    grad: Tensor,
    decay: float,
    threshold: float,
    reset: str,
    detach_reset: bool,
    flat: float,
    steep: float,
) -> None:
    """Write the gradient of the currents into `grad`, from those of spikes and membranes; either may be None.

    The surrogate's slope is 1 / (flat + steep x^2) for a membrane that lies x above the threshold.
    """
    from sqnn.neurons import lif_triton

    count = membranes[0].numel()
    apart = [0 if each is None else each.stride(0) for each in (grad_spikes, grad_membranes)]
    given = [grad if each is None else each for each in (grad_spikes, grad_membranes)]
    codes = {"RESET": RESET_CODES[reset], "DETACH": detach_reset, "BLOCK": BLOCK}
    codes |= {"SPIKES": grad_spikes is not None, "MEMBRANES": grad_membranes is not None}
    numbers = decay, threshold, flat, steep
    with torch.cuda.device_of(membranes):
        lif_triton.back[_programs(count)](*given, membranes, grad, len(membranes), *apart, count, *numbers, **codes)


def _programs(count: int) -> tuple[int]:
    return (-(-count // BLOCK),)
