"""Channels-last memory, and where it is kept out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sqnn.core import channels_last
from sqnn.models import create_model


def is_laid_out(layers: nn.Module) -> bool:
    images = channels_last(layers, torch.rand(2, 3, 8, 8))
    return images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("channels", "kernel", "stride", "safe"), [(8, 1, 2, True), (7, 1, 2, False), (7, 3, 2, True)])
def test_strided_points_of_few_channels_stay_channels_first(channels, kernel, stride, safe) -> None:
    layers = nn.Sequential(nn.Conv2d(3, channels, 3), nn.Conv2d(channels, 8, kernel, stride))
    assert is_laid_out(layers) is safe


def test_values_are_the_same_either_way() -> None:
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(channels_last(nn.Conv2d(3, 8, 3), images), images)


def test_a_narrow_network_trains_without_harm() -> None:
    """On channels-last memory these backward passes wrote beyond their buffers and ended the process."""
    narrow = create_model("resnet20", width_multiplier=0.25)
    images = torch.rand(16, 1, 28, 28)
    gradients = []
    for _ in range(10):
        narrow.zero_grad()
        narrow(images).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in narrow.parameters()]))
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)
