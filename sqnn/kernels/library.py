"""The library of the layers' kernels."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from circuits.kernels import KERNELS, Kernels, load

__all__ = ["KERNELS", "Kernels", "kernels"]

SOURCES = tuple(Path(__file__).with_name(name) for name in ("spiking_blocks.cpp", "rate_stages.cpp", "norm.cpp"))
_POINTER, _NUMBER, _REAL, _FLAG = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float, ctypes.c_int32
_DOUBLE = ctypes.c_double
_NEURONS = (_REAL, _REAL, _REAL, _FLAG)
FUNCTIONS = {
    "sqnn_take_large_pages": (_POINTER, _NUMBER),
    "sqnn_norm": (*[_POINTER] * 9, *[_NUMBER] * 4, *[_DOUBLE] * 2, _FLAG, *[_NUMBER] * 2),
    "sqnn_norm_backward": (*[_POINTER] * 5, *[_NUMBER] * 4),
    "sqnn_add_groups": (*[_POINTER] * 2, *[_NUMBER] * 3),
    "sqnn_pack": (*[_POINTER] * 2, *[_NUMBER] * 5),
    "sqnn_unpack": (*[_POINTER] * 2, *[_NUMBER] * 5),
    "sqnn_convolve": (*[_POINTER] * 4, *[_NUMBER] * 8),
    "sqnn_fire": (*[_POINTER] * 4, *[_NUMBER] * 4, *_NEURONS, *[_NUMBER] * 2),
    "sqnn_fire_backward": (*[_POINTER] * 6, *[_NUMBER] * 5, *_NEURONS, _FLAG, _REAL, *[_NUMBER] * 2),
    "sqnn_convolve_backward": (*[_POINTER] * 7, *[_NUMBER] * 8),
    "sqnn_correlate": (*[_POINTER] * 5, *[_NUMBER] * 9),
    "sqnn_clip": (*[_POINTER] * 4, *[_NUMBER] * 4),
    "sqnn_fire_steps": (*[_POINTER] * 9, *[_NUMBER] * 9, *_NEURONS, *[_NUMBER] * 2),
    "sqnn_clip_backward": (*[_POINTER] * 6, *[_NUMBER] * 5),
    "sqnn_correlate_backward": (*[_POINTER] * 8, *[_NUMBER] * 9),
}
"""Functions of the sources, and the types of their arguments."""


@cache
def kernels() -> Kernels:
    """Return the library of the layers' kernels; the first call on a machine compiles it, and says so.

    Raises ValueError on an unknown value of SQNN_KERNELS, and where it is `on` and there are no kernels.
    """
    return load("the kernels of layers", SOURCES, FUNCTIONS)
