"""The base of neuron layers: their shapes, and the options they take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn


class Neuron(nn.Module, ABC):
    """A layer of neurons: currents `[time, batch, *features]` to spikes of the same shape.

    Subclass it to add a neuron, and name it in `NEURONS`. `options` are the fields of `NeuronConfig` that the
    constructor takes, beside `channels`: the number of channels that have learned values of their own, or None.
    No state outlives a call.
    """

    options: ClassVar[tuple[str, ...]]

    @abstractmethod
    def forward(self, currents: Tensor) -> Tensor:
        """Return the spikes, `[time, batch, *features]`."""


MakeNeuron = Callable[[int], Neuron]
"""Makes one layer of neurons for a number of channels."""
