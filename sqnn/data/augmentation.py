"""Random shifts, mirror images, affine maps and noise of training images, a whole batch at a time."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from noise_models import unknown
from sqnn.data.errors import DataError, whole_number

AUGMENTATIONS: tuple[str, ...] = ("none", "shift", "shift-flip", "affine")
MAX_SHIFT = 4
"""Largest shift along either axis, in pixels: He et al. 2016, section 4.2."""
SMALL_SIDE = 16
"""Images with a side below this many pixels are shifted by at most SMALL_SHIFT: four pixels would cut objects off."""
SMALL_SHIFT = 1
MAX_ANGLE = 7.0
"""Largest rotation of an affine map in degrees: a 6 stays a 6."""
MAX_ZOOM = 0.05
"""Largest relative change of width and of height by an affine map."""
AFFINE_SHIFT = 1
"""Largest shift of an affine map along either axis, in pixels, unless another is given."""


def batch_generator(seed: int, epoch: int, batch: int) -> torch.Generator:
    """Return a generator that depends on `(seed, epoch, batch)` and nothing else."""
    # The batch is a spawn key and not a third word of entropy, where 0 would repeat the generator of the order.
    mixed = int(np.random.SeedSequence((seed, epoch), spawn_key=(batch,)).generate_state(1)[0])
    return torch.Generator().manual_seed(mixed)


def augment(
    images: Tensor, kind: str, generator: torch.Generator, shift: int | None = None, noise: float = 0.0
) -> Tensor:
    """Return every image of [batch, ..., channels, height, width] moved as `kind` says, and with noise.

    out[y, x] = padded[y + dy, x' + dx]: `padded` has s zeros on every side, dy and dx are uniform on 0 .. 2 s, and
    x' is width - 1 - x with probability 1/2 for "shift-flip", else x. s is `shift` pixels, by default 4, or 1 where a
    side is below 16. All channels and time steps of an image move together. "none" moves nothing.

    "affine" turns the image about its centre by up to 7 degrees, stretches width and height each by up to 5 %, and
    moves it by up to `shift` pixels, by default 1 and not in whole ones, all uniform; values between pixels are
    interpolated (bilinear), with zeros outside.

    With `noise` above 0 each value gets normal noise and is cut to [0, 1]; its standard deviation is drawn for each
    image, uniform on [0, noise]. With "none" and no noise the images themselves are returned.

    Raises DataError where `kind` is unknown or the shift as large as the image.

    Source: He et al., CVPR 2016, section 4.2 (shifts and mirror images).
    """
    if known_augmentation(kind) == "affine":
        images = _mapped(images, generator, AFFINE_SHIFT if shift is None else shift)
    elif kind != "none":
        images = _moved(images, kind == "shift-flip", generator, shift)
    if noise > 0:
        deviations = noise * torch.rand(len(images), *(1,) * (images.ndim - 1), generator=generator)
        images = torch.addcmul(images, deviations, torch.randn(images.shape, generator=generator)).clamp_(0, 1)
    return images


def _moved(images: Tensor, mirror: bool, generator: torch.Generator, shift: int | None) -> Tensor:
    frames = images.flatten(1, -3)
    batch, channels, height, width = frames.shape
    shift = largest_shift(height, width, shift)
    down, right = torch.randint(2 * shift + 1, (2, batch, 1), generator=generator)
    rows, columns = down + torch.arange(height), torch.arange(width).expand(batch, width)
    if mirror:
        mirrored = torch.randint(2, (batch, 1), generator=generator).bool()
        columns = torch.where(mirrored, columns.flip(1), columns)
    # Positions in a padded image laid out as one line.
    source = rows[:, :, None] * (width + 2 * shift) + (columns + right)[:, None, :]
    padded = F.pad(frames, (shift,) * 4).flatten(2)
    return padded.gather(2, source.flatten(1)[:, None, :].expand(-1, channels, -1)).view(images.shape)


def _mapped(images: Tensor, generator: torch.Generator, shift: int) -> Tensor:
    frames = images.flatten(1, -3)
    batch, _, height, width = frames.shape
    largest_shift(height, width, shift)
    turn, wide, high, right, down = 2 * torch.rand((5, batch), generator=generator, dtype=frames.dtype) - 1
    angle = math.radians(MAX_ANGLE) * turn
    cos, sin = torch.cos(angle), torch.sin(angle)
    wide, high = 1 + MAX_ZOOM * wide, 1 + MAX_ZOOM * high
    # Positions are in halves of the image's sides; a turn of pixels mixes them in proportion to the sides.
    factors = [
        [cos * wide, -sin * high * (height / width), right * (2 * shift / width)],
        [sin * wide * (width / height), cos * high, down * (2 * shift / height)],
    ]
    # The centres of the pixels; sums by rows and columns take a fifth of the time of the product in F.affine_grid.
    x, y = ((2 * torch.arange(side, dtype=frames.dtype) + 1) / side - 1 for side in (width, height))
    grid = frames.new_empty(batch, height, width, 2)
    for axis, (a, b, c) in enumerate(factors):
        grid[..., axis] = a[:, None, None] * x + (b[:, None] * y + c[:, None])[..., None]
    return F.grid_sample(frames, grid, align_corners=False).view(images.shape)


def known_augmentation(kind: str) -> str:
    """Return `kind` if it is one of AUGMENTATIONS; otherwise raise a `DataError`."""
    if kind not in AUGMENTATIONS:
        raise DataError(unknown("augmentation", kind, AUGMENTATIONS))
    return kind


def largest_shift(height: int, width: int, shift: int | None = None) -> int:
    """Return the largest shift of images of this size, in pixels: `shift`, a DataError where that leaves nothing."""
    side = min(height, width)
    if shift is not None:
        return whole_number("shift", shift, 1, max(1, side - 1))
    return SMALL_SHIFT if side < SMALL_SIDE else MAX_SHIFT
