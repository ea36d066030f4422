"""Which networks are trained by the compiled kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from circuits import ReuploadLayer
from circuits.kernels import kernels as circuit_kernels
from sqnn.kernels import Kernels, kernels
from sqnn.layers.separable import SeparableCNN
from sqnn.layers.spiking_cnn import SpikingCNN
from sqnn.neurons import LIF, GPUKernels, gpu_kernels
from sqnn.neurons import kernels as neuron_kernels

TAKING = {
    "layers": ((SpikingCNN, SeparableCNN), kernels),
    "neurons": ((LIF,), neuron_kernels),
    "circuit": ((ReuploadLayer,), circuit_kernels),
}
"""What may be computed by kernels, the modules that say whether they are, and the library of the kernels."""
PYTORCH = "PyTorch"
"""What computes where there are no kernels."""


def kernels_for(model: nn.Module, device: str = "cpu") -> str:
    """Return a line on the compiled kernels that a network is trained by on a device, or why there are none for it.

    Neurons of a layer that is computed as a whole are not named again. Layers that somebody watches, such as a learning
    rule, run in PyTorch all the same.
    """
    if device != "cpu":
        gpu = _on_gpu(model, device)
        if gpu is None:
            return f"none: trained on {device}"
        return f"neurons, {gpu.line}" if gpu.available else gpu.line
    found: dict[str, list[str]] = {}
    for name, library in _taking(model).items():
        found.setdefault(library.line, []).append(name)
    if not found:
        return "none: no layer of this network takes them"
    return "; ".join(f"{_listed(names)}, {line}" for line, names in found.items())


def arithmetic_of(model: nn.Module, device: str = "cpu") -> dict[str, str]:
    """Return what computes each part of a network that kernels may compute, on a device; {"device": device} on others.

    Trainings of which it differs round their sums otherwise. Why there are no kernels makes no difference.
    """
    if device != "cpu":
        gpu = _on_gpu(model, device)
        neurons = {} if gpu is None else {"neurons": gpu.line if gpu.available else PYTORCH}
        return {"device": device, **neurons}
    taking = _taking(model).items()
    # Sums are kept for as many images as lie side by side in the vectors of a processor.
    return {
        name: PYTORCH if library.library is None else f"{library.line}, {library.lanes} lanes"
        for name, library in taking
    }


def _on_gpu(model: nn.Module, device: str) -> GPUKernels | None:
    """Return the kernels for GPUs where a network on a device has neurons that they compute."""
    takes = device == "cuda" and any(isinstance(part, LIF) and part.takes_kernels for part in model.modules())
    return gpu_kernels() if takes else None


def _taking(model: nn.Module) -> dict[str, Kernels]:
    """Return the libraries of the kernels that may compute parts of a network, by the name of the part."""
    found: dict[str, Kernels] = {}
    parts = list(model.modules())
    for name, (kinds, library) in TAKING.items():
        taking = [part for part in parts if isinstance(part, kinds) and part.takes_kernels]
        if taking:
            found[name] = library()
        whole = {id(part) for each in taking for part in _computed_whole(each)}
        parts = [part for part in parts if id(part) not in whole]
    return found


def _computed_whole(layer: nn.Module) -> Iterable[nn.Module]:
    """Return what of a layer the kernels compute as a whole; neurons behind it are computed by themselves."""
    parts = {SpikingCNN: "blocks", SeparableCNN: "stages"}
    return next((getattr(layer, name).modules() for kind, name in parts.items() if isinstance(layer, kind)), ())


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
