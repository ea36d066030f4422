"""Gates taken as a matrix, trainable and broadcast, equal default.qubit's, and the cones they leave."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane import numpy as pnp
from pennylane.exceptions import DeviceError
from torch.testing import assert_close

from circuits.pennylane_device import LightConeDevice
from circuits.pennylane_device.cones import find_cone
from circuits.pennylane_device.gates import X, Z
from circuits.pennylane_device.graph import TapeGraph

WORD = qml.X(0) @ qml.Z(1)
NOISELESS = qml.dot([0.3, 0.5, -0.2], [WORD, qml.Y(1), qml.Z(0) @ qml.Z(2)])
COMMUTING = qml.dot([0.3, 0.5], [qml.Z(0) @ qml.Z(1), qml.Z(1) @ qml.Z(2)])

# PennyLane #6874, #2609, #4003 (broadcasting, control), #4661 (TrotterProduct).
GATES = {
    "controlled RX": lambda t: qml.ctrl(qml.RX(t, 2), control=[0, 1], control_values=[1, 0]),
    "controlled phase": lambda t: qml.ctrl(qml.PhaseShift(t, 2), control=[3, 1]),
    "controlled ising": lambda t: qml.ctrl(qml.IsingYY(t, [2, 0]), control=[1]),
    "many controls": lambda t: qml.ctrl(qml.RY(t, 4), control=[0, 1, 2, 3], control_values=[0, 1, 1, 0]),
    "CRot": lambda t: qml.CRot(t, 0.3, t, wires=[2, 0]),
    "CRY": lambda t: qml.CRY(t, wires=[2, 1]),
    "FermionicSWAP": lambda t: qml.FermionicSWAP(t, wires=[2, 0]),
    "adjoint FermionicSWAP": lambda t: qml.adjoint(qml.FermionicSWAP(t, wires=[2, 0])),
    "SingleExcitation": lambda t: qml.SingleExcitation(t, wires=[1, 0]),
    "DoubleExcitationPlus": lambda t: qml.DoubleExcitationPlus(t, wires=[3, 1, 0, 2]),
    "DoubleExcitationMinus": lambda t: qml.adjoint(qml.DoubleExcitationMinus(t, wires=[0, 1, 2, 3])),
    "PSWAP": lambda t: qml.PSWAP(t, wires=[0, 2]),
    "MultiRZ": lambda t: qml.MultiRZ(t, wires=[0, 2, 1]),
    "DiagonalQubitUnitary": lambda t: qml.DiagonalQubitUnitary(qml.MultiRZ(t, [0, 1]).eigvals(), wires=[2, 0]),
    "QubitUnitary": lambda t: qml.QubitUnitary(qml.PauliRot(t, "XYZ", [0, 1, 2]).matrix(), wires=[2, 0, 3]),
    "evolve word": lambda t: qml.evolve(WORD, coeff=t),
    "evolve sum": lambda t: qml.evolve(NOISELESS, coeff=t),
    "evolve commuting": lambda t: qml.evolve(COMMUTING, coeff=t),
    "exp": lambda t: qml.exp(0.3 * WORD, 1j * t),
    "exp sum": lambda t: qml.exp(qml.X(0) + qml.Z(0), 1j * t),
    "exp hermitian": lambda t: qml.exp(qml.Hermitian(np.array([[1, 2j], [-2j, 3]]), 1), -1j * t),
    "exp identity": lambda t: qml.exp(qml.Identity(0), 1j * t),
    "adjoint evolve": lambda t: qml.adjoint(qml.evolve(NOISELESS, coeff=t)),
    "controlled evolve": lambda t: qml.ctrl(qml.evolve(NOISELESS, coeff=t), control=3),
}
TROTTER = {
    "TrotterProduct": lambda t: qml.TrotterProduct(NOISELESS, t, n=2, order=2),
    "adjoint TrotterProduct": lambda t: qml.adjoint(qml.TrotterProduct(NOISELESS, t)),
}


def measured(device, operation, t, wires=5):
    @qml.qnode(device)
    def circuit(t):
        for wire in range(wires):
            qml.Rot(0.4 + 0.3 * wire, 0.7 - 0.2 * wire, 0.1, wire)
        operation(t)
        for wire in range(wires):
            qml.RX(0.2 + wire, wire)
        return qml.expval(qml.X(0) @ qml.Y(1)), qml.expval(qml.Z(2)), qml.probs(wires=[3, 1]), qml.expval(qml.X(4))

    return torch.cat([torch.as_tensor(result).reshape(-1) for result in circuit(t)])


@pytest.mark.parametrize("name", [*GATES, *TROTTER])
@pytest.mark.parametrize("value", [0.7, [0.7, -0.4, 1.9]], ids=["single", "batch"])
def test_values_and_gradients_equal_default_qubit(name, value) -> None:
    operation = {**GATES, **TROTTER}[name]
    both = []
    for device in (LightConeDevice(), qml.device("default.qubit")):
        t = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        out = measured(device, operation, t)
        both.append((out, *torch.autograd.grad((out * torch.linspace(0.3, 1, len(out))).sum(), t)))
    assert both[0][1].abs().sum() > 0 or name == "exp identity"
    for ours, theirs in zip(*both, strict=True):
        assert_close(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ["evolve sum", "evolve commuting", "controlled evolve", "exp sum", "FermionicSWAP"])
def test_autograd_gradients_equal_finite_differences(name) -> None:
    """default.qubit's autograd gradient of an exponential is wrong, as PennyLane warns; so it is no oracle here."""

    def first(t):
        @qml.qnode(LightConeDevice())
        def circuit(t):
            for wire in range(4):
                qml.Rot(0.4 + 0.3 * wire, 0.7, 0.1, wire)
            GATES[name](t)
            return qml.expval(qml.Y(0) @ qml.X(1) @ qml.Z(2))

        return circuit(t)

    step = 1e-5
    gradient = qml.grad(first)(pnp.array(0.7, requires_grad=True))
    assert gradient == pytest.approx((first(0.7 + step) - first(0.7 - step)) / (2 * step), abs=1e-8)
    assert abs(gradient) > 1e-3


def test_powers_of_an_exponential_multiply_its_coefficient() -> None:
    t = torch.tensor([0.7, -0.3], dtype=torch.float64)
    for power in (2, 0.5):
        out = measured(LightConeDevice(), lambda t, z=power: qml.pow(qml.exp(NOISELESS, 1j * t), z), t)
        assert_close(out, measured(LightConeDevice(), lambda t, z=power: qml.exp(NOISELESS, 1j * t * z), t))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**16), batched=st.booleans())
def test_blocks_between_other_gates_equal_default_qubit(seed, batched) -> None:
    names = list(GATES)

    def circuit(device):
        rng = np.random.default_rng(seed)

        @qml.qnode(device)
        def evaluate():
            for _ in range(8):
                angle = torch.tensor(rng.uniform(-2, 2, 2 if batched else ()), dtype=torch.float64)
                chosen = rng.integers(4)
                if chosen == 0:
                    GATES[names[rng.integers(len(names))]](angle)
                elif chosen == 1:
                    qml.RX(angle, int(rng.integers(5)))
                else:
                    a, b = (int(k) for k in rng.permutation(5)[:2])
                    qml.IsingZZ(angle, [a, b]) if chosen == 2 else qml.CNOT([a, b])
            return [qml.expval(qml.X(0) @ qml.Y(3)), qml.expval(qml.Z(1)), qml.probs(wires=[4, 2]), qml.state()]

        return evaluate()

    for ours, theirs in zip(
        circuit(LightConeDevice(wires=5)), circuit(qml.device("default.qubit", wires=5)), strict=True
    ):
        assert_close(torch.as_tensor(ours), torch.as_tensor(theirs), atol=1e-10, rtol=0)


def cone_of(operations, wire, mask):
    graph = TapeGraph(operations)
    cone = find_cone(graph, graph.end, ((graph.track(wire), mask),))
    labels = {track: label for label, track in graph.end.tracks.items()}
    return {labels[track] for track in cone.tracks}


def test_a_gate_commutes_with_z_on_its_controls() -> None:
    prepare = [qml.Rot(0.1, 0.2, 0.3, wire) for wire in range(4)]
    controlled = qml.ctrl(qml.RX(0.4, 2), control=[0, 1])
    phase = qml.ctrl(qml.PhaseShift(0.4, 2), control=[0, 1])
    assert cone_of([*prepare, controlled], 0, Z) == {0}
    assert cone_of([*prepare, controlled], 0, X) == {0, 1, 2}
    assert cone_of([*prepare, controlled], 2, Z) == {0, 1, 2}
    assert cone_of([*prepare, phase], 2, Z) == {2}
    assert cone_of([*prepare, phase], 2, X) == {0, 1, 2}
    assert cone_of([*prepare, phase], 3, X) == {3}


def test_a_commuting_exponential_of_many_terms_keeps_small_cones() -> None:
    n, t = 100, 0.4
    ising = qml.dot([0.3] * n, [qml.Z(k) @ qml.Z((k + 1) % n) for k in range(n)])

    @qml.qnode(LightConeDevice(max_wires=4))
    def circuit():
        for wire in range(n):
            qml.H(wire)
        qml.evolve(ising, coeff=torch.tensor(t, dtype=torch.float64))
        return qml.expval(qml.X(5)), qml.expval(qml.X(5) @ qml.X(6))

    # Of a ring, by hand: each of the two neighbours turns X by 2 t J.
    single, pair = (float(value) for value in circuit())
    assert single == pytest.approx(np.cos(2 * 0.3 * t) ** 2, abs=1e-12)
    assert pair == pytest.approx(np.cos(2 * 0.3 * t) ** 2, abs=1e-12)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (qml.exp(qml.X(0), 0.3), "Exp on wires .0. as a gate, expected a unitary; exponentiate 1j times"),
        (qml.ctrl(qml.exp(WORD, 0.2 + 1j), control=4), "expected a unitary"),
        (
            qml.evolve(qml.sum(*(qml.X(k) @ qml.Z(k + 1) for k in range(9))), coeff=torch.tensor(0.3)),
            "on 10 wires whose terms do not commute, expected at most 8 wires; use qml.TrotterProduct",
        ),
    ],
)
def test_exponentials_that_are_not_taken_say_why(operation, message) -> None:
    with pytest.raises(DeviceError, match=message):
        qml.execute([qml.tape.QuantumScript([operation], [qml.expval(qml.Z(0))])], LightConeDevice())
