"""The device gives what default.qubit gives: values and gradients of random circuits over all its gates."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane import numpy as pnp
from torch.testing import assert_close

from circuits import DataReupload, make_engine
from circuits.pennylane_device import LightConeDevice

VALUE, GRADIENT = 1e-10, 1e-8

FIXED = [qml.Identity, qml.X, qml.Y, qml.Z, qml.H, qml.S, qml.T, qml.SX]
ROTATIONS = {qml.RX: 1, qml.RY: 1, qml.RZ: 1, qml.PhaseShift: 1, qml.U1: 1, qml.U2: 2, qml.U3: 3, qml.Rot: 3}
PAIRS = {qml.CZ: 0, qml.CNOT: 0, qml.SWAP: 0, qml.CRZ: 1, qml.IsingZZ: 1, qml.ControlledPhaseShift: 1}
DECOMPOSED = {qml.CY: 0, qml.CRX: 1, qml.IsingXX: 1, qml.IsingYY: 1, qml.CRot: 3}


@st.composite
def gate_lists(draw, max_wires=6, max_gates=40):
    """Gates as (operation, adjoint, wires, number of angles)."""
    n = draw(st.integers(1, max_wires))
    single = [(gate, 0) for gate in FIXED] + list(ROTATIONS.items())
    double = list(PAIRS.items()) + list(DECOMPOSED.items())
    gates = []
    for _ in range(draw(st.integers(0, max_gates))):
        if n > 1 and draw(st.booleans()):
            (gate, count), wires = draw(st.sampled_from(double)), draw(st.permutations(range(n)))[:2]
        else:
            (gate, count), wires = draw(st.sampled_from(single)), [draw(st.integers(0, n - 1))]
        gates.append((gate, draw(st.integers(0, 5)) == 0, wires, count))
    return n, gates


@st.composite
def words(draw, n):
    letters = draw(st.lists(st.sampled_from("IXYZ"), min_size=n, max_size=n))
    factors = [getattr(qml, letter)(wire) for wire, letter in enumerate(letters)]
    return qml.prod(*factors) if n > 1 else factors[0]


@st.composite
def measurements(draw, n):
    kind = draw(st.sampled_from(["word", "sum", "var", "var sum", "probs", "probs of", "hermitian", "hadamard"]))
    if kind == "word":
        return qml.expval(draw(words(n)))
    if kind == "var":
        return qml.var(draw(words(n)))
    if kind in ("sum", "var sum"):
        terms = draw(st.lists(words(n), min_size=1, max_size=4))
        total = qml.dot([0.3 - 0.7 * k for k in range(len(terms))], terms)
        return qml.expval(total) if kind == "sum" else qml.var(total)
    wires = draw(st.permutations(range(n)))[: draw(st.integers(1, n))]
    if kind == "probs":
        return qml.probs(wires=wires)
    if kind == "probs of":
        return qml.probs(op=draw(st.sampled_from([qml.X, qml.Y, qml.Hadamard]))(wires[0]))
    if kind == "hadamard":
        return qml.expval(qml.prod(qml.Hadamard(wires[0]), *(qml.Y(wire) for wire in wires[1:2])))
    rng = np.random.default_rng(len(wires))
    matrix = rng.normal(size=(2, 2 ** len(wires), 2 ** len(wires)))
    matrix = matrix[0] + 1j * matrix[1]
    return (qml.expval if draw(st.booleans()) else qml.var)(qml.Hermitian(matrix + matrix.conj().T, wires=wires))


@st.composite
def problems(draw, max_wires=6, max_gates=40):
    n, gates = draw(gate_lists(max_wires, max_gates))
    asked = draw(st.lists(measurements(n), min_size=1, max_size=4))
    return gates, asked, draw(st.integers(0, 2**16)), draw(st.booleans())


def apply(gates, angles):
    place = 0
    for gate, inverted, wires, count in gates:
        taken = [angles[place + k] for k in range(count)]
        place += count
        operation = gate(*taken, wires=wires)
        if inverted:
            qml.adjoint(operation)


def draw_angles(gates, seed, batched):
    count = sum(gate[-1] for gate in gates)
    shape = (count, 2) if batched else (count,)
    angles = np.random.default_rng(seed).uniform(-4, 4, shape)
    if batched:
        # Half of the angles stay the same for the whole batch, as weights do beside data.
        return [row if k % 2 == 0 else row[0] for k, row in enumerate(angles)]
    return list(angles)


def circuit_on(device, gates, asked, **options):
    @qml.qnode(device, **options)
    def evaluate(*angles):
        apply(gates, angles)
        return [qml.apply(measurement) for measurement in asked]

    return evaluate


def flatten(results):
    return torch.cat([result.reshape(-1) for result in results])


def torch_value_and_gradients(device, problem):
    gates, asked, seed, batched = problem
    angles = [torch.tensor(value, requires_grad=True) for value in draw_angles(gates, seed, batched)]
    out = flatten(circuit_on(device, gates, asked, interface="torch", diff_method="backprop")(*angles))
    if not angles:
        return out, []
    mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed), dtype=out.dtype)
    loss = (out * mix).sum()
    if not loss.requires_grad:
        return out, [torch.zeros_like(angle) for angle in angles]
    found = torch.autograd.grad(loss, angles, allow_unused=True)
    return out, [torch.zeros_like(a) if g is None else g for a, g in zip(angles, found, strict=True)]


@settings(max_examples=120)
@given(problem=problems())
def test_random_circuits_equal_default_qubit(problem) -> None:
    out, gradients = torch_value_and_gradients(LightConeDevice(), problem)
    expected, expected_gradients = torch_value_and_gradients(qml.device("default.qubit"), problem)
    assert_close(out, expected, atol=VALUE, rtol=0)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert_close(ours, theirs, atol=GRADIENT, rtol=0)


# default.qubit's own backward pass casts complex numbers.
@pytest.mark.filterwarnings("ignore:Casting complex values to real")
@settings(max_examples=30)
@given(problem=problems(max_wires=4, max_gates=12), method=st.sampled_from(["best", "adjoint", "parameter-shift"]))
def test_autograd_gradients_equal_default_qubit(problem, method) -> None:
    gates, asked, seed, batched = problem
    if method == "parameter-shift":
        # Shift rules of variances and of observables without a finite spectrum are PennyLane's matter, not ours.
        batched = False
        asked = [m for m in asked if isinstance(m, qml.measurements.ProbabilityMP | qml.measurements.ExpectationMP)]
    angles = [pnp.array(value, requires_grad=True) for value in draw_angles(gates, seed, batched)]
    if not angles or not asked:
        return

    def loss(device, diff_method):
        evaluate = circuit_on(device, gates, asked, interface="autograd", diff_method=diff_method)

        def total(*values):
            return sum(pnp.sum(pnp.cos(result)) for result in evaluate(*values))

        return qml.grad(total, argnums=list(range(len(angles))))(*angles)

    ours, theirs = loss(LightConeDevice(), method), loss(qml.device("default.qubit"), "backprop")
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=GRADIENT, rtol=0)


@settings(max_examples=30)
@given(drawn=gate_lists(max_wires=4, max_gates=15), seed=st.integers(0, 2**16), batched=st.booleans())
def test_states_equal_default_qubit(drawn, seed, batched) -> None:
    n, gates = drawn
    angles = [torch.tensor(value) for value in draw_angles(gates, seed, batched)]

    def state(device):
        @qml.qnode(device, interface="torch")
        def evaluate():
            apply(gates, angles)
            qml.GlobalPhase(0.7)
            return qml.state(), qml.density_matrix(wires=[n - 1]), qml.purity(wires=[0])

        return evaluate()

    for ours, theirs in zip(state(LightConeDevice(wires=n)), state(qml.device("default.qubit", wires=n)), strict=True):
        assert_close(ours, theirs, atol=VALUE, rtol=0)


def reupload(device, n, x, w, **options):
    @qml.qnode(device, **options)
    def evaluate():
        for block in range(w.shape[0]):
            for wire in range(n):
                qml.Rot(x[..., 3 * wire], x[..., 3 * wire + 1], x[..., 3 * wire + 2], wires=wire)
                qml.Rot(w[block, wire, 0], w[block, wire, 1], w[block, wire, 2], wires=wire)
            if block < w.shape[0] - 1:
                for wire in range(n):
                    qml.CZ([wire, (wire + 1) % n])
        return [qml.expval(qml.Z(wire)) for wire in range(n)]

    return torch.stack(list(evaluate()), dim=-1)


def test_a_thousand_wires_equal_the_light_cone_engine() -> None:
    n = 1000
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3 * n, generator=generator, dtype=torch.float64, requires_grad=True)
    w = torch.randn(2, n, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    out = reupload(LightConeDevice(wires=n), n, x[0], w)
    expected = make_engine("lightcone", DataReupload(n, 2))(x, w)[0]
    assert_close(out, expected, atol=VALUE, rtol=0)
    mix = torch.randn(n, generator=generator, dtype=torch.float64)
    for ours, theirs in zip(
        torch.autograd.grad((out * mix).sum(), (x, w)), torch.autograd.grad((expected * mix).sum(), (x, w)), strict=True
    ):
        assert_close(ours, theirs, atol=GRADIENT, rtol=0)


def test_second_derivatives_equal_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 12, generator=generator, dtype=torch.float64, requires_grad=True)
    w = torch.randn(3, 4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    device = LightConeDevice()
    assert torch.autograd.gradgradcheck(lambda a, b: reupload(device, 4, a, b), (x, w), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize(("real", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-12)])
def test_results_keep_the_precision_of_the_parameters(real: torch.dtype, tolerance: float) -> None:
    theta = torch.tensor([0.3, 1.1], dtype=real, requires_grad=True)
    probe = qml.Hermitian(np.array([[1, 2j], [-2j, 3]]), wires=0)

    @qml.qnode(LightConeDevice())
    def evaluate():
        qml.RX(theta, wires=0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0)), qml.expval(probe), qml.probs(wires=[0, 1])

    z, hermitian, probabilities = evaluate()
    assert {z.dtype, hermitian.dtype, probabilities.dtype} == {real}
    assert_close(z, theta.cos(), atol=tolerance, rtol=0)
    assert_close(hermitian, 2 - theta.cos(), atol=tolerance, rtol=0)
    (gradient,) = torch.autograd.grad(z.sum(), theta)
    assert_close(gradient, -theta.detach().sin(), atol=tolerance, rtol=0)


def test_a_parameter_outside_every_cone_has_gradient_zero() -> None:
    theta, other = (torch.tensor(value, requires_grad=True, dtype=torch.float64) for value in (0.4, 0.9))

    @qml.qnode(LightConeDevice())
    def evaluate():
        qml.RX(theta, wires=0)
        qml.RX(other, wires=7)
        return qml.expval(qml.Z(0))

    gradients = torch.autograd.grad(evaluate(), (theta, other))
    assert_close(torch.stack(gradients), torch.tensor([-np.sin(0.4), 0.0], dtype=torch.float64), atol=1e-12, rtol=0)


def test_coefficients_of_an_observable_can_be_trained() -> None:
    weight = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)

    @qml.qnode(LightConeDevice())
    def evaluate():
        qml.RX(0.3, wires=0)
        return qml.expval(qml.s_prod(weight, qml.Z(0)) + qml.s_prod(weight**2, qml.Identity(0)))

    out = evaluate()
    (gradient,) = torch.autograd.grad(out, weight)
    assert_close(out.item(), 0.6 * np.cos(0.3) + 0.36, atol=1e-12, rtol=0)
    assert_close(gradient.item(), np.cos(0.3) + 1.2, atol=1e-12, rtol=0)


def test_jacobians_equal_vector_jacobian_products() -> None:
    tape = qml.tape.QuantumScript(
        [qml.RX(np.array(0.3), 0), qml.CNOT([0, 1]), qml.RY(np.array(0.7), 1)],
        [qml.expval(qml.X(1)), qml.probs(wires=[0, 1])],
    )
    device = LightConeDevice()
    _, ((first, *_), rows) = device.execute_and_compute_derivatives(tape)
    cotangents = (np.array(0.2), np.array([0.1, -0.4, 0.5, 0.3]))
    products = device.compute_vjp(tape, cotangents)
    np.testing.assert_allclose(products[0], 0.2 * first + cotangents[1] @ rows[0], atol=1e-12)


def test_best_gradient_is_backprop_for_torch_and_the_devices_own_elsewhere() -> None:
    device = LightConeDevice()
    for make, expected in ((torch.tensor, "backprop"), (pnp.array, "device")):
        evaluate = circuit_on(device, [(qml.RX, False, [0], 1)], [qml.expval(qml.Z(0))])
        config = qml.workflow.construct_execution_config(evaluate, resolve=True)(make(0.3, requires_grad=True))
        assert config.gradient_method == expected


def test_the_plugin_name_gives_this_device() -> None:
    device = qml.device("sqnn.lightcone", wires=1000, max_wires=7)
    assert isinstance(device, LightConeDevice)
    assert device.max_wires == 7
    assert len(device.wires) == 1000
