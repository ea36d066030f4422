"""Arrays as text: base64 of bits, bytes or numbers, as the viewer unpacks them."""

from __future__ import annotations

import base64
from typing import NotRequired, TypedDict

import numpy as np
from torch import Tensor

SCALED = 2**15 - 1
"""Steps between 0 and the largest value of an array that is kept in 16 bits."""


class Packed(TypedDict):
    """An array: its type, its shape, its bytes in base64, and what its numbers are multiplied by.

    `bits` are eight to a byte, the first highest; u8, u16, i16, i32 and f32 are little-endian.
    """

    dtype: str
    shape: list[int]
    data: str
    scale: NotRequired[float]


def pack_bits(values: Tensor) -> Packed:
    """Pack what is 0 or not 0."""
    flat = values.detach().cpu().numpy() != 0
    return _packed("bits", values, np.packbits(flat.reshape(-1)))


def pack_bytes(values: Tensor) -> Packed:
    """Pack numbers in [0, 1] as 0 to 255, rounded and clamped."""
    levels = (values.detach().cpu().float().clamp(0, 1) * 255).round()
    return _packed("u8", values, levels.numpy().astype(np.uint8))


def pack_whole(values: Tensor) -> Packed:
    """Pack whole numbers in 32 bits."""
    return _packed("i32", values, values.detach().cpu().numpy().astype("<i4"))


def pack_floats(values: Tensor) -> Packed:
    """Pack numbers in single precision."""
    return _packed("f32", values, values.detach().cpu().numpy().astype("<f4"))


def pack_scaled(values: Tensor) -> Packed:
    """Pack numbers in 16 bits: within 2^-16 of the largest absolute value of the array."""
    array = values.detach().cpu().double().numpy()
    most = float(np.abs(array).max(initial=0.0))
    step = most / SCALED if most > 0 else 1.0
    return {**_packed("i16", values, np.rint(array / step).astype("<i2")), "scale": step}


def _packed(dtype: str, values: Tensor, array: np.ndarray) -> Packed:
    return {
        "dtype": dtype,
        "shape": list(values.shape),
        "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii"),
    }
