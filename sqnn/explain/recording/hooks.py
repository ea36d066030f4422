"""The recorder: hooks on every layer of neurons and every circuit of a network, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from circuits import QuantumLayer, ReuploadLayer
from sqnn.conversion import SpikingNetwork
from sqnn.core import Choices, ConfigError, require
from sqnn.encoding import Encoder, SparseTrains
from sqnn.explain.recording.foreign import SnnTorchNeurons, SpikingJellyNeurons
from sqnn.explain.recording.heads import HeadRecord, bloch_vectors
from sqnn.explain.recording.layers import LayerRecord
from sqnn.explain.recording.monitors import CompetingNeurons, ConvertedNeurons, Monitor, OwnNeurons, Wanted
from sqnn.models import SQDRCNN

MONITORS: tuple[Monitor, ...] = (
    OwnNeurons(),
    ConvertedNeurons(),
    CompetingNeurons(),
    SnnTorchNeurons(),
    SpikingJellyNeurons(),
)
"""Kinds of neurons that are recorded."""
NEURON = ".neuron"
"""End of a path that names of layers leave out."""


class Recorder:
    """What the forward passes of a network left since the last `clear`: `layers`, `heads` and `input`.

    `layers` are the records of the layers of neurons by their names, in the order in which the last pass reached them;
    `heads` those of the circuits; `input` is the output of the first encoder [time, batch, ...], or None.
    """

    def __init__(self, monitors: Mapping[str, Monitor]) -> None:
        self._monitors = monitors
        self._calls: dict[str, list[LayerRecord]] = {}
        self.heads: dict[str, HeadRecord] = {}
        self.input: Tensor | None = None

    @property
    def layers(self) -> dict[str, LayerRecord]:
        """The records of all layers that were reached."""
        found = (record for name, calls in self._calls.items() for record in self._monitors[name].combine(calls))
        return {record.name: record for record in found}

    def clear(self) -> None:
        """Forget what was seen; call it between two forward passes."""
        self._calls, self.heads, self.input = {}, {}, None

    def see(self, name: str, call: LayerRecord) -> None:
        """Take in one call of a layer."""
        self._calls.setdefault(name, []).append(replace(call, name=name))

    def see_input(self, trains: Tensor) -> None:
        """Take in what an encoder gave: the first one counts."""
        if self.input is None:
            self.input = trains


def neurons_of(model: nn.Module) -> dict[str, tuple[nn.Module, Monitor]]:
    """Return the layers of neurons of a network by their names, each with the monitor that records it."""
    known = dict(_sites(model))
    found = {}
    for path, part in model.named_modules():
        monitor = next((monitor for monitor in MONITORS if monitor.knows(part)), None)
        if monitor is not None:
            name = known.get(path, path.removesuffix(NEURON) or type(part).__name__)
            found[path if name in found else name] = (part, monitor)
    return found


def _sites(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Give the paths of neurons of converted networks, and the names of the activations that they stand for."""
    for outer, part in model.named_modules():
        if isinstance(part, SpikingNetwork):
            before = f"{outer}." if outer else ""
            targets = {node.name: str(node.target) for node in part.spiking.graph.nodes}
            yield from ((f"{before}spiking.{targets[node]}", before + path) for node, path in part.sites.items())


def _feeds(model: nn.Module) -> dict[str, str]:
    """Return the layer of neurons whose rates are the angles of a circuit, by the path of the circuit."""
    found = {}
    for path, part in model.named_modules():
        if isinstance(part, SQDRCNN) and part.frontend.output is not None and isinstance(part.circuit, ReuploadLayer):
            before = f"{path}." if path else ""
            found[f"{before}circuit"] = f"{before}frontend.output"
    return found


@contextmanager
def recorder(
    model: nn.Module,
    *,
    layers: Sequence[str] | None = None,
    membranes: bool = True,
    currents: bool = True,
    bloch: bool = True,
    detach: bool = True,
    device: torch.device | None = None,
) -> Iterator[Recorder]:
    """Record the forward passes of a network within the block, and leave the network as it was after it.

    The network computes what it computes without, bit by bit. `layers` are the names of those that are recorded, all by
    default; `membranes`, `currents` and `bloch` say what is kept beside the spikes and the head. With `detach=False`
    the trains of this package's neurons are those of the network's own graph, for gradients. Detached ones are kept on
    `device`, by default where the network is. Hooks are removed whatever happens within the block.

    Raises ConfigError naming a layer that the network does not have.

    >>> with recorder(model) as seen:
    ...     logits = model(images)
    >>> seen.layers["frontend.blocks.0"].spikes
    """
    found = neurons_of(model)
    if layers is not None:
        require(not isinstance(layers, str), "layers", layers, "a list of names")
        if not found:
            raise ConfigError(f"layers: got {', '.join(layers)}, expected none: the network has no spiking neurons")
        require(len(set(layers)) == len(layers), "layers", layers, "each layer once")
        known = Choices("layers", found)
        found = {name: known.pick(name, error=ConfigError) for name in layers}
    seen = Recorder({name: monitor for name, (_, monitor) in found.items()})
    wanted = Wanted(membranes, currents, detach, device)
    with ExitStack() as hooks:
        for name, (part, monitor) in found.items():
            monitor.watch(part, wanted, partial(seen.see, name), hooks)
        feeds = _feeds(model)
        for path, part in model.named_modules():
            if isinstance(part, Encoder):
                _watch_encoder(part, wanted, seen, hooks)
            if isinstance(part, ReuploadLayer | QuantumLayer):
                _watch_circuit(part, path, wanted, bloch, seen, hooks, feeds.get(path))
        yield seen


def _watch_encoder(encoder: Encoder, wanted: Wanted, seen: Recorder, hooks: ExitStack) -> None:
    """Let the encoder hand on what it gives, by both of its verbs, until `hooks` put these back."""

    def watched(verb: Callable[..., Any]) -> Callable[..., Any]:
        def call(images: Tensor, *args: Any, **named: Any) -> Any:
            trains = verb(images, *args, **named)
            if isinstance(trains, SparseTrains):
                seen.see_input(wanted.made(trains.dense(images.dtype).view(-1, *images.shape)))
            else:
                seen.see_input(wanted.keep(trains))
            return trains

        return call

    for name in ("emit", "sparse"):
        if hasattr(encoder, name):
            before = vars(encoder).get(name)
            put_back = partial(delattr, encoder, name) if before is None else partial(setattr, encoder, name, before)
            hooks.callback(put_back)
            setattr(encoder, name, watched(getattr(encoder, name)))


def _watch_circuit(
    circuit: ReuploadLayer | QuantumLayer,
    path: str,
    wanted: Wanted,
    bloch: bool,
    seen: Recorder,
    hooks: ExitStack,
    fed_by: str | None,
) -> None:
    observable = circuit.engine.observable if isinstance(circuit, ReuploadLayer) else None

    def leave(
        circuit: ReuploadLayer | QuantumLayer, args: tuple[Any, ...], named: Mapping[str, Any], output: Tensor
    ) -> None:
        inputs: Tensor = args[0] if args else named["inputs"]
        angles = inputs.reshape(-1, inputs.shape[-1])
        vectors = None
        if bloch and isinstance(circuit, ReuploadLayer):
            try:
                vectors = wanted.made(bloch_vectors(circuit, angles.detach()))
            except ValueError as error:
                raise ConfigError(f"bloch: got True, expected False for this circuit: {error}") from error
        expectations = output.reshape(len(angles), -1)
        seen.heads[path] = HeadRecord(wanted.keep(angles), wanted.keep(expectations), vectors, observable, fed_by)

    hooks.callback(circuit.register_forward_hook(leave, with_kwargs=True).remove)
