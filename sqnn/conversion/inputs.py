"""The images that a network is compared or counted on."""

from __future__ import annotations

from torch import Tensor

from sqnn.core import ConfigError, require
from sqnn.data import Split


def images_of(data: Tensor | Split, batch_size: int) -> Tensor:
    """Return the images [batch, ...] of a part of a data set, or those that were given.

    ConfigError where there are none, or they cannot be taken `batch_size` at a time.
    """
    whole = isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size >= 1
    require(whole, "batch_size", batch_size, "a whole number of at least 1")
    images = data.floats() if isinstance(data, Split) else data
    if not isinstance(images, Tensor):
        raise ConfigError(f"data: got {type(data).__name__}, expected images [batch, ...] or a part of a data set")
    if not images.ndim or not len(images):
        raise ConfigError(f"data: got shape {list(images.shape)}, expected at least one image [batch, ...]")
    return images
