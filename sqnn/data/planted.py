"""Image sets whose explanation is known, made out of others: the label is that of the left one of two images."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.data.errors import DataError
from sqnn.data.images import ImageData, require_image_data
from sqnn.data.sources import PLANTED, SEED, side_by_side


def planted_set(data: ImageData) -> ImageData:
    """Return images [C, H, 2 W], each beside another one of its part; the label is that of the left one.

    The data set `planted` is that of MNIST. Raises DataError where `data` are recordings.
    """
    require_image_data(data)
    if data.timesteps is not None:
        raise DataError(f"data: got recordings of {data.name}, expected images; load_data('digits') gives some")
    generator = torch.Generator().manual_seed(SEED)
    parts = {name: side_by_side(split, generator) for name, split in data.splits.items()}
    return ImageData(f"{PLANTED.name}-{data.name}", **parts, classes=data.classes, planted=True)


def planted_half(data: ImageData) -> Tensor | None:
    """Return the pixels bool [H, W] that the label was read from, None where the images are not planted ones."""
    if not data.planted:
        return None
    height, width = data.image_size
    half = torch.zeros(height, width, dtype=torch.bool)
    half[:, : width // 2] = True
    return half
