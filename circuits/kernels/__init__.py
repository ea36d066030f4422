"""Compiled kernels: built once by the compiler of the machine, plain PyTorch where there is none."""

from circuits.kernels.library import KERNELS, Kernels, load, wanted
from circuits.kernels.own import computes, kernels
from circuits.kernels.register import Register
from circuits.kernels.two_blocks import LAYOUT_CODES, TwoBlocks
from circuits.kernels.watched import in_memory, is_plain, is_watched

__all__ = [
    "KERNELS",
    "LAYOUT_CODES",
    "Kernels",
    "Register",
    "TwoBlocks",
    "computes",
    "in_memory",
    "is_plain",
    "is_watched",
    "kernels",
    "load",
    "wanted",
]
