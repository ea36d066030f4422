"""The amplitudes of the whole register."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from circuits.engines.lightcone import apply_gate, cz_signs, product_state
from circuits.reupload import DataReupload
from circuits.rotations import compose, rot_spinor
from circuits.threads import when_small


def states(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Tensor:
    """Return the amplitudes [batch, 2^n] of U(x, w)|0...0>, all blocks included; wire 0 is the most significant bit.

    `inputs` [batch, 3 n_qubits] and `weights` [n_blocks, n_qubits, 3], or [batch, n_blocks, n_qubits, 3] for weights of
    each sample's own, are angles in radians of one real dtype. The phases are those of Rot as an SU(2) matrix, so
    amplitudes compare directly with other simulators'. Differentiable.

    Raises ValueError where a shape does not fit the circuit.
    """
    n = circuit.n_qubits
    if inputs.ndim != 2 or inputs.shape[1] != circuit.n_inputs:
        raise ValueError(f"inputs: got shape {tuple(inputs.shape)}, expected [batch, 3 n_qubits = {circuit.n_inputs}]")
    if weights.shape not in (circuit.weight_shape, (len(inputs), *circuit.weight_shape)):
        raise ValueError(
            f"weights: got shape {tuple(weights.shape)}, expected {list(circuit.weight_shape)}, with or without a "
            f"leading batch of {len(inputs)}"
        )
    return when_small(2 * len(inputs) * 2**n, partial(_states, circuit), inputs, weights)


def _states(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Tensor:
    n = circuit.n_qubits
    data = rot_spinor(inputs.reshape(-1, n, 3).transpose(0, 1))
    own = weights.ndim == 4
    a, b = rot_spinor(weights.permute(1, 2, 0, 3) if own else weights.unsqueeze(2))
    gates = [compose((a[block], b[block]), data) for block in range(circuit.n_blocks)]
    state = product_state(zip(*gates[0], strict=True))
    signs = cz_signs(n, circuit.edges, dtype=inputs.dtype, device=inputs.device).unsqueeze(-1)
    for a, b in gates[1:]:
        state = state * signs
        for wire in range(n):
            state = apply_gate(state, wire, (a[wire], b[wire]))
    return state.t()
