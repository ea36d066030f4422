"""The check of what a network is given."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.models.base import ModelConfig


def check_batch(images: object, config: ModelConfig, dtype: torch.dtype, least: int = 0) -> None:
    """Raise ValueError unless `images` is a [batch, channels, height, width] tensor as the configuration has them.

    `least` is the smallest batch. The values themselves are the encoder's business.
    """
    if not isinstance(images, Tensor):
        raise ValueError(f"images: got {type(images).__name__}, expected a torch tensor")
    expected = (config.in_channels, *config.image_size)
    if images.ndim != 4 or tuple(images.shape[1:]) != expected:
        raise ValueError(f"images: got shape {list(images.shape)}, expected [batch, {', '.join(map(str, expected))}]")
    if len(images) < least:
        raise ValueError(f"images: got {len(images)}, expected at least {least} (batch norms train on two or more)")
    if images.dtype != dtype:
        raise ValueError(f"images: got {images.dtype}, expected the network's {dtype} (images.to makes it so)")
