"""Neurons by name."""

from __future__ import annotations

from sqnn.core import Choices
from sqnn.neurons.base import Neuron
from sqnn.neurons.lif import IF, LIF
from sqnn.neurons.snntorch import SnnTorchAlpha, SnnTorchLapicque, SnnTorchLeaky, SnnTorchNeuron, SnnTorchSynaptic

_SNNTORCH: tuple[type[SnnTorchNeuron], ...] = (SnnTorchLeaky, SnnTorchLapicque, SnnTorchSynaptic, SnnTorchAlpha)

NEURONS: Choices[type[Neuron]] = Choices(
    "neuron", {"if": IF, "lif": LIF, **{f"snntorch:{kind.kind}": kind for kind in _SNNTORCH}}
)


def make_neuron(name: str, **options: object) -> Neuron:
    """Build the neuron layer called `name`; `options` go to its constructor.

    Raises `ValueError` when the name is unknown or the neuron refuses its arguments.
    """
    return NEURONS.pick(name)(**options)
