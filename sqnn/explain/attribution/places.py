"""Places of a network that attributions are about: pixels, spikes, angles of the circuit, a layer, the weights."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from noise_models import unknown
from sqnn.core import ConfigError, require
from sqnn.encoding import Encoder, Rate
from sqnn.explain.attribution.result import IMAGE, Grouping
from sqnn.explain.recording import neurons_of
from sqnn.models import QuantumHead, logits_of
from sqnn.neurons import Neuron

PIXELS, SPIKES, ANGLES, QUBITS, LAYER, WEIGHTS = "pixels", "spikes", "angles", "qubits", "layer", "weights"
NAMED = (PIXELS, SPIKES, ANGLES, QUBITS, WEIGHTS)
"""Places with a name of their own; any other name is the path of a layer."""
ROTATIONS = 3
"""Angles that a qubit reads, one after the other."""
MOST_WEIGHTS = 2**28
"""Most numbers, images times parameters, that values of weights may have."""


class Place(ABC):
    """One place of a network: what it holds for images, and the logits where it holds something else.

    A point is [batch, ...], with the axes `axes` after it was read once. `kind` is what methods name in their `at`.
    """

    kind: ClassVar[str]
    axes: tuple[str, ...] = (IMAGE,)
    groups: Mapping[str, Grouping]

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.groups = {}

    @abstractmethod
    def read(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return what the place holds for images [batch, ...]: a point [batch, ...]."""

    @abstractmethod
    def logits(self, point: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the logits [batch, classes] where the place holds `point` [batch, ...] for these images."""


class Pixels(Place):
    """The images themselves."""

    kind = PIXELS

    def read(self, images: Tensor, generator: torch.Generator) -> Tensor:
        self.axes = (IMAGE, *axes_of(images.ndim - 1, images.ndim == 5))
        return images

    def logits(self, point: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
        return logits_of(self.model, point, generator)


class Spikes(Place):
    """The trains that an encoder of the network sends, [batch, time, ...]; random ones are drawn once and kept."""

    kind = SPIKES

    def __init__(self, model: nn.Module, encoder: Encoder, path: str) -> None:
        super().__init__(model)
        self.encoder, self.path = encoder, path

    def read(self, images: Tensor, generator: torch.Generator) -> Tensor:
        trains: list[Tensor] = []

        def see(train: Tensor, unit: Tensor) -> Tensor:
            trains.append(train)
            return train

        with emitting(self.encoder, see):
            logits_of(self.model, images, generator)
        if len(trains) != 1:
            raise ConfigError(
                f"at: got an encoder, {self.path}, that is called {len(trains)} times for a batch, expected once"
            )
        self.axes = (IMAGE, *axes_of(trains[0].ndim - 1, True))
        return trains[0].transpose(0, 1)

    def logits(self, point: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
        with emitting(self.encoder, lambda train, unit: point.transpose(0, 1)):
            return logits_of(self.model, images, generator)


class Angles(Place):
    """The data angles that the circuit reads, [batch, 3 n_qubits] in radians; three of each qubit in a row."""

    kind = ANGLES

    def __init__(self, model: nn.Module, circuit: nn.Module) -> None:
        super().__init__(model)
        self.circuit = circuit
        self.axes = (IMAGE, "angle")

    def read(self, images: Tensor, generator: torch.Generator) -> Tensor:
        points: list[Tensor] = []
        hook = self.circuit.register_forward_pre_hook(lambda module, inputs: points.append(inputs[0]))
        try:
            logits_of(self.model, images, generator)
        finally:
            hook.remove()
        require(len(points) == 1, "at", ANGLES, f"a circuit that is called once for a batch, not {len(points)} times")
        width = points[0].shape[-1]
        names = tuple(map(str, range(-(-width // ROTATIONS))))
        self.groups = {"qubit": Grouping("angle", torch.arange(width) // ROTATIONS, names)}
        return points[0]

    def logits(self, point: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
        if isinstance(self.model, QuantumHead):
            return self.model.classify(point, generator)
        hook = self.circuit.register_forward_pre_hook(lambda module, inputs: (point, *inputs[1:]))
        try:
            return logits_of(self.model, images, generator)
        finally:
            hook.remove()


class LayerOutput(Place):
    """What a module of the network gives: [batch, time, ...] of neurons, [batch, ...] of modules without time."""

    kind = LAYER

    def __init__(self, model: nn.Module, module: nn.Module, path: str) -> None:
        super().__init__(model)
        self.module, self.path = module, path
        self._batch_axis = 1
        self._calls = 1

    def read(self, images: Tensor, generator: torch.Generator) -> Tensor:
        state = generator.get_state()
        outputs = self._outputs(images, generator)
        # The dimension that is three times as long for three times the images is the batch.
        one, three = (self._outputs(torch.cat([images[:1]] * k), generator.set_state(state))[0].shape for k in (1, 3))
        grown = [k for k, (few, many) in enumerate(zip(one, three, strict=True)) if many == 3 * few and many != few]
        if grown not in ([0], [1]) or one[grown[0]] != 1:
            raise ConfigError(
                f"at: got {self.path}, whose output is {list(one)} for one image and {list(three)} for three, expected "
                "[batch, ...] or [time, batch, ...]"
            )
        self._batch_axis, self._calls = grown[0], len(outputs)
        points = [output.movedim(self._batch_axis, 0) for output in outputs]
        point = torch.stack(points, 1) if len(points) > 1 else points[0]
        timed = len(points) > 1 or (self._batch_axis == 1 and point.ndim > 2)
        self.axes = (IMAGE, *axes_of(point.ndim - 1, timed))
        return point

    def logits(self, point: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
        steps = iter(point.unbind(1) if self._calls > 1 else [point])

        def give(module: nn.Module, inputs: object, output: object) -> object:
            given = next(steps).movedim(0, self._batch_axis)
            return (given, *output[1:]) if isinstance(output, tuple) else given

        hook = self.module.register_forward_hook(give)
        try:
            return logits_of(self.model, images, generator)
        finally:
            hook.remove()

    def _outputs(self, images: Tensor, generator: torch.Generator) -> list[Tensor]:
        outputs: list[Tensor] = []

        def see(module: nn.Module, inputs: object, output: object) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if not isinstance(first, Tensor):
                raise ConfigError(f"at: got {self.path}, whose output is a {type(first).__name__}, expected a tensor")
            outputs.append(first)

        hook = self.module.register_forward_hook(see)
        try:
            logits_of(self.model, images, generator)
        finally:
            hook.remove()
        if not outputs:
            raise ConfigError(f"at: got {self.path}, which the network does not call, expected a layer that it uses")
        return outputs


class Weights(Place):
    """All parameters of the network in one line, [batch, parameters]: each image has its own."""

    kind = WEIGHTS

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.parameters = dict(model.named_parameters())
        self.axes = (IMAGE, "parameter")
        if not self.parameters:
            raise ConfigError(f"at: got {WEIGHTS!r} for a network without parameters, expected pixels")
        sizes = torch.tensor([weight.numel() for weight in self.parameters.values()])
        index = torch.arange(len(sizes)).repeat_interleave(sizes)
        layers = [name.rpartition(".")[0] or name for name in self.parameters]
        names = tuple(dict.fromkeys(layers))
        by_layer = torch.tensor([names.index(layer) for layer in layers])
        self.groups = {
            "tensor": Grouping("parameter", index, tuple(self.parameters)),
            "layer": Grouping("parameter", by_layer[index], names),
        }

    def read(self, images: Tensor, generator: torch.Generator) -> Tensor:
        line = torch.cat([weight.detach().flatten() for weight in self.parameters.values()])
        least = f"at most {MOST_WEIGHTS // len(line):,} for {len(line):,} parameters"
        require(len(images) * len(line) <= MOST_WEIGHTS, "images", len(images), least)
        return line.expand(len(images), -1)

    def logits(self, point: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
        state, rows = generator.get_state(), []
        for row, image in zip(point, images, strict=True):
            with self._holding(row):
                rows.append(logits_of(self.model, image[None], generator.set_state(state)))
        return torch.cat(rows)

    @contextlib.contextmanager
    def _holding(self, row: Tensor) -> Iterator[None]:
        """Within the block, the network has the parameters of a line.

        torch.func.functional_call would do, but leaves a module that has two paths with the others.
        """
        parts = row.split([weight.numel() for weight in self.parameters.values()])
        given = {id(weight): part for weight, part in zip(self.parameters.values(), parts, strict=True)}
        owners = [
            (module._parameters, name, weight)
            for module in self.model.modules()
            for name, weight in module._parameters.items()
            if weight is not None
        ]
        try:
            for parameters, name, weight in owners:
                parameters[name] = given[id(weight)].view(weight.shape)  # type: ignore[assignment]
            yield
        finally:
            for parameters, name, weight in owners:
                parameters[name] = weight


def place_named(model: nn.Module, at: str) -> Place:
    """Return the place of a name, or of a layer's path; ConfigError lists names, of layers those in a record."""
    from circuits import QuantumLayer, ReuploadLayer

    modules = {path: module for path, module in model.named_modules() if path}
    if at == PIXELS:
        return Pixels(model)
    if at == WEIGHTS:
        return Weights(model)
    if at == SPIKES:
        return Spikes(model, *_only(at, "encoder", {p: m for p, m in modules.items() if isinstance(m, Encoder)}))
    if at in (ANGLES, QUBITS):
        circuits = {path: m for path, m in modules.items() if isinstance(m, QuantumLayer | ReuploadLayer)}
        return Angles(model, _only(at, "circuit", circuits)[0])
    if at not in modules:
        neurons = [name for name in neurons_of(model) if name in modules]
        raise ConfigError(unknown("at", at, (*NAMED, *(neurons or modules))))
    module = modules[at]
    return Spikes(model, module, at) if isinstance(module, Encoder) else LayerOutput(model, sole_neurons(module), at)


def sole_neurons(module: nn.Module) -> nn.Module:
    """Return the neurons of a block that has one layer of them, which share its path in a record; else the module."""
    neurons = [child for child in module.children() if isinstance(child, Neuron)]
    return neurons[0] if len(neurons) == 1 else module


def _only(at: str, noun: str, modules: Mapping[str, Any]) -> tuple[Any, str]:
    if len(modules) != 1:
        which = f"{len(modules)}: {', '.join(modules)}" if modules else "none"
        mend = f"the path of one, or {PIXELS}" if modules else f"{PIXELS}, or the path of a layer"
        raise ConfigError(f"at: got {at!r} for a network with {noun}s: {which}; expected {mend}")
    path, module = next(iter(modules.items()))
    return module, path


@contextlib.contextmanager
def emitting(encoder: Encoder, instead: Callable[[Tensor, Tensor], Tensor]) -> Iterator[None]:
    """Within the block, the encoder sends `instead(trains, values)` [time, batch, ...] for the trains of its values."""
    emit = encoder.emit

    def replaced(unit: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return instead(emit(unit, generator), unit)

    own: dict[str, Callable[..., Tensor]] = {"emit": replaced}
    if isinstance(encoder, Rate):
        sparse = encoder.sparse

        def in_one_line(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
            trains = sparse(images, generator).dense(images.dtype)
            return instead(trains.unflatten(2, images.shape[1:]), images).flatten(2).as_subclass(_DenseTrains)

        own["sparse"] = in_one_line
    before = {name: vars(encoder)[name] for name in own if name in vars(encoder)}
    vars(encoder).update(own)
    try:
        yield
    finally:
        for name in own:
            del vars(encoder)[name]
        vars(encoder).update(before)


class _DenseTrains(Tensor):
    """Trains [time, batch, features] that answer what a network asks sparse ones."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    def sums(self, weights: Tensor) -> Tensor:
        return self.as_subclass(Tensor) @ weights


def axes_of(dimensions: int, timed: bool) -> tuple[str, ...]:
    """Return the names of the axes after the batch: timestep, channel, row and column, or neuron."""
    time = ("timestep",) if timed else ()
    rest = dimensions - len(time)
    spatial = {0: (), 1: ("neuron",), 2: ("row", "column"), 3: ("channel", "row", "column")}
    return time + spatial.get(rest, tuple(f"axis {k}" for k in range(rest)))
