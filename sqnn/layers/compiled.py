"""Which networks are trained by the compiled kernels."""

from __future__ import annotations

from torch import nn

from circuits import ReuploadLayer
from sqnn.kernels import kernels
from sqnn.layers.separable import SeparableCNN
from sqnn.layers.spiking_cnn import SpikingCNN

TAKING = {"layers": (SpikingCNN, SeparableCNN), "circuit": (ReuploadLayer,)}
"""What may be computed by kernels, and the modules that say whether they are."""


def kernels_for(model: nn.Module, device: str = "cpu") -> str:
    """Return a line on the compiled kernels that a network is trained by on a device, or why there are none for it.

    Layers that somebody watches, such as a learning rule, run in PyTorch all the same.
    """
    if device != "cpu":
        return f"none: trained on {device}"
    parts = list(model.modules())
    taking = [
        name for name, kinds in TAKING.items() if any(isinstance(part, kinds) and part.takes_kernels for part in parts)
    ]
    if not taking:
        return "none: no layer of this network takes them"
    found = kernels()
    return found.line if found.library is None else f"{' and '.join(taking)}, {found.line}"
