"""How the size of a weight scales its changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from torch import Tensor

from sqnn.core import Choices


class Bounds(NamedTuple):
    """The interval of a weight and the exponents of its distances from the ends."""

    least: float
    most: float
    mu_plus: float
    mu_minus: float


Dependence: TypeAlias = Callable[[Tensor, Bounds], tuple[Tensor, Tensor]]
"""Gives (f+, f-), the factors of potentiation and depression, of the shape of the weight."""


def power(weight: Tensor, bounds: Bounds) -> tuple[Tensor, Tensor]:
    """f+ = (weight_max - w)^mu_plus, f- = (w - weight_min)^mu_minus; 0 beyond the bounds."""
    room, height = (bounds.most - weight).clamp(min=0), (weight - bounds.least).clamp(min=0)
    return room**bounds.mu_plus, height**bounds.mu_minus


def multiplicative(weight: Tensor, bounds: Bounds) -> tuple[Tensor, Tensor]:
    """f+ = weight_max - w, f- = w - weight_min."""
    return power(weight, bounds._replace(mu_plus=1, mu_minus=1))


def soft(weight: Tensor, bounds: Bounds) -> tuple[Tensor, Tensor]:
    """The same in shares of the interval, f+ = 1 - u, f- = u with u = (w - weight_min) / (weight_max - weight_min)."""
    up, down = multiplicative(weight, bounds)
    span = bounds.most - bounds.least
    return up / span, down / span


DEPENDENCES: Choices[Dependence | None] = Choices(
    "dependence", {"additive": None, "multiplicative": multiplicative, "power": power, "soft": soft}
)
"""Names of the weight dependences; None is none."""
