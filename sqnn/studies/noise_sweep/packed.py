"""What a sweep sends to a worker: a network, and what of it is evaluated under each noise."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sqnn.core import ConfigError, computing_in
from sqnn.data import Split
from sqnn.metrics import ParameterCount, count, predict_logits, run_batches
from sqnn.models import (
    QuantumHead,
    SpikingQuantum,
    build,
    change_circuits,
    circuits_of,
    load_weights,
    model_class,
    model_name,
    own_name,
)

if TYPE_CHECKING:
    from circuits import QuantumLayer, ReuploadLayer
    from sqnn.models import SQDRCNN

BATCH = 512
"""Images at a time, in every cell and on every machine, so that rounding is the same everywhere."""
ENCODER_SEED = 0
"""Seed of random encoders, as in every evaluation: two sweeps see the same spikes."""
EVALUATION = ("engine", "noise", "shots", "device", "diff_method")
"""Fields of a configuration that say how the circuit is evaluated, not what the network is."""
ADDED: Mapping[str, object] = MappingProxyType(
    {"synapse": None, "entangling_gate": "cz", "data_scaling": "none", "observable": "Z"}
)
"""Fields that came later, which are left out at these values, so that older tables know their networks again."""
ANSWERED = 32
"""Images whose classes tell networks of the same weights and other code apart."""

Inputs = NDArray[np.generic] | Split
"""What the part of a network that noise can reach is evaluated on: the circuit's angles [images, 3 n], or images."""


class Packed(Protocol):
    """A network that can be sent, and the measurements that are made of it."""

    @property
    def name(self) -> str: ...

    def unpack(self) -> nn.Module:
        """Return the network, to be evaluated and left as it is."""

    def content(self, images: Split) -> Iterator[bytes]:
        """Give what distinguishes the network from others."""

    def parameters(self) -> ParameterCount:
        """Count the trainable parameters."""

    def inputs(self, images: Split) -> Inputs:
        """Return what `logits` takes in the place of the images."""

    def logits(self, model: nn.Module, inputs: Inputs, seed: int) -> Iterator[Tensor]:
        """Give the logits of `model`, this network under some noise, batch by batch."""


@dataclass(frozen=True)
class PackedNetwork:
    """A network of the package as plain data, from which it is built again wherever this package is installed.

    It holds no code. Who evaluates its circuit, and under which noise, is left out: a sweep says so itself.
    """

    name: str
    config: str
    weights: bytes

    @classmethod
    def pack(cls, model: nn.Module) -> PackedNetwork:
        """Copy a network's name, configuration (JSON) and weights (safetensors)."""
        values = cast("SQDRCNN", model).config.to_dict()
        plain = {
            name: value
            for name, value in values.items()
            if name not in EVALUATION and (name not in ADDED or value != ADDED[name])
        }
        return cls(model_name(model), json.dumps(plain), _weights(model))

    def unpack(self) -> SQDRCNN:
        """Build the network, in evaluation mode."""
        config = model_class(self.name).config_class.from_stored(json.loads(self.config))
        model = cast("SQDRCNN", build(self.name, config))
        state = safetensors.torch.load(self.weights)
        for dtype in {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}:
            model.to(dtype)
        load_weights(model, state, "the sweep's network")
        return model.eval().requires_grad_(False)

    def content(self, images: Split) -> Iterator[bytes]:
        for part in (self.name, self.config):
            yield part.encode() + b"\0"
        yield self.weights

    def parameters(self) -> ParameterCount:
        return count(self.unpack().requires_grad_())

    @torch.no_grad()
    def inputs(self, images: Split) -> NDArray[np.generic]:
        """Return the angles [images, 3 n_qubits] in radians that the circuit reads: noise does not change them."""
        model = self.unpack()
        dtype = next(model.parameters()).dtype
        generator = torch.Generator().manual_seed(ENCODER_SEED)
        with computing_in(1):
            parts: list[Tensor] = [
                model.angles(images.floats(slice(start, start + BATCH)).to(dtype), generator)
                for start in range(0, len(images), BATCH)
            ]
        return torch.cat(parts).numpy()

    def logits(self, model: nn.Module, inputs: Inputs, seed: int) -> Iterator[Tensor]:
        """Evaluate only the circuit and the head."""
        yield from _classified(cast("SQDRCNN", model), inputs)


@dataclass(frozen=True, eq=False)
class OwnNetwork:
    """A network of a user's own with circuits somewhere within, which runs as a whole under each noise.

    Of a `SpikingQuantum` whose encoder draws nothing the circuit and the head run alone, and alone are sent (`once`):
    noise does not reach the front-end. A worker elsewhere must be able to import its class.
    """

    name: str
    model: nn.Module
    once: bool = False

    @classmethod
    def pack(cls, model: nn.Module, images: Split) -> OwnNetwork:
        """Take a network; ConfigError where noise on its circuits would not reach its outputs."""
        packed = cls(own_name(model), model, _runs_once(model, images))
        packed._check_reached(images)
        return packed

    def unpack(self) -> nn.Module:
        return self.model

    def content(self, images: Split) -> Iterator[bytes]:
        """Give the weights, what the network prints, and its answers: code cannot be compared."""
        plain = change_circuits(self.model, _ideal)
        yield f"{self.name} {plain!r}".encode() + b"\0"
        yield _weights(self.model)
        yield predict_logits(plain, images.take(slice(ANSWERED)), threads=1).argmax(1).numpy().tobytes()

    def parameters(self) -> ParameterCount:
        return count(self.model)

    def inputs(self, images: Split) -> Inputs:
        if not self.once:
            return images
        model = cast(SpikingQuantum, self.model)
        return run_batches(model, images, model.angles, BATCH, threads=1).numpy()

    def __getstate__(self) -> dict[str, object]:
        """Return what is sent: a front-end may hold what cannot be, such as the surrogates of snnTorch."""
        model = self.model
        if self.once:
            model = copy.copy(model)
            model._modules = {**model._modules, "frontend": nn.Identity()}
        return {"name": self.name, "model": model, "once": self.once}

    def logits(self, model: nn.Module, inputs: Inputs, seed: int) -> Iterator[Tensor]:
        """Evaluate all of it; random encoders, and shots of a generator that forward passes on, follow from `seed`."""
        generator = torch.Generator().manual_seed(seed)
        if self.once:
            yield from _classified(cast(SpikingQuantum, model), inputs, generator)
            return
        yield from predict_logits(model, cast(Split, inputs), BATCH, generator, threads=1).split(BATCH)

    def _check_reached(self, images: Split) -> None:
        """Raise ConfigError where forward does not call the circuits that are put in place of the network's."""
        met: list[nn.Module] = []
        own, plain = circuits_of(self.model), change_circuits(self.model, _ideal)
        # The circuits of both: a copy need not have the hooks of the module that it was made from.
        hooks = [
            circuit.register_forward_pre_hook(lambda module, _: met.append(module))
            for circuit in (*own, *circuits_of(plain))
        ]
        try:
            predict_logits(plain, images.take(slice(1)), threads=1)
        finally:
            for hook in hooks:
                hook.remove()
        if not met or any(circuit is module for circuit in own for module in met):
            called = "calls no circuit" if not met else "reaches a circuit beside the modules that hold it"
            raise ConfigError(
                f"models: got {type(self.model).__name__}, whose forward {called}, expected self.circuit(...) of a "
                "circuit that is a part of it: noise would not reach its outputs"
            )


@torch.no_grad()
def _classified(model: QuantumHead, angles: Inputs, generator: torch.Generator | None = None) -> Iterator[Tensor]:
    """Give the logits of a head for the angles that its circuit reads."""
    for part in torch.from_numpy(cast("NDArray[np.generic]", angles).copy()).split(BATCH):
        yield model.classify(part, generator)


def _runs_once(model: nn.Module, images: Split) -> bool:
    """Say whether the angles of a network are the same whatever the seed and the noise: its front-end draws nothing."""
    if type(model) is not SpikingQuantum or model._forward_hooks or model._forward_pre_hooks:
        return False
    generator = torch.Generator().manual_seed(ENCODER_SEED)
    before = generator.get_state()
    run_batches(model, images.take(slice(1)), lambda part: model.angles(part, generator), threads=1)
    return torch.equal(generator.get_state(), before)


def _ideal(circuit: ReuploadLayer | QuantumLayer) -> nn.Module:
    """Return a circuit without noise and shots, which an engine evaluates that has neither cost nor draws."""
    from circuits import RuntimeEngine

    return circuit.with_noise(None, "lightcone" if isinstance(circuit.engine, RuntimeEngine) else None)


def _weights(model: nn.Module) -> bytes:
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(model.state_dict().items())}
    # Copies where networks share one tensor between two names: files of safetensors may not.
    return safetensors.torch.save({name: tensor.clone() for name, tensor in state.items()})
