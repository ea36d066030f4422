"""The size of a network's work."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from sqnn.models.base import config_of


def step_work(model: nn.Module, batch: int, image: Sequence[int]) -> int:
    """Return about how many numbers the first layer gives for `batch` images [..., height, width] at once.

    batch * height * width * time steps * channels: the widest feature maps of most networks. The channels are those
    of the first weight of two dimensions or more; a network without time steps has one. A network whose first weight is
    a matrix has no maps: batch * time steps * outputs.
    """
    config = config_of(model)
    timesteps = vars(config).get("timesteps", 1) if config is not None else 1
    first = next((weight for weight in model.parameters() if weight.ndim > 1), None)
    if first is not None and first.ndim == 2:
        return batch * timesteps * len(first)
    channels = 1 if first is None else len(first)
    height, width = image[-2:]
    return batch * height * width * timesteps * channels
