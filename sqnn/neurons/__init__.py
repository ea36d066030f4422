"""Spiking neurons: pure steps, and thin layers that keep no state between calls."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqnn.neurons.lif import BETA_MARGIN, IF, LIF
from sqnn.neurons.qcfs import (
    INITIAL_THRESHOLD,
    MAX_PLANES,
    QCFS,
    THRESHOLDS,
    along_channels,
    qcfs,
    to_levels,
    to_values,
)
from sqnn.neurons.step import RESETS, lif_sequence, lif_step
from sqnn.neurons.surrogates import SURROGATES, Surrogate, make_surrogate
from sqnn.neurons.thresholds import MIN_THRESHOLD

NEURONS: Mapping[str, type[LIF]] = MappingProxyType({"if": IF, "lif": LIF})


def make_neuron(name: str, **options: Any) -> LIF:
    """Build the neuron layer called `name`; `options` go to its constructor.

    Raises `ValueError` when the name is unknown or the neuron refuses its arguments.
    """
    if name not in NEURONS:
        raise ValueError(f"neuron: got {name!r}, expected one of {', '.join(NEURONS)}")
    return NEURONS[name](**options)


__all__ = [
    "BETA_MARGIN",
    "IF",
    "INITIAL_THRESHOLD",
    "LIF",
    "MAX_PLANES",
    "MIN_THRESHOLD",
    "NEURONS",
    "QCFS",
    "RESETS",
    "SURROGATES",
    "THRESHOLDS",
    "Surrogate",
    "along_channels",
    "lif_sequence",
    "lif_step",
    "make_neuron",
    "make_surrogate",
    "qcfs",
    "to_levels",
    "to_values",
]
