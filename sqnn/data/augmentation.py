"""Random shifts and mirror images of training images, a whole batch at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from noise_models import unknown
from sqnn.data.errors import DataError

AUGMENTATIONS: tuple[str, ...] = ("none", "shift", "shift-flip")
MAX_SHIFT = 4
"""Largest shift along either axis, in pixels: He et al. 2016, section 4.2."""
SMALL_SIDE = 16
"""Images with a side below this many pixels are shifted by at most SMALL_SHIFT: four pixels would cut objects off."""
SMALL_SHIFT = 1


def batch_generator(seed: int, epoch: int, batch: int) -> torch.Generator:
    """Return a generator that depends on `(seed, epoch, batch)` and nothing else."""
    # The batch is a spawn key and not a third word of entropy, where 0 would repeat the generator of the order.
    mixed = int(np.random.SeedSequence((seed, epoch), spawn_key=(batch,)).generate_state(1)[0])
    return torch.Generator().manual_seed(mixed)


def augment(images: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    """Return every image of [batch, ..., channels, height, width] shifted, and for "shift-flip" perhaps mirrored.

    out[y, x] = padded[y + dy, x' + dx]: `padded` has s zeros on every side, dy and dx are uniform on 0 .. 2 s, and
    x' is width - 1 - x with probability 1/2 for "shift-flip", else x. s is 4 pixels, or 1 where a side is below 16. All
    channels and time steps of an image move together. "none" returns the images themselves.

    Raises DataError where `kind` is unknown.

    Source: He et al., CVPR 2016, section 4.2.
    """
    if known_augmentation(kind) == "none":
        return images
    frames = images.flatten(1, -3)
    batch, channels, height, width = frames.shape
    shift = largest_shift(height, width)
    down, right = torch.randint(2 * shift + 1, (2, batch, 1), generator=generator)
    rows, columns = down + torch.arange(height), torch.arange(width).expand(batch, width)
    if kind == "shift-flip":
        mirrored = torch.randint(2, (batch, 1), generator=generator).bool()
        columns = torch.where(mirrored, columns.flip(1), columns)
    # Positions in a padded image laid out as one line.
    source = rows[:, :, None] * (width + 2 * shift) + (columns + right)[:, None, :]
    padded = F.pad(frames, (shift,) * 4).flatten(2)
    return padded.gather(2, source.flatten(1)[:, None, :].expand(-1, channels, -1)).view(images.shape)


def known_augmentation(kind: str) -> str:
    """Return `kind` if it is one of AUGMENTATIONS; otherwise raise a `DataError`."""
    if kind not in AUGMENTATIONS:
        raise DataError(unknown("augmentation", kind, AUGMENTATIONS))
    return kind


def largest_shift(height: int, width: int) -> int:
    """Return the largest shift of images of this size, in pixels."""
    return SMALL_SHIFT if min(height, width) < SMALL_SIDE else MAX_SHIFT
