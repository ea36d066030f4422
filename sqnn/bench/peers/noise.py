"""The ways others have to evaluate a circuit under noise, for side-by-side measurements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveExpectationValue
from torch import Tensor

from circuits.compile import compile_circuit
from circuits.engines import make_engine
from circuits.reupload import DataReupload
from noise_models import Noise

Evaluate = Callable[[Tensor, Tensor], Tensor]


def default_mixed_one_by_one(circuit: DataReupload, noise: Noise) -> Evaluate:
    """PennyLane default.mixed with backpropagation, one sample at a time, as the public code of SQDR-CNN does."""
    engine = make_engine("pennylane", circuit, noise=noise, diff_method="backprop")
    return lambda inputs, weights: torch.cat([engine(row, weights) for row in inputs.split(1)])


def aer_expectation_values(circuit: DataReupload, noise: Noise) -> Evaluate:
    """Aer's density matrix with one SaveExpectationValue a wire, the batch as parameter binds of one job."""
    compiled = compile_circuit(circuit, noise)
    if noise.has_readout:
        raise ValueError("noise: SaveExpectationValue knows no readout error; compare without one")
    built = compiled.qiskit.copy()
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
        result = simulator.run(
            [built], parameter_binds=[{slot: list(values) for slot, values in binds.items()}]
        ).result()
        rows = [[result.data(i)[f"z{wire}"] for wire in range(circuit.n_qubits)] for i in range(len(columns))]
        return torch.tensor(rows, dtype=inputs.dtype)

    return evaluate


def pennylane_qiskit_shots(circuit: DataReupload, noise: Noise, shots: int) -> Evaluate:
    """PennyLane's qiskit.aer device with the noise model and shots, one execution a sample.

    Raises ImportError where pennylane-qiskit is not installed.
    """
    import pennylane as qml

    compiled = compile_circuit(circuit, noise)
    # Above level 0 the transpiler takes identities away, and the noise that sits on them.
    device = qml.device("qiskit.aer", wires=circuit.n_qubits, noise_model=noise.aer, optimization_level=0)
    known = {"u": qml.U3, "cz": qml.CZ, "id": qml.Identity}
    unknown = sorted({step.name for step in compiled.instructions} - set(known))
    if unknown:
        raise ValueError(f"noise: this comparison is written for u, cz and id, got {', '.join(unknown)}")

    @qml.set_shots(shots)
    @qml.qnode(device, interface="torch", diff_method="parameter-shift")
    def one(inputs: Tensor, weights: Tensor) -> list[object]:
        slots = torch.cat([inputs.repeat(circuit.n_blocks), weights.reshape(-1)])
        for step in compiled.instructions:
            angles = [slots[angle.terms[0][0]] for angle in step.angles]
            known[step.name](*angles, wires=step.wires)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(circuit.n_qubits)]

    def evaluate(inputs: Tensor, weights: Tensor) -> Tensor:
        return torch.stack([torch.stack(list(one(row, weights))) for row in inputs])

    return evaluate
