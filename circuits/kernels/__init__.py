"""Compiled kernels: built once by the compiler of the machine, plain PyTorch where there is none."""

from circuits.kernels.library import KERNELS, Kernels, check, load
from circuits.kernels.own import computes, kernels
from circuits.kernels.register import Register, register, register_backward
from circuits.kernels.two_blocks import LAYOUT_CODES, two_blocks, two_blocks_backward
from circuits.kernels.watched import is_watched

__all__ = [
    "KERNELS",
    "LAYOUT_CODES",
    "Kernels",
    "Register",
    "check",
    "computes",
    "is_watched",
    "kernels",
    "load",
    "register",
    "register_backward",
    "two_blocks",
    "two_blocks_backward",
]
