"""Compiled kernels behind the layers: built once by the compiler of the machine, plain PyTorch where there is none."""

from sqnn.kernels.library import KERNELS, Kernels, kernels
from sqnn.kernels.spiking_blocks import BlockRule, is_hooked, kind_of, pooled_rates, rule_of

__all__ = ["KERNELS", "BlockRule", "Kernels", "is_hooked", "kernels", "kind_of", "pooled_rates", "rule_of"]
