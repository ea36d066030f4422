"""TensorCircuit-NG: on PyTorch, and on JAX compiled by jax.jit; vectorised over the batch, one gate per rotation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sqnn.bench.peers.jax import Array, jax_pass, without_gpu
from sqnn.bench.peers.peer import Evaluate, Pass, Peer, torch_pass

if TYPE_CHECKING:
    from circuits import DataReupload


def _probabilities(circuit: DataReupload, inputs: Array, weights: Array) -> Array:
    """Return the probabilities [2^n] of the basis states of one sample, wire 0 the most significant bit."""
    import tensorcircuit as tc

    built = tc.Circuit(circuit.n_qubits)
    for gate in circuit.gates():
        if gate.name == "CZ":
            built.cz(*gate.wires)
            continue
        (wire,) = gate.wires
        phi, theta, omega = inputs[3 * wire : 3 * wire + 3] if gate.source == "inputs" else weights[gate.block, wire]
        # U(theta, phi, lambda) is RZ(phi) RY(theta) RZ(lambda) up to a phase.
        built.u(wire, theta=theta, phi=omega, lbd=phi)
    state = built.wavefunction()
    return state.real**2 + state.imag**2


def _signs(n_qubits: int) -> np.ndarray:
    """Return the eigenvalues of Z_i in every basis state: [n_qubits, 2^n]."""
    return 1 - 2 * (np.arange(2**n_qubits) >> np.arange(n_qubits - 1, -1, -1)[:, None] & 1)


def _torch_pass(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
    import tensorcircuit as tc

    backend = tc.set_backend("pytorch")
    signs = torch.as_tensor(_signs(circuit.n_qubits), dtype=inputs.dtype, device=inputs.device)
    batched: Evaluate = backend.vmap(lambda x, w: signs @ _probabilities(circuit, x, w), vectorized_argnums=0)

    def evaluate(inputs: Tensor, weights: Tensor) -> Tensor:
        tc.set_dtype("complex64" if inputs.dtype == torch.float32 else "complex128")
        return batched(inputs, weights)

    return torch_pass(evaluate, inputs, weights)


def _build(circuit: DataReupload, dtype: str) -> Callable[[Array, Array], Array]:
    import jax
    import tensorcircuit as tc

    signs = _signs(circuit.n_qubits)

    def one(inputs: Array, weights: Array) -> Array:
        with tc.runtime_backend("jax"), tc.runtime_dtype(dtype):
            return signs.astype(inputs.dtype) @ _probabilities(circuit, inputs, weights)

    return jax.vmap(one, (0, None))


TENSORCIRCUIT = Peer(
    "tensorcircuit", "TensorCircuit-NG", "tensorcircuit-ng", ("tensorcircuit",), circuit=_torch_pass, states=3
)
TENSORCIRCUIT_JAX = Peer(
    "tensorcircuit-jax",
    "TensorCircuit-NG, jax.jit + vmap",
    "tensorcircuit-ng",
    ("tensorcircuit", "jax"),
    circuit=partial(jax_pass, _build),
    compiles=True,
    states=3,
    cpu_only=without_gpu,
)
