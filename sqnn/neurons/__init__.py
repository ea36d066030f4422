"""Spiking neurons: pure steps, and thin layers that keep no state between calls."""

from sqnn.neurons.base import MakeNeuron, Neuron
from sqnn.neurons.compiled import kernels
from sqnn.neurons.config import NeuronConfig
from sqnn.neurons.gpu import GPUKernels
from sqnn.neurons.gpu import kernels as gpu_kernels
from sqnn.neurons.lif import BETA_MARGIN, IF, LIF
from sqnn.neurons.positive import MIN_THRESHOLD
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
from sqnn.neurons.registry import NEURONS, make_neuron
from sqnn.neurons.step import RESET_CODES, RESETS, lif_sequence, lif_step
from sqnn.neurons.surrogates import SURROGATES, ATan, FastSigmoid, Surrogate, make_surrogate

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
    "RESET_CODES",
    "SURROGATES",
    "THRESHOLDS",
    "ATan",
    "FastSigmoid",
    "GPUKernels",
    "MakeNeuron",
    "Neuron",
    "NeuronConfig",
    "Surrogate",
    "along_channels",
    "gpu_kernels",
    "kernels",
    "lif_sequence",
    "lif_step",
    "make_neuron",
    "make_surrogate",
    "qcfs",
    "to_levels",
    "to_values",
]
