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


def check_currents(currents: Tensor) -> None:
    """Raise ValueError unless currents are floating point `[time >= 1, batch, *features]`."""
    if not currents.is_floating_point() or currents.ndim < 2 or currents.shape[0] < 1:
        raise ValueError(
            f"currents: got {currents.dtype} of shape {list(currents.shape)}, "
            "expected floating point of shape [time >= 1, batch, *features]"
        )


MakeNeuron = Callable[[int], Neuron]
"""Makes one layer of neurons for a number of channels."""
