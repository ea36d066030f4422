"""The order of a batch's numbers in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

FEWEST_CHANNELS = 8
"""Input channels from which on a strided 1x1 convolution is safe on channels-last memory.

With fewer, its backward pass in oneDNN writes beyond its buffers on processors with AVX2 (seen with PyTorch 2.13).
"""


def channels_last_is_safe(layers: nn.Module) -> bool:
    """Say whether no layer is a strided 1x1 convolution of fewer than 8 input channels."""
    from torch import nn

    return not any(
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and layer.stride != (1, 1)
        and layer.in_channels < FEWEST_CHANNELS
        for layer in layers.modules()
    )


def channels_last(layers: nn.Module, images: Tensor) -> Tensor:
    """Return images [batch, channels, height, width] as channels-last memory where it is safe for these layers.

    On CPUs, convolution and norm run up to several times faster on it.
    """
    import torch

    return images.contiguous(memory_format=torch.channels_last) if channels_last_is_safe(layers) else images
