"""The comparison of what two networks give: numbers by their difference, everything else by equality."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from sqnn.core import ConfigError

_PLAIN = (bool, int, float, complex, str, bytes, torch.dtype, torch.device, type(None))
"""Outputs beside tensors that can be compared."""


class Outputs:
    """The largest difference of an output over batches, and the images whose largest output is another one.

    `share` is the largest difference as a share of the largest finite value of the same output, or of 1 below it;
    infinite where shapes differ, or where what has no floating point is not the same. `example` is an output for so
    many `images`: the first part of it that has a number or more for each of them holds the predictions.
    """

    def __init__(self, example: object, images: int) -> None:
        self.difference = self.scale = self.share = 0.0
        self.changed = 0
        each = [isinstance(leaf, Tensor) and leaf.ndim > 0 and len(leaf) == images for leaf in tree_leaves(example)]
        self._predicts = each.index(True) if True in each else None

    def add(self, ours: object, theirs: object, images: int) -> None:
        """Compare what the spiking network and the model gave for so many images."""
        for index, (our, their) in enumerate(_pairs(ours, theirs)):
            difference, scale = _compare(our, their)
            self.difference, self.scale = _largest(self.difference, difference), _largest(self.scale, scale)
            self.share = _largest(self.share, difference / max(1.0, scale))
            if index == self._predicts:
                self.changed += _changed(our, their, images)

    def compare_forms(self, ours: object, theirs: object) -> None:
        """Count outputs of other shapes or kinds as infinitely far apart."""
        for our, their in _pairs(ours, theirs):
            if not _alike(our, their):
                self.difference = self.share = math.inf


def _pairs(ours: object, theirs: object) -> list[tuple[object, object]]:
    our, their = tree_leaves(ours), tree_leaves(theirs)
    if len(our) != len(their):
        raise ConfigError(
            f"spiking: gives {len(our)} outputs beside the model's {len(their)}; "
            "convert the model that it is compared with"
        )
    return list(zip(our, their, strict=True))


def _alike(ours: object, theirs: object) -> bool:
    """Say whether two outputs are tensors of one shape, or of one and the same kind."""
    if isinstance(ours, Tensor) and isinstance(theirs, Tensor):
        return ours.shape == theirs.shape
    return type(ours) is type(theirs)


def _compare(ours: object, theirs: object) -> tuple[float, float]:
    """Return the largest difference of two outputs and the largest finite value of the second."""
    if not isinstance(ours, Tensor) or not isinstance(theirs, Tensor) or not _alike(ours, theirs):
        same = ours is theirs or (isinstance(ours, _PLAIN) and type(ours) is type(theirs) and ours == theirs)
        return (0.0 if same else math.inf), 0.0
    if not theirs.is_floating_point():
        return (0.0 if torch.equal(ours, theirs) else math.inf), 0.0
    if not theirs.numel():
        return 0.0, 0.0
    difference = torch.where(ours == theirs, 0, ours - theirs).abs().max()
    return float(difference), float(torch.where(theirs.isfinite(), theirs, 0).abs().max())


def _changed(ours: object, theirs: object, images: int) -> int:
    """Return the number of images whose largest output, or whose output without floating point, is another one."""
    if not isinstance(ours, Tensor) or not isinstance(theirs, Tensor) or not _alike(ours, theirs) or not len(ours):
        return images
    numbers = ours.is_floating_point()
    moved = _choice(ours) != _choice(theirs) if numbers else ours != theirs
    return int(moved.reshape(len(ours), -1).any(1).sum())


def _choice(output: Tensor) -> Tensor:
    """Return the places of the largest outputs; a network with one number per image has but one."""
    return output.reshape(len(output), -1).argmax(-1) if output.ndim < 3 else output.argmax(-1)


def _largest(*numbers: float) -> float:
    """Return the largest number, NaN where one is."""
    return float(torch.tensor(numbers, dtype=torch.float64).max())
