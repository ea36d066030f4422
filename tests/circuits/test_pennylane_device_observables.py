"""Observables: what is not Hermitian is refused by name, and projectors on basis states have any number of wires."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import scipy.sparse
import torch
from pennylane.exceptions import DeviceError
from torch.testing import assert_close

from circuits.pennylane_device import LightConeDevice

SKEWED = np.array([[0, 1], [0, 0]])


def run(device, measurement, shots=None, theta=0.7):
    @qml.set_shots(shots)
    @qml.qnode(device)
    def circuit():
        qml.RY(theta, 0)
        qml.Rot(0.3, 0.4, 0.5, 1)
        qml.RX(0.9, 2)
        qml.CNOT([0, 1])
        return qml.apply(measurement)

    return circuit()


# PennyLane #6076, #1266: imaginary parts were dropped without a word.
@pytest.mark.parametrize("measure", [qml.expval, qml.var, lambda observable: qml.sample(op=observable)])
@pytest.mark.parametrize(
    "observable",
    [
        (0.4 - 0.2j) * qml.Z(1),
        qml.Hamiltonian([1, 0.5j], [qml.X(0), qml.Z(2)]),
        qml.dot([0.5j, 1.0], [qml.Hermitian(np.diag([1.0, 2.0]), 0), qml.Z(1)]),
        qml.s_prod(torch.tensor(0.1 + 0.3j), qml.X(0) @ qml.Y(1)),
        2 * (qml.Z(1) + 3 * (1j * qml.X(0))),
        qml.prod(qml.Y(0), qml.Z(0)),
        1j * qml.Identity(2),
        0.5j * qml.Projector([1, 0], wires=[0, 1]),
        qml.prod(qml.Projector([1], wires=[0]), qml.X(0)),
        qml.Hermitian(SKEWED, wires=1),
        qml.exp(qml.Z(0), 0.3j),
        qml.pow(qml.Z(1), 0.5),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else None,
)
def test_what_is_not_hermitian_is_refused(observable, measure) -> None:
    measurement = measure(observable)
    for shots in (None, 10):
        if shots is None and isinstance(measurement, qml.measurements.SampleMP):
            continue
        with pytest.raises(DeviceError, match=r"not Hermitian, expected real coefficients.*\(A \+ A\^dagger\)/2"):
            run(LightConeDevice(), measurement, shots)


@pytest.mark.parametrize("observable", [qml.S(0), qml.RX(0.3, 1), qml.CRX(0.3, [0, 1])])
def test_gates_that_are_no_observables_are_refused(observable) -> None:
    for shots in (None, 10):
        with pytest.raises(DeviceError, match=r"not Hermitian|not accepted with finite shots"):
            run(LightConeDevice(), qml.expval(observable), shots)
    sparse = qml.SparseHamiltonian(scipy.sparse.csr_matrix(SKEWED), wires=[0])
    with pytest.raises(DeviceError, match="not Hermitian"):
        run(LightConeDevice(), qml.expval(sparse))


@pytest.mark.parametrize(
    ("observable", "equal"),
    [
        (1j * qml.prod(qml.X(0), qml.Y(0)), -1 * qml.Z(0)),
        (qml.S(1) + qml.adjoint(qml.S(1)), qml.Identity(1) + qml.Z(1)),
        ((0.3 + 0j) * qml.X(0), 0.3 * qml.X(0)),
        (qml.prod(0.1 * qml.X(0) + 0.2 * qml.Y(0), 0.1 * qml.X(0) + 0.2 * qml.Y(0)), 0.05 * qml.Identity(0)),
    ],
)
def test_complex_numbers_that_add_up_to_a_hermitian_observable_are_taken(observable, equal) -> None:
    for measure in (qml.expval, qml.var):
        assert run(LightConeDevice(), measure(observable)) == pytest.approx(
            run(LightConeDevice(), measure(equal)), abs=1e-12
        )


PROJECTORS = [
    qml.Projector([0, 1], wires=[0, 2]),
    qml.Projector([0], wires=[0]) @ qml.Z(1) @ qml.X(2),
    0.3 * qml.Projector([1], wires=[2]) + qml.Z(0) @ qml.Projector([0], wires=[1]),
    qml.Projector([1], wires=[2]) @ (qml.Y(0) + 0.4 * qml.Hadamard(1)),
    qml.Projector([1], wires=[2]) @ qml.Projector([1], wires=[2]),
    qml.Projector(np.array([0.6, 0.8j]), wires=[1]),
    qml.Projector([1], wires=[2]) @ qml.Hermitian(np.array([[1, 2j], [-2j, 0]]), wires=0),
]


@pytest.mark.parametrize("observable", PROJECTORS, ids=repr)
@pytest.mark.parametrize("measure", [qml.expval, qml.var])
def test_projectors_equal_default_qubit(observable, measure) -> None:
    both = []
    for device in (LightConeDevice(), qml.device("default.qubit")):
        theta = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
        out = run(device, measure(observable), theta=theta)
        both.append((out, *torch.autograd.grad(out, theta)))
    for ours, theirs in zip(*both, strict=True):
        assert_close(ours, theirs, atol=1e-10, rtol=0)


@pytest.mark.parametrize("observable", PROJECTORS[:4], ids=repr)
def test_drawn_projectors_lie_within_standard_errors(observable) -> None:
    shots = 20_000
    mean, spread = (run(LightConeDevice(seed=1), measure(observable), shots) for measure in (qml.expval, qml.var))
    exact, variance = (run(LightConeDevice(), measure(observable)) for measure in (qml.expval, qml.var))
    # The terms of a sum are drawn one by one, each with a variance of at most its coefficient's square.
    assert abs(mean - exact) < 5 * 1.5 / np.sqrt(shots)
    assert abs(spread - variance) < 0.1


# PennyLane demos on barren plateaus: the global cost 1 - |<0...0|psi>|^2.
def test_a_projector_on_two_hundred_wires() -> None:
    n = 200

    def circuit(shots):
        @qml.set_shots(shots)
        @qml.qnode(LightConeDevice(wires=n, seed=2))
        def evaluate():
            for wire in range(n):
                qml.RY(0.1, wire)
            for wire in range(0, n, 2):
                qml.CZ([wire, wire + 1])
            word = qml.prod(*(qml.Z(wire) for wire in range(n)))
            nothing = qml.Projector([0] * n, wires=range(n))
            return qml.expval(nothing), qml.var(nothing), qml.expval(word)

        return evaluate()

    p, z = np.cos(0.05) ** (2 * n), np.cos(0.1) ** n
    np.testing.assert_allclose(circuit(None), [p, p - p * p, z], atol=1e-10)
    np.testing.assert_allclose(circuit(20_000), [p, p - p * p, z], atol=5 / np.sqrt(20_000))


@pytest.mark.parametrize(
    ("measurement", "name"),
    [
        (
            qml.expval(qml.Projector(np.eye(2**9)[0] * 0.6 + np.eye(2**9)[5] * 0.8, wires=range(9))),
            "StateVectorProjector",
        ),
        (qml.var(qml.Hermitian(np.eye(2**9), wires=range(9))), "Hermitian"),
    ],
)
def test_a_limit_is_told_with_its_reason_and_the_way_out(measurement, name) -> None:
    with pytest.raises(DeviceError, match=rf"{name} on 9 wires, expected at most 8 wires.*pauli_decompose") as caught:
        run(LightConeDevice(), measurement)
    assert len(str(caught.value)) < 320
