"""The amplitudes of the whole register."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from circuits.engines.lightcone import register_state, separated
from circuits.reupload import DataReupload
from circuits.threads import when_small


def states(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Tensor:
    """Return the amplitudes [batch, 2^n] of U(x, w)|0...0>, all blocks included; wire 0 is the most significant bit.

    `inputs` [batch, n_inputs] and `weights` [n_blocks, n_qubits, 3], or [batch, n_blocks, n_qubits, 3] for weights of
    each sample's own, are angles in radians of one real dtype. The phases are those of Rot as an SU(2) matrix, so
    amplitudes compare directly with other simulators'. Differentiable.

    Raises ValueError where a shape does not fit the circuit.
    """
    if inputs.ndim != 2 or inputs.shape[1] != circuit.n_inputs:
        raise ValueError(f"inputs: got shape {tuple(inputs.shape)}, expected [batch, {circuit.n_inputs}]")
    if weights.shape not in (circuit.weight_shape, (len(inputs), *circuit.weight_shape)):
        raise ValueError(
            f"weights: got shape {tuple(weights.shape)}, expected {list(circuit.weight_shape)}, with or without a "
            f"leading batch of {len(inputs)}"
        )
    return when_small(2 * len(inputs) * 2**circuit.n_qubits, partial(_states, circuit), inputs, weights)


def _states(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Tensor:
    return register_state(circuit, *separated(circuit, inputs, weights)).t()
