"""PennyLane's qiskit.aer device with a noise model and shots, one execution per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Evaluate, Peer

if TYPE_CHECKING:
    from circuits import DataReupload
    from noise_models import Noise


def _shots(circuit: DataReupload, noise: Noise, shots: int | None) -> Evaluate:
    import pennylane as qml

    from circuits import compile_circuit

    compiled = compile_circuit(circuit, noise)
    # Above level 0 the transpiler takes identities away, and the noise that sits on them.
    device = qml.device("qiskit.aer", wires=circuit.n_qubits, noise_model=noise.aer, optimization_level=0)
    gates = {"u": qml.U3, "cz": qml.CZ, "id": qml.Identity}
    others = sorted({step.name for step in compiled.instructions} - set(gates))
    if others:
        raise ValueError(f"noise: this comparison is written for u, cz and id, got {', '.join(others)}")

    @qml.set_shots(shots)
    @qml.qnode(device, interface="torch", diff_method="parameter-shift")
    def one(inputs: Tensor, weights: Tensor) -> list[object]:
        slots = torch.cat([inputs.repeat(circuit.n_blocks), weights.reshape(-1)])
        for step in compiled.instructions:
            angles = [slots[angle.terms[0][0]] for angle in step.angles]
            gates[step.name](*angles, wires=step.wires)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(circuit.n_qubits)]

    return lambda inputs, weights: torch.stack([torch.stack(list(one(row, weights))) for row in inputs])


PENNYLANE_QISKIT = Peer(
    "pennylane-qiskit",
    "PennyLane qiskit.aer, one by one",
    "PennyLane-qiskit",
    ("pennylane_qiskit",),
    noisy=_shots,
    noisy_batches={"shots, forward": 4, "shots, gradient of the weights": 1},
)
