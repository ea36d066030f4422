"""The ordinary twin of the convolutional spiking front-end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sqnn.core import when_small
from sqnn.layers.analog import KERNEL
from sqnn.layers.spiking_cnn import POOL


class AnalogCNN(nn.Module):
    """SpikingCNN with ReLU for the neurons: images [batch, in_channels, height, width] -> [batch, n_features].

    (convolution 3x3, batch norm, ReLU, max pool 2x2) for each width, global average pooling, a linear layer. It has as
    many parameters as `SpikingCNN` of the same widths; height and width are at least 2^(number of widths).
    """

    def __init__(self, in_channels: int, channels: Sequence[int], n_features: int) -> None:
        super().__init__()
        widths = [in_channels, *channels]
        self._first_width = max(widths[:2])
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, KERNEL, padding=KERNEL // 2, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.MaxPool2d(POOL),
            )
            for before, after in pairwise(widths)
        )
        self.linear = nn.Linear(widths[-1], n_features)

    def forward(self, images: Tensor) -> Tensor:
        return when_small(images[:, :1].numel() * self._first_width, self._read, images)

    def _read(self, images: Tensor) -> Tensor:
        values = images.to(memory_format=torch.channels_last)
        for block in self.blocks:
            values = block(values)
        features: Tensor = self.linear(values.mean((-2, -1)))
        return features
