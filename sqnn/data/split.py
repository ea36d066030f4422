"""Labelled images in memory, and what the three parts of an image set are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sqnn.core import counted
from sqnn.data.errors import DataError, whole_number

SPLITS: tuple[str, ...] = ("train", "validation", "test")
CHANNELS = (1, 3, 4)
"""Of a grey image, of one in red, green and blue, and of one with transparency as well."""
Positions = Tensor | list[int] | slice


@dataclass(frozen=True, eq=False)
class Split:
    """Images as stored, with their labels.

    `images` are levels, uint8 [N, C, H, W], or of recordings frames, uint8 [N, T, C, H, W]; `labels` class numbers,
    int64 [N]; `max_level` is the level of full intensity: 255, or 16 for scikit-learn's digits. Raises DataError where
    a tensor has another type or shape, the two differ in length, or a level is too high.
    """

    images: Tensor
    labels: Tensor
    max_level: int = 255

    def __post_init__(self) -> None:
        whole_number("max_level", self.max_level, 1, 255)
        _require("images", self.images, torch.uint8, (4, 5), "[N, C, H, W] or [N, T, C, H, W]")
        _require("labels", self.labels, torch.int64, (1,), "[N]")
        first, second, last = self.images.shape[-3:]
        if last in CHANNELS and min(first, second) > max(CHANNELS):
            raise DataError(
                f"images: got shape {tuple(self.images.shape)}, which has the channels last, expected [N, C, H, W]; "
                "images.permute(0, 3, 1, 2) makes it so"
            )
        if len(self.images) != len(self.labels):
            images = counted(len(self.images), "image")
            raise DataError(f"labels: got {len(self.labels):,} for {images}, expected as many")
        if 0 in self.images.shape[1:]:
            raise DataError(f"images: got shape {tuple(self.images.shape)}, expected at least one channel and pixel")
        if len(self) and int(self.images.max()) > self.max_level:
            raise DataError(
                f"images: got level {int(self.images.max())}, expected at most {self.max_level} (max_level)"
            )
        if len(self) and int(self.labels.min()) < 0:
            raise DataError(f"labels: got {int(self.labels.min())}, expected class numbers from 0")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Split({counted(len(self), 'image')} of {size_of(self)}, levels 0..{self.max_level})"

    def floats(self, index: Positions | None = None) -> Tensor:
        """Return images (all by default) as `level / max_level`, float32 [batch, (time,) channels, height, width]."""
        chosen = self.images if index is None else self.images[index]
        return chosen.to(torch.float32).div_(self.max_level)

    def take(self, index: Positions) -> Split:
        """Return the images and labels at `index` as a split of their own."""
        return replace(self, images=self.images[index], labels=self.labels[index])


class SetParts(NamedTuple):
    """What an image set is made of: its parts, where they come from, and which of them were drawn at random."""

    name: str
    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    source: Mapping[str, Any]
    drawn: tuple[str, ...] = ()


def _require(name: str, value: Tensor, dtype: torch.dtype, ndims: tuple[int, ...], shape: str) -> None:
    if not isinstance(value, Tensor):
        hint = f"torch.as_tensor({name}, dtype={dtype}) makes one"
        raise DataError(f"{name}: got {type(value).__name__}, expected a {dtype} tensor {shape}; {hint}")
    if value.dtype != dtype or value.ndim not in ndims:
        raise DataError(f"{name}: got {value.dtype} of shape {tuple(value.shape)}, expected {dtype} {shape}")


def size_of(split: Split) -> str:
    """Return the shape of an image or a recording in words."""
    steps = f"{split.images.shape[1]} frames of " if split.images.ndim == 5 else ""
    return steps + "x".join(str(side) for side in split.images.shape[-3:])
