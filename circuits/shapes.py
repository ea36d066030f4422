"""Shapes of angles and expectations; while tests run, annotations with them are checked."""

from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

Inputs: TypeAlias = Float[Tensor, "batch {circuit.n_inputs}"]
"""Data angles (and couplings) in radians, of a function that takes `circuit`."""
Weights: TypeAlias = Float[Tensor, "{circuit.n_blocks} {circuit.n_qubits} 3"]
"""Trainable angles in radians, of a function that takes `circuit`."""
OwnInputs: TypeAlias = Float[Tensor, "batch {self.circuit.n_inputs}"]
"""Data angles (and couplings) in radians, of a method of what has a `circuit`."""
OwnWeights: TypeAlias = Float[Tensor, "{self.circuit.n_blocks} {self.circuit.n_qubits} 3"]
"""Trainable angles in radians, of a method of what has a `circuit`."""
Expectations: TypeAlias = Float[Tensor, "batch reads"]
"""Expectations in [-1, 1], one per wire or pair of wires that is read."""
