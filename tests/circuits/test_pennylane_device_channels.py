"""Noise channels on the device: the values, probabilities and derivatives of default.mixed."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.exceptions import DeviceError

from noise_models import depolarizing, kraus_operators

CHANNELS = {
    "BitFlip": lambda p, wire: qml.BitFlip(p, wire),
    "PhaseFlip": lambda p, wire: qml.PhaseFlip(p, wire),
    "DepolarizingChannel": lambda p, wire: qml.DepolarizingChannel(p, wire),
    "AmplitudeDamping": lambda p, wire: qml.AmplitudeDamping(p, wire),
    "PhaseDamping": lambda p, wire: qml.PhaseDamping(p, wire),
    "PauliError": lambda p, wire: qml.PauliError("YX", p, [wire, (wire + 1) % 3]),
    "GeneralizedAmplitudeDamping": lambda p, wire: qml.GeneralizedAmplitudeDamping(p, 0.3, wire),
    "ResetError": lambda p, wire: qml.ResetError(p, 0.1, wire),
    "ThermalRelaxationError": lambda p, wire: qml.ThermalRelaxationError(p, 1e-4, 8e-5, 3e-5, wire),
    "QubitChannel": lambda p, wire: qml.QubitChannel(
        [np.sqrt(1 - p) * np.eye(4), np.sqrt(p) * np.kron([[0, 1], [1, 0]], [[1, 0], [0, 1j]])], [wire, (wire + 1) % 3]
    ),
}
TRAINED = list(CHANNELS)[:6]


def node(name: str, device: str, **options):
    @qml.qnode(qml.device(device, wires=3), **options)
    def circuit(angles, p):
        for wire in range(3):
            qml.Rot(*angles[wire], wires=wire)
        CHANNELS[name](p, 0)
        qml.CNOT([0, 1])
        CHANNELS[name](p, 1)
        qml.CZ([1, 2])
        for wire in range(3):
            qml.RX(angles[wire, 0], wires=wire)
        return qml.expval(qml.Z(0) @ qml.Y(1)), qml.probs(wires=[1, 2]), qml.density_matrix([2])

    return circuit


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_are_those_of_default_mixed(name: str) -> None:
    angles = np.random.default_rng(len(name)).uniform(-3, 3, (3, 3))
    for p in (0.0, 0.13, 0.9):
        for one, other in zip(
            node(name, "sqnn.lightcone")(angles, p), node(name, "default.mixed")(angles, p), strict=True
        ):
            assert np.abs(one - other).max() < 1e-10


@pytest.mark.parametrize("name", TRAINED)
def test_strengths_and_angles_are_differentiated(name: str) -> None:
    angles = torch.tensor(np.random.default_rng(3).uniform(-3, 3, (3, 3)), requires_grad=True)
    p = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)

    def total(strength: float | torch.Tensor) -> torch.Tensor:
        value, probabilities, _ = node(name, "sqnn.lightcone", interface="torch")(angles, strength)
        return value + probabilities[0]

    _, slope = torch.autograd.grad(total(p), (angles, p))
    step = 1e-5
    expected = (total(0.2 + step) - total(0.2 - step)) / (2 * step)
    assert abs(slope - expected) < 1e-8


def test_add_noise_puts_channels_on_the_device() -> None:
    def rate(operation, **_):
        qml.DepolarizingChannel(0.05, operation.wires[0])

    model = qml.NoiseModel({qml.noise.op_in([qml.RX, qml.CNOT]): rate}, meas_map={qml.noise.meas_eq(qml.expval): flip})
    values = []
    for device in ("sqnn.lightcone", "default.mixed"):

        @qml.qnode(qml.device(device, wires=3))
        def circuit():
            for wire in range(3):
                qml.RX(0.4 + wire, wires=wire)
            qml.CNOT([0, 1])
            return qml.expval(qml.Z(1))

        values.append(float(qml.add_noise(circuit, model)()))
    assert values[0] == pytest.approx(values[1], abs=1e-10)


def flip(operation, **_) -> None:
    qml.BitFlip(0.02, operation.wires[0])


def test_a_channel_outside_the_cone_costs_nothing() -> None:
    @qml.qnode(qml.device("sqnn.lightcone", wires=100, max_wires=4))
    def circuit():
        for wire in range(100):
            qml.RY(0.3, wires=wire)
            qml.DepolarizingChannel(0.3, wires=wire)
        return qml.expval(qml.Z(7))

    (error,) = depolarizing(0.4, on="u").aer._default_quantum_errors.values()
    zero = np.array([np.cos(0.15), np.sin(0.15)])
    rho = sum(k @ np.outer(zero, zero) @ k.conj().T for k in kraus_operators(error))
    assert float(circuit()) == pytest.approx((rho[0, 0] - rho[1, 1]).real, abs=1e-10)


def test_shots_are_drawn_from_the_mixed_state() -> None:
    @qml.qnode(qml.device("sqnn.lightcone", wires=1, seed=5), shots=20_000)
    def circuit():
        qml.AmplitudeDamping(0.3, wires=qml.X(0).wires)
        return qml.expval(qml.Z(0))

    assert float(circuit()) == pytest.approx(-0.4, abs=0.03)


def test_what_a_channel_cannot_is_said() -> None:
    device = qml.device("sqnn.lightcone", wires=1)

    @qml.qnode(device)
    def state():
        qml.BitFlip(0.1, 0)
        return qml.state()

    with pytest.raises(DeviceError, match=r"qml.state\(\) under noise, expected qml.density_matrix"):
        state()

    for channel in (qml.BitFlip, qml.DepolarizingChannel, qml.AmplitudeDamping):

        @qml.qnode(device)
        def impossible(channel=channel):
            channel(1.5, 0)
            return qml.expval(qml.Z(0))

        with pytest.raises(ValueError, match=r"got 1.5, expected a probability in \[0, 1\]"):
            impossible()

    @qml.qnode(device, interface="torch")
    def trained(p):
        qml.ResetError(p, 0.1, 0)
        return qml.expval(qml.Z(0))

    with pytest.raises(DeviceError, match="got ResetError with parameters that are trained"):
        trained(torch.tensor(0.1, requires_grad=True))
