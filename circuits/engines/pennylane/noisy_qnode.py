"""The circuit as a machine runs it, as a PennyLane QNode with the noise model's channels after its instructions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.devices import Device
from pennylane.operation import Operator
from torch import Tensor

from circuits.compile import Angle, Compiled, Instruction
from circuits.observables import Word
from circuits.schedule import DELAY, channel_after
from circuits.transfer import make_gate
from noise_models import Noise, gate_channel, readout_matrix, transfer_to_kraus

Kraus = list[NDArray[np.complex128]]
Key = tuple[str, tuple[int, ...]]
"""PennyLane's name of an operation, and its wires in order."""
Channels = dict[Key, list[tuple[Kraus, tuple[int, ...]]]]


def _turn_z(angle: float | Tensor, wires: tuple[int, ...]) -> Operator:
    return qml.Rot(angle, 0.0, 0.0, wires=wires)


OPERATIONS: Mapping[str, Callable[..., Operator]] = MappingProxyType(
    {
        # Gates are equal up to a phase, which no expectation sees. Every turn about z is a Rot, since default.mixed
        # applies RZ to torch states in single precision (PennyLane 0.45).
        "u": lambda theta, phi, lam, wires: qml.Rot(lam, theta, phi, wires=wires),
        "u3": lambda theta, phi, lam, wires: qml.Rot(lam, theta, phi, wires=wires),
        "u2": lambda phi, lam, wires: qml.Rot(lam, math.pi / 2, phi, wires=wires),
        "u1": _turn_z,
        "p": _turn_z,
        "r": lambda theta, phi, wires: qml.Rot(math.pi / 2 - phi, theta, phi - math.pi / 2, wires=wires),
        "rx": qml.RX,
        "ry": qml.RY,
        "rz": _turn_z,
        "id": qml.Identity,
        "x": qml.PauliX,
        "y": qml.PauliY,
        "z": qml.PauliZ,
        "h": qml.Hadamard,
        "s": qml.S,
        "t": qml.T,
        "sx": qml.SX,
        "cx": qml.CNOT,
        "cy": qml.CY,
        "cz": qml.CZ,
        "cp": qml.ControlledPhaseShift,
        "ecr": qml.ECR,
        "swap": qml.SWAP,
        "rxx": qml.IsingXX,
        "ryy": qml.IsingYY,
        "rzz": qml.IsingZZ,
    }
)
"""PennyLane's operations by Qiskit's names; any other gate with fixed angles is taken as its matrix."""


def build_noisy_qnode(
    compiled: Compiled,
    noise: Noise,
    device: Device,
    diff_method: str,
    gradient_options: Mapping[str, object] | None,
    words: Sequence[Word],
) -> tuple[qml.QNode, int]:
    """Return the QNode (inputs [..., n_inputs], weights [n_blocks, n_qubits, 3]) -> words of Z, and its channels.

    `qml.add_noise` puts a `qml.QubitChannel` after every instruction that the noise acts on. A readout error is the
    channel that flips the bit, before the wire is read: what `meas_map` does, which would run the circuit once per
    wire.

    Raises ValueError on an instruction that PennyLane lacks.
    """
    circuit = compiled.circuit
    channels, expected = _channels(compiled, noise)
    flips = {wire: _readout(readout_matrix(noise.model(), wire)) for wire in range(circuit.n_qubits)}
    flips = {wire: kraus for wire, kraus in flips.items() if kraus}

    waiting = {
        step: transfer_to_kraus(transfer)
        for step in compiled.instructions
        if step.name == DELAY and (transfer := channel_after(step, noise, compiled.pairs)) is not None
    }

    @qml.qnode(device, interface="torch", diff_method=diff_method, gradient_kwargs=gradient_options or {})
    def circuit_function(inputs, weights):  # type: ignore[no-untyped-def]
        for instruction in compiled.instructions:
            if instruction.name == DELAY:
                qml.QubitChannel(waiting[instruction], wires=instruction.wires)
                continue
            angles = [_value(angle, compiled, inputs, weights) for angle in instruction.angles]
            _operation(instruction, angles)
        for wire, kraus in flips.items():
            qml.QubitChannel(kraus, wires=wire)
        return [qml.expval(qml.prod(*(qml.PauliZ(wire) for wire, _ in word))) for word in words]

    def insert(operation, **_):  # type: ignore[no-untyped-def]
        for kraus, wires in channels[_key(operation)]:
            qml.QubitChannel(kraus, wires=wires)

    condition = qml.BooleanFn(lambda operation: _key(operation) in channels, name="noisy instruction")
    return qml.add_noise(circuit_function, qml.NoiseModel({condition: insert})), expected + len(flips)


def _operation(instruction: Instruction, angles: Sequence[float | Tensor]) -> Operator:
    name, wires = instruction.name, instruction.wires
    if name in OPERATIONS:
        return OPERATIONS[name](*angles, wires=wires)
    # PennyLane's first wire varies slowest, Qiskit's fastest.
    return qml.QubitUnitary(make_gate(name, [float(angle) for angle in angles]).to_matrix(), wires=wires[::-1])


def _key(operation: Operator) -> Key:
    return operation.name, tuple(operation.wires)


def _channels(compiled: Compiled, noise: Noise) -> tuple[Channels, int]:
    """Return the channels after operations, and how many stand in the circuit."""
    channels: Channels = {}
    transfers: dict[Key, NDArray[np.floating] | None] = {}
    met: set[tuple[str, tuple[int, ...]]] = set()
    count = 0
    for instruction in compiled.instructions:
        if instruction.name == DELAY:
            count += 1
            continue
        if instruction.name not in OPERATIONS and any(angle.terms for angle in instruction.angles):
            raise ValueError(
                f"noise: the circuit is run with its angles in {instruction.name}, which the engine pennylane takes "
                f"with fixed angles alone; expected {', '.join(OPERATIONS)}"
            )
        with qml.QueuingManager.stop_recording():
            key = _key(_operation(instruction, [angle.offset for angle in instruction.angles]))
        if (instruction.name, instruction.wires) not in met:
            met.add((instruction.name, instruction.wires))
            transfer = gate_channel(noise.model(compiled.pairs), instruction.name, instruction.wires)
            other = transfers.setdefault(key, transfer)
            if transfer is not other and (transfer is None or other is None or not np.array_equal(transfer, other)):
                raise ValueError(
                    f"noise: {instruction.name} on {instruction.wires} is {key[0]} in PennyLane, like another "
                    "instruction with other noise; give both the same noise or choose another engine"
                )
            if transfer is not None:
                channels[key] = _split(transfer, instruction.wires)
        count += len(channels.get(key, []))
    return channels, count


def _split(transfer: NDArray[np.floating], wires: tuple[int, ...]) -> list[tuple[Kraus, tuple[int, ...]]]:
    """Return a channel on `wires`, wire by wire where it is a product, which needs fewer and smaller matrices."""
    if len(wires) == 2:
        # The first wire's Pauli varies fastest.
        slow, fast = transfer[::4, ::4], transfer[:4, :4]
        if np.abs(transfer - np.kron(slow, fast)).max() <= 1e-14:
            return [(transfer_to_kraus(fast), wires[:1]), (transfer_to_kraus(slow), wires[1:])]
    # PennyLane's first wire varies slowest, Qiskit's fastest.
    return [(transfer_to_kraus(transfer), wires[::-1])]


def _readout(matrix: NDArray[np.float64]) -> Kraus:
    """Return the Kraus operators sqrt(P(read j | true i)) |j><i| of a readout error [2, 2]; none for no error."""
    if np.array_equal(matrix, np.eye(2)):
        return []
    operators = []
    for true in range(2):
        for read in range(2):
            operator = np.zeros((2, 2), dtype=complex)
            operator[read, true] = math.sqrt(matrix[true, read])
            operators.append(operator)
    return operators


def _value(angle: Angle, compiled: Compiled, inputs: Tensor, weights: Tensor) -> float | Tensor:
    """Return offset + sum of coefficient * slot; `...` keeps the batch dimension, which PennyLane broadcasts over."""
    first = compiled.circuit.n_inputs
    value: float | Tensor = angle.offset
    for slot, coefficient in angle.terms:
        place = compiled.places[slot]
        value = value + coefficient * (inputs[..., place] if place < first else weights.flatten()[place - first])
    return value
