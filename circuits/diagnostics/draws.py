"""The random angles that the diagnostics average over."""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.initial import TWO_PI, initial_weights
from circuits.reupload import DataReupload


def or_fresh(generator: torch.Generator | None) -> torch.Generator:
    """Return the generator, or a new one of seed 0 where it is None: never torch's global one."""
    return torch.Generator().manual_seed(0) if generator is None else generator


def random_inputs(circuit: DataReupload, samples: int, generator: torch.Generator) -> Tensor:
    """Draw data angles x ~ U[0, 2 pi) in radians: float64 [samples, 3 n_qubits]."""
    return torch.rand(samples, circuit.n_inputs, generator=generator, dtype=torch.float64) * TWO_PI


def random_weights(circuit: DataReupload, samples: int, initial: str, generator: torch.Generator) -> Tensor:
    """Draw weights by the named initialisation: float64 [samples, n_blocks, n_qubits, 3], in radians."""
    # Initialisations draw each rotation independently, so many sets of weights are one set with many blocks.
    drawn = initial_weights(initial, (samples * circuit.n_blocks, circuit.n_qubits, 3), generator)
    return drawn.reshape(samples, *circuit.weight_shape)
