"""Arithmetic of widths and of image sides that several networks share."""

from __future__ import annotations

from collections.abc import Iterable

MIN_SIZE = 8
"""Smallest height and width of an image, in pixels."""
LARGE_IMAGE = 64
"""Smallest side, in pixels, of an image that a ResNet first brings to a quarter, as its paper does for all images."""


def scaled(width: int, scale: float) -> int:
    """Return the width times the factor, at least 1."""
    return max(1, round(width * scale))


def half(side: int) -> int:
    """Return half a side in pixels, rounded up as the pools and strides do."""
    return (side + 1) // 2


def strides(side: int, wanted: Iterable[int]) -> list[int]:
    """Return the wanted strides, 1 or 2, of layers that follow one another on images of this side in pixels.

    A stride of 2 that would leave fewer than 2 pixels becomes 1: on a map of one pixel a kernel sees only padding.
    """
    fitting = []
    for stride in wanted:
        halves = stride == 2 and half(side) >= 2
        side = half(side) if halves else side
        fitting.append(2 if halves else 1)
    return fitting
