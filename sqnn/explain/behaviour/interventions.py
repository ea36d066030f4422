"""Interventions: the spikes of a layer, or the angles of a circuit, replaced in every forward pass of a block."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from sqnn.core import Choices, ConfigError
from sqnn.explain.recording import SpikeRecord, neurons_of, record
from sqnn.layers import SpikingLinear
from sqnn.models import circuits_of, shown_name
from sqnn.neurons import Neuron

if TYPE_CHECKING:
    import pandas as pd

Change = Callable[[Tensor], Tensor]
"""Returns what takes the place of spikes [time, batch, *neurons], angles or expectations [batch, ...]."""


class Tabled(ABC):
    """A result that a notebook shows as its one line and its table."""

    @property
    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """The numbers as a table."""

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.frame.to_html(index=False)}"


def spikes_and_head(model: nn.Module, images: Tensor) -> SpikeRecord:
    """Return the record of images as one batch, without membranes, currents and Bloch vectors."""
    return record(model, images, membranes=False, currents=False, bloch=False, batch_size=len(images))


@contextmanager
def changed_spikes(model: nn.Module, layer: str, change: Change) -> Iterator[None]:
    """Let `change` replace the spikes of a layer within the block: all that reads them, a record too, sees the new.

    Membranes stay those that the neurons computed. Raises ConfigError where the network has no such layer, where its
    neurons are not the package's own, and where they are fed back within the layer.
    """
    part, _ = Choices("layer", neurons_of(model)).pick(layer, error=ConfigError)
    if not isinstance(part, Neuron):
        raise ConfigError(f"layer: got {layer} of {type(part).__name__}, expected neurons of sqnn.neurons")
    if any(isinstance(m, SpikingLinear) and m.neuron is part and m.recurrent is not None for m in model.modules()):
        raise ConfigError(f"layer: got {layer}, which feeds its spikes back, expected a layer that does not")
    before, own = part.forward, vars(part).get("forward")

    @functools.wraps(before)
    def forward(*args: Any, **named: Any) -> Any:
        output = before(*args, **named)
        return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)

    part.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        if own is None:
            del part.forward
        else:
            part.forward = own  # type: ignore[method-assign]


@contextmanager
def changed_angles(model: nn.Module, change: Change) -> Iterator[None]:
    """Let `change` replace the angles [batch, 3 n_qubits] that the network's circuit reads within the block."""

    def enter(part: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (change(args[0]), *args[1:]), named

    handle = first_circuit(model).register_forward_pre_hook(enter, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def changed_expectations(model: nn.Module, change: Change) -> Iterator[None]:
    """Let `change` replace the expectations [batch, n_outputs] that are read of the network's circuit in the block."""
    handle = first_circuit(model).register_forward_hook(lambda part, args, output: change(output))
    try:
        yield
    finally:
        handle.remove()


def first_circuit(model: nn.Module) -> nn.Module:
    """Return the first circuit of a network; ConfigError where it has none."""
    circuits = circuits_of(model)
    if not circuits:
        raise ConfigError(f"model: got {shown_name(model)}, which has no circuit, expected one with a quantum head")
    return circuits[0]
