"""The contract of a peer: another public library, or one way to use it, and what it can evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from circuits import DataReupload
    from noise_models import Noise

Evaluate = Callable[[Tensor, Tensor], Tensor]
"""Inputs [batch, 3 n_qubits] and weights [n_blocks, n_qubits, 3], in radians, to <Z> [batch, n_qubits]."""
Fire = Callable[[Tensor], Tensor]
"""Currents [time, batch, ...] to spikes, from membranes of zero."""
Run = Callable[[Tensor], Tensor]
"""Everything that one batch of images takes, from images to summed outputs."""


@dataclass(frozen=True)
class Pass:
    """Forward and backward of one circuit on one batch.

    `run()` returns <Z> and the gradients of their sum by inputs and weights, in the peer's own arrays.
    `compile_seconds` is what it took to compile, None where nothing is compiled.
    """

    run: Callable[[], tuple[object, ...]]
    compile_seconds: float | None = None

    def results(self) -> list[Tensor]:
        """Run once and return the three results as tensors on the CPU."""
        parts = (part if isinstance(part, Tensor) else np.array(part) for part in self.run())
        return [torch.as_tensor(part).detach().cpu() for part in parts]


@dataclass(frozen=True)
class Layerwise:
    """How to build the parts of a layer-wise hybrid network, and how to make their neurons forget the last batch.

    `block(in_channels, out_channels, surrogate)` is one convolutional fusion block that halves the image, rounding
    down; `network(in_channels, num_classes, width, surrogate)` is the VGG form with its five of them. `surrogates` are
    the gradients of the bit planes that both take.
    """

    block: Callable[[int, int, str], nn.Module]
    network: Callable[[int, int, int, str], nn.Module]
    reset: Callable[[nn.Module], object]
    surrogates: tuple[str, ...]


@dataclass(frozen=True)
class Peer:
    """One peer: `name` is what options call it, `title` what tables do; a field that is None is work it cannot do.

    `modules` must all be there for it to count as installed; `package` is the distribution that has its version.

    `circuit(circuit, inputs, weights)` prepares a pass. `single` peers execute each sample by itself; `compiles` says
    that each shape of a batch is compiled; `states` is how many states a peer keeps for the backward pass of one
    rotation, as far as its memory use shows; `cpu_only` peers compute on no other device (a function is asked, of
    packages that there are for CPUs and for GPUs); `precisions` are those that its results have.

    `noisy(circuit, noise, shots)` evaluates under noise, exactly where shots is None; `noisy_batches` holds the batch
    that suits it for each task of the benchmark `noise` that it takes part in. `readout` says whether it has
    readout errors.

    `convert(model, images, timesteps)` converts a ReLU network, calibrated on some images. `layerwise()` gives the
    parts of layer-wise networks. `windows(weight, pre, post)` gives its updates of a weight [out, in] by the pairs of
    spikes of a window [time, batch, ...], by title: each call returns the change.

    `neurons(device)` makes a layer of neurons without leak, threshold 1, arctan surrogate of slope 2 where it has one,
    in the way that runs all steps at once where there is one, with all that it holds on that device; `subtracts` says
    whether a spike takes off one threshold, or all of the membrane.
    """

    name: str
    title: str
    package: str
    modules: tuple[str, ...] = ()
    circuit: Callable[[DataReupload, Tensor, Tensor], Pass] | None = None
    single: bool = False
    compiles: bool = False
    states: int = 0
    cpu_only: bool | Callable[[], bool] = False
    precisions: tuple[torch.dtype, ...] = (torch.float32, torch.float64)
    noisy: Callable[[DataReupload, Noise, int | None], Evaluate] | None = None
    noisy_batches: Mapping[str, int] | None = None
    readout: bool = True
    convert: Callable[[nn.Module, Tensor, int], Run] | None = None
    layerwise: Callable[[], Layerwise] | None = None
    windows: Callable[[Tensor, Tensor, Tensor], Mapping[str, Callable[[], Tensor]]] | None = None
    neurons: Callable[[str], Fire] | None = None
    subtracts: bool = True

    def installed(self) -> bool:
        """Whether everything that it needs can be imported here."""
        return all(find_spec(module) is not None for module in self.modules)

    def computes_on(self, device: str) -> bool:
        """Whether it computes on a torch device, such as cuda."""
        return device == "cpu" or not (self.cpu_only() if callable(self.cpu_only) else self.cpu_only)

    @property
    def version(self) -> str:
        """The installed version; empty where it is used without being installed."""
        return version_of(self.package)


def version_of(package: str) -> str:
    """Return the installed version of a package, empty where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def torch_pass(evaluate: Evaluate, inputs: Tensor, weights: Tensor) -> Pass:
    """Return the pass of a function of tensors: its values, and by PyTorch the gradients of their sum."""

    def run() -> tuple[Tensor, ...]:
        values = evaluate(inputs, weights)
        return (values, *torch.autograd.grad(values, (inputs, weights), torch.ones_like(values)))

    return Pass(run)
