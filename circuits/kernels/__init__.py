"""Compiled kernels: built once by the compiler of the machine, plain PyTorch where there is none."""

from circuits.kernels.library import KERNELS, Kernels, load, run
from circuits.kernels.two_blocks import LAYOUT_CODES, kernels, two_blocks, two_blocks_backward
from circuits.kernels.watched import is_watched

__all__ = [
    "KERNELS",
    "LAYOUT_CODES",
    "Kernels",
    "is_watched",
    "kernels",
    "load",
    "run",
    "two_blocks",
    "two_blocks_backward",
]
