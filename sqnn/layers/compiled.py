"""Which networks are trained by the compiled kernels."""

from __future__ import annotations

from torch import nn

from circuits import ReuploadLayer
from circuits.kernels import kernels as circuit_kernels
from sqnn.kernels import kernels
from sqnn.layers.separable import SeparableCNN
from sqnn.layers.spiking_cnn import SpikingCNN

TAKING = {"layers": ((SpikingCNN, SeparableCNN), kernels), "circuit": ((ReuploadLayer,), circuit_kernels)}
"""What may be computed by kernels, the modules that say whether they are, and the library of the kernels."""


def kernels_for(model: nn.Module, device: str = "cpu") -> str:
    """Return a line on the compiled kernels that a network is trained by on a device, or why there are none for it.

    Layers that somebody watches, such as a learning rule, run in PyTorch all the same.
    """
    if device != "cpu":
        return f"none: trained on {device}"
    parts = list(model.modules())
    found: dict[str, list[str]] = {}
    for name, (kinds, library) in TAKING.items():
        if any(isinstance(part, kinds) and part.takes_kernels for part in parts):
            found.setdefault(library().line, []).append(name)
    if not found:
        return "none: no layer of this network takes them"
    return "; ".join(f"{' and '.join(names)}, {line}" for line, names in found.items())
