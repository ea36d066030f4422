"""The library of the circuits' kernels."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from circuits.kernels.library import Kernels, load
from circuits.kernels.watched import is_plain, is_watched

SOURCES = tuple(Path(__file__).with_name(name) for name in ("two_blocks.cpp", "register.cpp"))
_POINTER, _NUMBER, _FLAG = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
FUNCTIONS = {
    "sqnn_two_blocks": (*[_POINTER] * 3, *[_NUMBER] * 5),
    "sqnn_two_blocks_backward": (*[_POINTER] * 5, *[_NUMBER] * 5),
    "sqnn_register": (*[_POINTER] * 5, *[_NUMBER] * 5, *[_FLAG] * 2, *[_NUMBER] * 2),
    "sqnn_register_backward": (*[_POINTER] * 7, *[_NUMBER] * 5, *[_FLAG] * 2, *[_NUMBER] * 2),
}
"""Functions of the sources, and the types of their arguments."""


@cache
def kernels() -> Kernels:
    """Return the library of the circuits' kernels, which is compiled once on a machine."""
    return load("the kernels of circuits", SOURCES, FUNCTIONS)


def computes(*tensors: Tensor) -> bool:
    """Say whether kernels compute with these: float32 on the CPU, watched by nobody, where there are kernels."""
    plain = all(is_plain(each) and each.numel() > 0 for each in tensors)
    return plain and not is_watched() and kernels().library is not None


def groups_of(batch: int) -> int:
    """Return the number of groups of a batch; a group lies side by side in the vectors that kernels compute with."""
    return -(-batch // kernels().lanes)


def call(name: str, batch: int, tensors: Sequence[Tensor | None], *numbers: int) -> None:
    """Call the kernel of this name: the addresses of tensors, then numbers; as many threads share it as PyTorch has."""
    kernels().call(name, tensors, batch, *numbers, groups_of(batch), torch.get_num_threads())
