"""The layers of a network in the order in which an image passes them, as one forward pass shows them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from circuits import QuantumLayer, ReuploadLayer
from sqnn.core import ConfigError
from sqnn.encoding import Encoder, SparseTrains
from sqnn.explain.attribution.relevance.sums import NORMS, WEIGHTED, WeightedSum, weighted_sum
from sqnn.layers import RateTrainedStage, SpikingLinear
from sqnn.models import known_name, logits_of, shown_name
from sqnn.neurons import LIF, QCFS

ACTIVATIONS = (LIF, nn.ReLU, QCFS)
POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
CIRCUITS = (ReuploadLayer, QuantumLayer)
IDLE = (nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout2d, Encoder)
"""Modules that change no value in evaluation mode, or that nothing is divided in."""
SUPPORTED = "linear layers, convolutions, batch norms, if and lif neurons, ReLU, QCFS and pools, one after the other"
ELSE = "method='shapley' explains any network"


@dataclass(frozen=True)
class Call:
    """One call of a module: its path, and what it was given and gave, [steps, batch, ...]."""

    path: str
    module: nn.Module
    inputs: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class LayerPass:
    """A weighted sum with its norm and the activation after it, or a pool, with what they were given and gave.

    `path` is that of the block whose one activation this is, otherwise of the activation or the layer itself;
    `sums` are what the activation was given. All are [steps, batch, ...].
    """

    path: str
    inputs: Tensor
    outputs: Tensor
    weights: WeightedSum | None = None
    activation: nn.Module | None = None
    activation_path: str = ""
    sums: Tensor | None = None
    pool: nn.Module | None = None
    fed_back: nn.Linear | None = None


@dataclass(frozen=True)
class Passed:
    """What one forward pass showed: the layers in their order, the angles of the circuit, if any, and the logits."""

    layers: list[LayerPass]
    angles: Tensor | None
    logits: Tensor


@torch.no_grad()
def pass_through(model: nn.Module, images: Tensor, generator: torch.Generator | None) -> Passed:
    """Run a network on images, and return its layers; ConfigError naming a module that relevance does not know."""
    calls: list[Call] = []
    angles: list[Tensor] = []
    batch = len(images)
    with contextlib.ExitStack() as hooks:
        for path, module in _leaves(model):

            def see(module: nn.Module, inputs: tuple[object, ...], output: object, path: str = path) -> None:
                given = inputs[0].dense() if isinstance(inputs[0], SparseTrains) else inputs[0]
                gave = output[0] if isinstance(output, tuple) else output
                if not (isinstance(given, Tensor) and isinstance(gave, Tensor)):
                    raise ConfigError(f"method: got {path}, which takes or gives no tensor, expected {SUPPORTED}")
                if isinstance(module, CIRCUITS):
                    angles.append(given)
                    return
                given, gave = (_by_step(module, value, batch, path).detach() for value in (given, gave))
                calls.append(Call(path, module, given.to(gave.dtype), gave))

            hooks.callback(module.register_forward_hook(see).remove)
        logits = logits_of(model, images, generator)
    return Passed(list(_layers(model, calls)), angles[0] if angles else None, logits)


def _leaves(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Give the modules that are watched, with their paths."""
    known = (*WEIGHTED, *NORMS, *ACTIVATIONS, *POOLS, *CIRCUITS)
    ignored: list[str] = []
    # A classical head after a circuit is divided with it, and spikes that are fed back with their layer.
    if any(isinstance(part, CIRCUITS) for part in model.modules()):
        ignored += ["head", "classifier"]
    ignored += [f"{path}.recurrent" for path, part in model.named_modules() if isinstance(part, SpikingLinear)]
    for path, module in model.named_modules():
        if path in ignored or any(path.startswith(f"{other}.") for other in ignored):
            continue
        if isinstance(module, known):
            yield path, module
            ignored.append(path)
        elif not any(module.children()) and not isinstance(module, IDLE) and path:
            place = path if known_name(model) else f"{path}, {type(module).__name__}"
            raise ConfigError(
                f"method: got relevance for {shown_name(model)}, which it cannot go back through at {place}; expected "
                f"{SUPPORTED}; {ELSE}"
            )


def _by_step(module: nn.Module, values: Tensor, batch: int, path: str) -> Tensor:
    """Return values as [steps, batch, ...]; neurons, and linear layers on [time, batch, ...], have them so."""
    if isinstance(module, LIF) or (isinstance(module, nn.Linear) and values.ndim == 3):
        if values.shape[1] == batch:
            return values
    elif values.ndim and len(values) % batch == 0:
        return values.unflatten(0, (-1, batch))
    raise ConfigError(f"method: got {path} with values {list(values.shape)} for {batch} images, expected {SUPPORTED}")


def _layers(model: nn.Module, calls: Sequence[Call]) -> Iterator[LayerPass]:
    position = 0
    while position < len(calls):
        call = calls[position]
        owner = model.get_submodule(call.path.rpartition(".")[0])
        group = [call]
        for later in calls[position + 1 :]:
            same = isinstance(owner, RateTrainedStage) and later.path.startswith(call.path.rpartition(".")[0] + ".")
            follows = isinstance(later.module, (*NORMS, *ACTIVATIONS)) and not isinstance(group[-1].module, ACTIVATIONS)
            if isinstance(call.module, POOLS) or not (same or follows):
                break
            group.append(later)
        position += len(group)
        yield _layer(model, group)


def _layer(model: nn.Module, group: Sequence[Call]) -> LayerPass:
    first, last = group[0], group[-1]
    if isinstance(first.module, POOLS):
        return LayerPass(first.path, first.inputs, first.outputs, pool=first.module)
    if not isinstance(first.module, WEIGHTED):
        raise ConfigError(f"method: got {first.path} without a weighted sum before it, expected {SUPPORTED}")
    norm = next((call.module for call in group if isinstance(call.module, NORMS)), None)
    summed = [call for call in group if isinstance(call.module, WEIGHTED)][-1]
    weights = weighted_sum(summed.module, norm)
    if not isinstance(last.module, ACTIVATIONS):
        return LayerPass(first.path, summed.inputs, last.outputs, weights)
    owner = last.path.rpartition(".")[0]
    block = model.get_submodule(owner)
    alone = bool(owner) and sum(isinstance(part, ACTIVATIONS) for part in block.modules()) == 1
    fed_back = getattr(block, "recurrent", None)
    return LayerPass(
        owner if alone else last.path,
        summed.inputs.expand(len(last.inputs), *summed.inputs.shape[1:]),
        last.outputs,
        weights,
        last.module,
        last.path,
        last.inputs,
        fed_back=fed_back if isinstance(fed_back, nn.Linear) else None,
    )
