"""Prepared states: values and finite gradients as default.qubit has them, on every wire of every circuit."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane import numpy as pnp
from torch.testing import assert_close

from circuits.pennylane_device import LightConeDevice


@st.composite
def states(draw):
    """A register, amplitudes with zeros for it, how they are prepared, and what acts afterwards."""
    n = draw(st.integers(1, 4))
    wires = draw(st.permutations(range(4)))[:n]
    kind = draw(st.sampled_from(["normalized", "padded", "normal", "given", "complex"]))
    batch = draw(st.sampled_from([None, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    length = 2**n - 1 if kind == "padded" else 2**n
    values = rng.normal(size=(batch or 1, length)) * rng.integers(0, 2, size=(batch or 1, length))
    values[:, rng.integers(length)] = rng.uniform(0.3, 1, batch or 1)
    if kind == "complex":
        values = values * np.exp(1j * rng.normal(size=values.shape))
    if kind in ("given", "complex"):
        values /= np.linalg.norm(values, axis=-1, keepdims=True)
    gates = [
        (draw(st.sampled_from("RCEY")), draw(st.permutations(range(4)))[:2]) for _ in range(draw(st.integers(0, 6)))
    ]
    return values if batch else values[0], wires, kind, gates


def evaluate(device, problem, values):
    _, wires, kind, gates = problem

    @qml.qnode(device)
    def circuit(x):
        if kind in ("given", "complex"):
            qml.StatePrep(x, wires)
        elif kind == "normal":
            qml.StatePrep(x, wires, normalize=True)
        else:
            qml.AmplitudeEmbedding(x, wires, normalize=True, pad_with=0.0 if kind == "padded" else None)
        for k, (gate, (one, two)) in enumerate(gates):
            if gate == "R":
                qml.RX(0.3 + k, one)
            elif gate == "Y":
                qml.CRY(0.7 - k, [one, two])
            else:
                (qml.CNOT if gate == "C" else qml.ISWAP)([one, two])
        word = qml.X(wires[0]) @ qml.Z((wires[0] + 1) % 4)
        return qml.expval(qml.Z(0)), qml.expval(word), qml.var(0.3 * qml.Y(1) - qml.Z(2)), qml.probs(wires=[3, 1])

    return torch.cat([result.reshape(-1) for result in circuit(values)])


# PennyLane #7215, #4964: amplitudes of zero gave NaN gradients.
@settings(max_examples=100)
@given(problem=states())
def test_gradients_of_amplitudes_equal_default_qubit(problem) -> None:
    both = []
    for device in (LightConeDevice(wires=4), qml.device("default.qubit", wires=4)):
        x = torch.tensor(problem[0], requires_grad=True)
        out = evaluate(device, problem, x)
        (gradient,) = torch.autograd.grad((out * torch.linspace(0.3, 1, len(out))).sum(), x)
        both.append((out, gradient))
    assert torch.isfinite(both[0][1]).all()
    for ours, theirs in zip(*both, strict=True):
        assert_close(ours, theirs, atol=1e-9, rtol=0)


# default.qubit's own backward pass casts complex numbers.
@pytest.mark.filterwarnings("ignore:Casting complex values to real")
@pytest.mark.parametrize("values", [np.array([0.6, 0, 0, 0.8]), np.array([0.6j, 0, -0.8, 0])])
def test_autograd_and_torch_agree_on_gradients_of_amplitudes(values) -> None:
    def circuit(device, interface):
        @qml.qnode(device, interface=interface)
        def run(x):
            qml.StatePrep(x, wires=[1, 0])
            qml.RY(0.4, 0)
            qml.CNOT([0, 1])
            return qml.expval(qml.X(0) @ qml.Y(1))

        return run

    x = torch.tensor(values, requires_grad=True)
    circuit(LightConeDevice(), "torch")(x).backward()
    # For a complex number, autograd's convention is the conjugate of torch's.
    ours, theirs = (
        qml.grad(circuit(device, "autograd"))(pnp.array(values, requires_grad=True))
        for device in (LightConeDevice(), qml.device("default.qubit"))
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-10)
    np.testing.assert_allclose(ours, x.grad.conj().resolve_conj().numpy(), atol=1e-10)


def test_several_registers_and_unnormalised_states_count_once() -> None:
    """A norm is a factor of every result, as in default.qubit, and of a product of independent parts only once."""

    def run(device, x):
        @qml.qnode(device)
        def circuit():
            qml.StatePrep(x[:4], wires=[0, 1], validate_norm=False)
            qml.StatePrep(x[4:] / torch.linalg.vector_norm(x[4:]), wires=[3, 2])
            qml.RX(0.4, 4)
            asked = [
                qml.Z(4),
                qml.Z(4) @ qml.X(0),
                qml.Z(0) @ qml.Z(3),
                qml.Identity(4),
                qml.Z(0) + 0.3 * qml.Identity(1),
            ]
            return [*(qml.expval(o) for o in asked), qml.probs(wires=[4, 2]), qml.purity(wires=[4])]

        return torch.cat([result.reshape(-1) for result in circuit()])

    both = []
    for device in (LightConeDevice(), qml.device("default.qubit")):
        x = torch.tensor([0.7, 0.2, -0.9, 0.4, 0.3, -0.2, 0.5, 0.6], dtype=torch.float64, requires_grad=True)
        out = run(device, x)
        both.append((out, *torch.autograd.grad((out * torch.linspace(1, 2, len(out))).sum(), x)))
    for ours, theirs in zip(*both, strict=True):
        assert_close(ours, theirs, atol=1e-10, rtol=0)


def test_a_state_after_gates_is_pennylanes_unitary() -> None:
    def run(device):
        @qml.qnode(device)
        def circuit():
            qml.RX(0.3, 0)
            qml.StatePrep(np.array([0.5, 0.5j, -0.5, 0.5]), wires=[0, 1])
            return qml.state()

        return circuit()

    np.testing.assert_allclose(run(LightConeDevice()), run(qml.device("default.qubit")), atol=1e-12)


def test_only_the_registers_an_observable_reaches_are_simulated() -> None:
    n = 60
    amplitudes = np.array([0.6, 0, 0, 0.8])

    @qml.qnode(LightConeDevice(max_wires=4))
    def circuit():
        for wire in range(0, n, 2):
            qml.StatePrep(amplitudes, wires=[wire, wire + 1])
        qml.CNOT([1, 2])
        return qml.expval(qml.Z(2)), qml.expval(qml.prod(*(qml.Z(wire) for wire in range(4, n, 2))))

    near, far = circuit()
    z = 0.36 - 0.64
    assert near == pytest.approx(z * z, abs=1e-12)
    assert far == pytest.approx(z ** ((n - 4) // 2), abs=1e-12)
