"""Initial weights of convolutions and linear layers, drawn from a generator that is passed in."""

from __future__ import annotations

import math

import torch
from torch import nn


def reset_parameters(module: nn.Module, generator: torch.Generator) -> None:
    """Draw weights and biases of convolutions and linear layers from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as PyTorch."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            bound = 1 / math.sqrt(fan_in)
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def kaiming_normal(module: nn.Module, generator: torch.Generator) -> None:
    """Draw every convolution's weights from N(0, 2 / fan_out) and set its biases to 0.

    fan_out is the number of outputs that one input enters, kernel area x outputs / groups: after a ReLU, gradients
    then keep their variance through any number of layers.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2, equation 14.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.weight[:, 0].numel() // layer.groups
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out), generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
