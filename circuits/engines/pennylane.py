"""The circuit as a PennyLane TorchLayer, on any PennyLane device."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from circuits.reupload import DataReupload

DIFF_METHODS: tuple[str, ...] = ("best", "backprop", "adjoint", "parameter-shift", "spsa", "finite-diff")


def build_qnode(
    circuit: DataReupload, device: Any, diff_method: str = "best", gradient_options: dict[str, Any] | None = None
) -> qml.QNode:
    """Return the QNode (inputs [..., 3 n_qubits], weights [n_blocks, n_qubits, 3]) -> [<Z_0>, ..., <Z_n-1>]."""

    @qml.qnode(device, interface="torch", diff_method=diff_method, gradient_kwargs=gradient_options or {})
    def circuit_function(inputs, weights):  # type: ignore[no-untyped-def]
        for gate in circuit.gates():
            if gate.name == "CZ":
                qml.CZ(wires=gate.wires)
                continue
            wire = gate.wires[0]
            if gate.source == "inputs":
                # `...` keeps the batch dimension, which PennyLane broadcasts over.
                angles = tuple(inputs[..., 3 * wire + k] for k in range(3))
            else:
                angles = tuple(weights[gate.block, wire, k] for k in range(3))
            qml.Rot(*angles, wires=wire)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(circuit.n_qubits)]

    return circuit_function


class PennyLaneEngine:
    """Evaluate `engine(inputs, weights) -> <Z>` with `qml.qnn.TorchLayer`; the batch is one broadcast execution.

    `device` is a device name, made here with one wire a qubit, or a PennyLane device with at least as many wires.
    `diff_method` is PennyLane's, and `gradient_options` go to it (SPSA repeats itself only with a `sampler_rng`). Where
    the inputs need a gradient, all but backpropagation run one execution a sample, since PennyLane differentiates a
    broadcast execution with respect to the broadcast angles by backpropagation alone. Devices that answer in plain
    Python numbers (lightning.qubit does) are rounded by PennyLane to torch's default dtype: call
    `torch.set_default_dtype(torch.float64)` where double precision matters.

    Raises ValueError when the device is unknown, too small or cannot differentiate so.
    """

    name = "pennylane"

    def __init__(
        self,
        circuit: DataReupload,
        device: Any = "default.qubit",
        diff_method: str = "best",
        gradient_options: dict[str, Any] | None = None,
    ) -> None:
        if diff_method not in DIFF_METHODS:
            raise ValueError(f"diff_method: got {diff_method!r}, expected one of {', '.join(DIFF_METHODS)}")
        if isinstance(device, str):
            try:
                device = qml.device(device, wires=circuit.n_qubits)
            except qml.exceptions.DeviceError as error:
                raise ValueError(
                    f"device: PennyLane has no device {device!r} ({error}); try default.qubit or lightning.qubit"
                ) from error
        if device.wires is not None and len(device.wires) < circuit.n_qubits:
            raise ValueError(f"device: has {len(device.wires)} wires, expected at least {circuit.n_qubits}")
        self.circuit = circuit
        self.device = device
        self.diff_method = diff_method
        try:
            self.qnode = build_qnode(circuit, device, diff_method, gradient_options)
        except qml.exceptions.QuantumFunctionError as error:
            raise ValueError(f"diff_method: {diff_method!r} does not fit the device {device.name}") from error
        shape = {"weights": circuit.weight_shape}
        # TorchLayer would draw initial weights from torch's global generator; ours come with every call.
        unused = {"weights": torch.zeros(circuit.weight_shape)}
        self.torch_layer = qml.qnn.TorchLayer(self.qnode, shape, unused)
        self.expanded_layer = self.torch_layer
        if diff_method in ("adjoint", "parameter-shift", "spsa", "finite-diff"):
            self.expanded_layer = qml.qnn.TorchLayer(qml.transforms.broadcast_expand(self.qnode), shape, unused)

    def __repr__(self) -> str:
        return f"PennyLaneEngine({self.device.name}, {self.diff_method})"

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        if not inputs.shape[0]:
            return inputs.new_zeros(0, self.circuit.n_qubits)
        layer = self.expanded_layer if inputs.requires_grad else self.torch_layer
        # The TorchLayer reads its weights from this mapping; handing ours in keeps one copy for every engine.
        layer.qnode_weights["weights"] = weights
        out: Tensor = layer(inputs)
        return out
