"""What lies between two layers without being a module: pools of spikes, and means over space and time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sqnn.explain.attribution.relevance.sums import pulled

SIDE = 2
"""Side in pixels of the pool between spiking blocks."""
Pull = Callable[[Tensor], Tensor]
"""From multipliers of what a layer reads to those of what the layer before gave."""


class Between(NamedTuple):
    """A function of [steps, batch, ...] that a network may apply between layers, and how it hands multipliers back."""

    apply: Callable[[Tensor], Tensor]
    pull: Callable[[Tensor, Tensor], Tensor]


def max_pool_pull(multipliers: Tensor, inputs: Tensor, side: int) -> Tensor:
    """Hand multipliers of a max pool back in equal parts to the largest values of each window.

    Windows of `side` x `side` pixels do not overlap. Of spikes the largest are those that fired.
    """
    pooled = F.max_pool2d(inputs.flatten(0, 1), side).unflatten(0, inputs.shape[:2])
    height, width = pooled.shape[-2:]
    cut = inputs[..., : height * side, : width * side]
    windows = cut.unflatten(-1, (width, side)).unflatten(-3, (height, side))
    winners = windows == pooled[..., :, None, :, None]
    shares = multipliers[..., :, None, :, None] * winners / winners.sum((-3, -1), keepdim=True)
    out = torch.zeros_like(inputs)
    out[..., : height * side, : width * side] = shares.flatten(-2).flatten(-3, -2)
    return out


def _linear(apply: Callable[[Tensor], Tensor]) -> Between:
    return Between(apply, lambda multipliers, inputs: pulled(apply, inputs, multipliers))


_POOL = Between(
    lambda x: F.max_pool2d(x.flatten(0, 1), SIDE).unflatten(0, x.shape[:2]),
    lambda multipliers, inputs: max_pool_pull(multipliers, inputs, SIDE),
)
_SPACE = _linear(lambda x: x.mean((-2, -1)))
_TIME = _linear(lambda x: x.mean(0, keepdim=True))


def find_between(before: Tensor, after: Tensor) -> Pull | None:
    """Return how multipliers of `after`, which a layer read, become those of `before`, which the last layer gave.

    Both are [steps, batch, ...]. None where `after` is no function of `before` that is known here: a number times a
    pool, a mean over space and a mean over time, or some of them.
    """
    for chosen in product((False, True), repeat=3):
        steps = [step for step, taken in zip((_POOL, _SPACE, _TIME), chosen, strict=True) if taken]
        values = _applied(steps, before)
        if values is None or values[-1].numel() != after.numel() or values[-1].shape[:2] != after.shape[:2]:
            continue
        given = values[-1].reshape(after.shape)
        square = given.square().sum()
        factor = (given * after).sum() / square if square > 0 else torch.ones_like(square)
        if same(factor * given, after):
            return lambda multipliers: _back(steps, values, factor * multipliers)
    return None


def same(one: Tensor, other: Tensor) -> bool:
    """Say whether two tensors agree but for rounding."""
    tolerance = torch.finfo(other.dtype).eps ** 0.75  # 6e-6 in float32, 2e-12 in float64
    return torch.allclose(one, other, rtol=tolerance, atol=tolerance * float(other.abs().amax()))


def _applied(steps: Sequence[Between], before: Tensor) -> list[Tensor] | None:
    """Return the values before, between and after the steps; None where an image is needed and there is none."""
    image = before.ndim == 5 and min(before.shape[-2:]) >= SIDE
    if not image and any(step is not _TIME for step in steps):
        return None
    values = [before]
    for step in steps:
        values.append(step.apply(values[-1]))
    return values


def _back(steps: Sequence[Between], values: Sequence[Tensor], multipliers: Tensor) -> Tensor:
    multipliers = multipliers.reshape(values[-1].shape)
    for step, inputs in zip(reversed(steps), reversed(values[:-1]), strict=True):
        multipliers = step.pull(multipliers, inputs)
    return multipliers
