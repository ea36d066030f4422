"""The convolution that the source networks are built of."""

from __future__ import annotations

from torch import nn


def conv_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution that keeps the size of the image, but for its stride, and the norm of its outputs."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


def global_average() -> list[nn.Module]:
    """Return the mean over height and width: [batch, channels, height, width] to [batch, channels]."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(1)]
