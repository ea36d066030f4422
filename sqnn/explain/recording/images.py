"""The check of images that a network is recorded on, or explained for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.encoding import check_images
from sqnn.models import check_batch, config_of


def checked_images(model: nn.Module, images: object) -> Tensor:
    """Return `images`; ConfigError unless they are one or more [batch, channels, height, width] as the network takes.

    They are floating and finite, and in [0, 1] for networks of this package; which values one of your own takes, its
    encoder says.
    """
    expected = "a torch tensor [batch, channels, height, width] in [0, 1]"
    if not isinstance(images, Tensor):
        hint = "; images.floats() gives one" if hasattr(images, "floats") else ""
        raise ConfigError(f"images: got {type(images).__name__}, expected {expected}{hint}")
    config = config_of(model)
    try:
        if config is not None:
            check_batch(images, config, images.dtype)
        elif images.ndim < 2:
            raise ConfigError(f"images: got shape {list(images.shape)}, expected {expected}")
        check_images(images if config is not None else torch.where(images.isfinite(), images.clamp(0, 1), images))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return images
