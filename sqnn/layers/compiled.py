"""Which networks are trained by the compiled kernels."""

from __future__ import annotations

from torch import nn

from sqnn.kernels import kernels
from sqnn.layers.separable import SeparableCNN
from sqnn.layers.spiking_cnn import SpikingCNN


def kernels_for(model: nn.Module, device: str = "cpu") -> str:
    """Return a line on the compiled kernels that a network is trained by on a device, or why there are none for it.

    Blocks that somebody watches, such as a learning rule, run in PyTorch all the same.
    """
    if device != "cpu":
        return f"none: trained on {device}"
    if not any(isinstance(part, SpikingCNN | SeparableCNN) and part.takes_kernels() for part in model.modules()):
        return "none: no layer of this network takes them"
    return kernels().line
