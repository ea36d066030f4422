"""The library of the circuits' kernels."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from torch import Tensor

from circuits.kernels.library import Kernels, load
from circuits.kernels.watched import is_plain, is_watched

SOURCES = tuple(Path(__file__).with_name(name) for name in ("two_blocks.cpp", "register.cpp"))
_POINTER, _NUMBER, _FLAG = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
FUNCTIONS = {
    "sqnn_two_blocks": (*[_POINTER] * 3, *[_NUMBER] * 5),
    "sqnn_two_blocks_backward": (*[_POINTER] * 6, *[_NUMBER] * 5),
    "sqnn_register": (*[_POINTER] * 5, *[_NUMBER] * 5, *[_FLAG] * 2, *[_NUMBER] * 2),
    "sqnn_register_backward": (*[_POINTER] * 8, *[_NUMBER] * 5, *[_FLAG] * 2, *[_NUMBER] * 2),
}
"""Functions of the sources, and the types of their arguments."""


@cache
def kernels() -> Kernels:
    """Return the library of the circuits' kernels, which is compiled once on a machine."""
    return load("the kernels of circuits", SOURCES, FUNCTIONS)


def computes(*tensors: Tensor) -> bool:
    """Say whether kernels compute with these: float32 on the CPU, watched by nobody, where there are kernels."""
    if is_watched():  # first: a compiler could not look at what follows
        return False
    for each in tensors:
        if not is_plain(each) or each.numel() == 0:
            return False
    return kernels().library is not None


def groups_of(batch: int) -> int:
    """Return the number of groups of a batch; a group lies side by side in the vectors that kernels compute with."""
    return -(-batch // kernels().lanes)


def call(name: str, batch: int, tensors: Sequence[Tensor | None], *numbers: int, threads: int) -> None:
    """Call the kernel of this name: the addresses of tensors, then numbers; so many threads share it."""
    kernels().call(name, tensors, batch, *numbers, groups_of(batch), threads)
