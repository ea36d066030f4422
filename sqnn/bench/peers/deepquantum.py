"""DeepQuantum's batched state vector, one U3 gate per rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Pass, Peer, torch_pass

if TYPE_CHECKING:
    from circuits import DataReupload


def _pass(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
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
    if inputs.dtype == torch.float64:
        built.to(torch.float64)
    built.to(inputs.device)
    # U3(theta, phi, lambda) = RZ(phi) RY(theta) RZ(lambda) up to a phase: our angles in the order 1, 2, 0.
    order = torch.arange(circuit.n_inputs).reshape(-1, 3)[:, [1, 2, 0]].reshape(-1)

    def evaluate(inputs: Tensor, weights: Tensor) -> Tensor:
        for gate, angles in zip(trainable, weights.reshape(-1, 3), strict=True):
            for name, value in zip(("theta", "phi", "lambd"), (angles[1], angles[2], angles[0]), strict=True):
                gate._parameters.pop(name, None)
                setattr(gate, name, value)
        built(data=inputs[:, order])
        return built.expectation()

    return torch_pass(evaluate, inputs, weights)


DEEPQUANTUM = Peer("deepquantum", "DeepQuantum", "deepquantum", ("deepquantum",), circuit=_pass, states=2)
