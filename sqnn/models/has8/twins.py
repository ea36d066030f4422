"""The width at which a network of one kind has as many parameters as another."""

from __future__ import annotations

from collections.abc import Callable

HALVINGS = 20
"""Steps of the bisection: the factor is known to a millionth of its size then."""
CANDIDATES = 40
"""Factors tried on either side of the crossing; widths are whole, so that the count moves in steps."""
SPREAD = 0.02
"""How far from the crossing they go, as a share of it."""


def matching_scale(target: int, count: Callable[[float], int]) -> float:
    """Return the factor on all widths for which `count(factor)` parameters come closest to `target`.

    `count` must grow with the factor. A crossing is found by bisection between 0 and a factor that is large enough,
    then the closest of the neighbouring factors is taken; the smaller factor wins a tie.
    """
    low, high = 0.0, 1.0
    while count(high) < target:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) < target else (low, middle)
    nearby = [high * (1 + SPREAD * step / CANDIDATES) for step in range(-CANDIDATES, CANDIDATES + 1)]
    return min(nearby, key=lambda scale: (abs(count(scale) - target), scale))
