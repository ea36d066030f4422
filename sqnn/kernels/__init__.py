"""Compiled kernels behind the layers: built once by the compiler of the machine, plain PyTorch where there is none."""

from sqnn.kernels.library import KERNELS, Kernels, kernels
from sqnn.kernels.packed import (
    NeuronRule,
    are_wanted,
    can_compute,
    evaluating_by_kernels,
    is_hooked,
    neurons_of,
    norm_is_plain,
)
from sqnn.kernels.rate_stages import LARGEST_WINDOW, Stage, stage_rates
from sqnn.kernels.spiking_blocks import kind_of, pooled_rates, rule_of

__all__ = [
    "KERNELS",
    "LARGEST_WINDOW",
    "Kernels",
    "NeuronRule",
    "Stage",
    "are_wanted",
    "can_compute",
    "evaluating_by_kernels",
    "is_hooked",
    "kernels",
    "kind_of",
    "neurons_of",
    "norm_is_plain",
    "pooled_rates",
    "rule_of",
    "stage_rates",
]
