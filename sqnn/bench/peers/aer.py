"""Aer's density matrix, used without sqnn's engine: exact values under noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sqnn.bench.peers.peer import Evaluate, Peer

if TYPE_CHECKING:
    from circuits import DataReupload
    from noise_models import Noise


def _expectation_values(circuit: DataReupload, noise: Noise, shots: int | None) -> Evaluate:
    """One SaveExpectationValue per wire, the batch as parameter binds of one job."""
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_aer import AerSimulator
    from qiskit_aer.library import SaveExpectationValue

    from circuits import compile_circuit

    if noise.has_readout:
        raise ValueError("noise: SaveExpectationValue knows no readout error; compare without one")
    built = compile_circuit(circuit, noise).qiskit.copy()
    for wire in range(circuit.n_qubits):
        label = "".join("Z" if other == wire else "I" for other in reversed(range(circuit.n_qubits)))
        built.append(SaveExpectationValue(SparsePauliOp(label), label=f"z{wire}"), range(circuit.n_qubits))
    simulator = AerSimulator(method="density_matrix", noise_model=noise.aer)

    def evaluate(inputs: Tensor, weights: Tensor) -> Tensor:
        columns = np.tile(inputs.detach().double().numpy(), (1, circuit.n_blocks))
        fixed = weights.detach().double().numpy().reshape(-1)
        binds = {
            slot: columns[:, slot.index] if slot.vector.name == "x" else np.full(len(columns), fixed[slot.index])
            for slot in built.parameters
        }
        job = simulator.run([built], parameter_binds=[{slot: list(values) for slot, values in binds.items()}])
        result = job.result()
        rows = [[result.data(i)[f"z{wire}"] for wire in range(circuit.n_qubits)] for i in range(len(columns))]
        return torch.tensor(rows, dtype=inputs.dtype)

    return evaluate


AER = Peer(
    "aer",
    "Aer density matrix, SaveExpectationValue",
    "qiskit-aer",
    ("qiskit_aer",),
    noisy=_expectation_values,
    noisy_batches={"exact, forward": 16},
    readout=False,
)
