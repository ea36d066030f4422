"""Other libraries behind the same call, for side-by-side measurements; each is used only where it is installed.

Every peer is written the way its documentation recommends for batches, with the fewest gates its gate set allows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from circuits.engines import make_engine
from circuits.reupload import DataReupload

Evaluate = Callable[[Tensor, Tensor], Tensor]


def pennylane_broadcast(circuit: DataReupload) -> Evaluate:
    """PennyLane default.qubit, the whole batch as one broadcast execution, backpropagation."""
    return make_engine("pennylane", circuit, diff_method="backprop")


def pennylane_lightning(circuit: DataReupload) -> Evaluate:
    """PennyLane lightning.qubit with adjoint gradients, one execution a sample."""
    return make_engine("pennylane", circuit, device="lightning.qubit", diff_method="adjoint")


def pennylane_one_by_one(circuit: DataReupload) -> Evaluate:
    """PennyLane default.qubit, one sample at a time, as the public code of SQDR-CNN does."""
    engine = make_engine("pennylane", circuit, diff_method="backprop")
    return lambda inputs, weights: torch.cat([engine(row, weights) for row in inputs.split(1)])


def deepquantum(circuit: DataReupload) -> Evaluate:
    """DeepQuantum's batched state vector; one U3 gate a rotation."""
    import deepquantum as dq

    built = dq.QubitCircuit(circuit.n_qubits, reupload=True)
    trainable = []
    for gate in circuit.gates():
        if gate.name == "CZ":
            built.cz(*gate.wires)
        else:
            built.u3(gate.wires[0], encode=gate.source == "inputs")
            if gate.source == "weights":
                trainable.append(built.operators[-1])
    for wire in range(circuit.n_qubits):
        built.observable(wire, "z")
    # U3(theta, phi, lambda) = RZ(phi) RY(theta) RZ(lambda) up to a phase: our angles in the order 1, 2, 0.
    order = torch.arange(circuit.n_inputs).reshape(-1, 3)[:, [1, 2, 0]].reshape(-1)

    def evaluate(inputs: Tensor, weights: Tensor) -> Tensor:
        for gate, angles in zip(trainable, weights.reshape(-1, 3), strict=True):
            for name, value in zip(("theta", "phi", "lambd"), (angles[1], angles[2], angles[0]), strict=True):
                gate._parameters.pop(name, None)
                setattr(gate, name, value)
        built(data=inputs[:, order])
        return built.expectation()

    return evaluate


def tensorcircuit(circuit: DataReupload) -> Evaluate:
    """TensorCircuit-NG on torch, vectorised over the batch."""
    import tensorcircuit as tc

    backend = tc.set_backend("pytorch")
    n = circuit.n_qubits
    bits = torch.arange(2**n).unsqueeze(0) >> torch.arange(n - 1, -1, -1).unsqueeze(1) & 1

    def one(inputs: Tensor, weights: Tensor) -> Tensor:
        built = tc.Circuit(n)
        for gate in circuit.gates():
            if gate.name == "CZ":
                built.cz(*gate.wires)
                continue
            (wire,) = gate.wires
            phi, theta, omega = (
                inputs[3 * wire : 3 * wire + 3] if gate.source == "inputs" else weights[gate.block, wire]
            )
            built.rz(wire, theta=phi)
            built.ry(wire, theta=theta)
            built.rz(wire, theta=omega)
        state = built.wavefunction()
        probabilities = state.real**2 + state.imag**2
        return (1 - 2 * bits).to(probabilities.dtype) @ probabilities

    batched: Any = backend.vmap(one, vectorized_argnums=0)

    def evaluate(inputs: Tensor, weights: Tensor) -> Tensor:
        tc.set_dtype("complex64" if inputs.dtype == torch.float32 else "complex128")
        out: Tensor = batched(inputs, weights)
        return out

    return evaluate


PEERS: dict[str, tuple[str, Callable[[DataReupload], Evaluate]]] = {
    "default.qubit, broadcast": ("pennylane", pennylane_broadcast),
    "lightning.qubit, adjoint": ("pennylane_lightning", pennylane_lightning),
    "default.qubit, one by one": ("pennylane", pennylane_one_by_one),
    "DeepQuantum": ("deepquantum", deepquantum),
    "TensorCircuit-NG": ("tensorcircuit", tensorcircuit),
}


def installed_peers() -> dict[str, Callable[[DataReupload], Evaluate]]:
    """Return the peers whose packages are installed here."""
    return {name: make for name, (package, make) in PEERS.items() if importlib.util.find_spec(package)}
