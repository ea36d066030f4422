"""Finite shots follow the exact distributions, share what PennyLane says they share, and repeat with the seed."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from circuits.pennylane_device import LightConeDevice

SHOTS = 20_000
SIGMAS = 5


def circuit_on(device, *measurements, shots=SHOTS, n=4):
    @qml.set_shots(shots=shots)
    @qml.qnode(device)
    def evaluate():
        for wire in range(n):
            qml.Rot(0.3 + wire, 1.1 - 0.4 * wire, 0.7, wires=wire)
        for wire in range(n - 1):
            qml.CRZ(0.9, [wire, wire + 1])
            qml.CNOT([wire + 1, wire])
        for wire in range(n):
            qml.RX(0.8 + 0.3 * wire, wires=wire)
        return tuple(qml.apply(measurement) for measurement in measurements)

    return evaluate


OBSERVABLES = [
    qml.Z(0),
    qml.X(1) @ qml.Y(2),
    qml.Hadamard(3),
    qml.Z(0) @ qml.Z(1) @ qml.X(3),
    qml.Hermitian(np.array([[1, 0.5j], [-0.5j, -1]]), wires=1),
]


@pytest.mark.parametrize("observable", OBSERVABLES, ids=repr)
def test_expectations_lie_within_standard_errors(observable) -> None:
    exact, variance = circuit_on(qml.device("default.qubit"), qml.expval(observable), qml.var(observable), shots=None)()
    (mean,) = circuit_on(LightConeDevice(seed=1), qml.expval(observable))()
    assert abs(mean - exact) < SIGMAS * np.sqrt(variance / SHOTS)
    assert mean != exact


def test_a_sum_is_estimated_term_by_term() -> None:
    total = 0.5 * qml.Z(0) - 1.5 * qml.X(0) @ qml.Y(1) + 2.0 * qml.Identity(2)
    (exact,) = circuit_on(qml.device("default.qubit"), qml.expval(total), shots=None)()
    (mean,) = circuit_on(LightConeDevice(seed=2), qml.expval(total))()
    # No term's variance exceeds 1, so 0.5 + 1.5 bounds the standard deviation of one shot.
    assert 0 < abs(mean - exact) < SIGMAS * 2.0 / np.sqrt(SHOTS)


@pytest.mark.parametrize("wires", [[0], [2, 0], [3, 1, 2]])
def test_sampled_probabilities_and_counts_follow_the_marginal(wires: list[int]) -> None:
    (exact,) = circuit_on(qml.device("default.qubit"), qml.probs(wires=wires), shots=None)()
    frequencies, counts = circuit_on(
        LightConeDevice(seed=3), qml.probs(wires=wires), qml.counts(wires=wires, all_outcomes=True)
    )()
    errors = np.sqrt(exact * (1 - exact) / SHOTS)
    assert np.all(np.abs(frequencies - exact) <= SIGMAS * errors + 1e-12)
    counted = np.array([counts[f"{k:0{len(wires)}b}"] for k in range(2 ** len(wires))]) / SHOTS
    # Both measurements read the same shots.
    np.testing.assert_allclose(counted, frequencies, atol=1e-12)


def test_measurements_of_one_circuit_share_their_shots() -> None:
    @qml.set_shots(shots=200)
    @qml.qnode(LightConeDevice(seed=4))
    def ghz():
        qml.H(0)
        for wire in range(4):
            qml.CNOT([wire, wire + 1])
        return qml.sample(wires=0), qml.sample(qml.Z(4)), qml.sample(wires=[1, 3])

    first, last, middle = ghz()
    np.testing.assert_array_equal(1 - 2 * first.reshape(-1), last)
    np.testing.assert_array_equal(middle, np.stack([first.reshape(-1)] * 2, axis=1))
    assert 0 < first.sum() < 200


def test_a_joint_cone_beyond_the_limit_is_drawn_measurement_by_measurement() -> None:
    n = 30

    def evaluate(device, shots):
        @qml.set_shots(shots=shots)
        @qml.qnode(device)
        def circuit():
            for wire in range(n):
                qml.RY(0.3 + 0.1 * wire, wires=wire)
            for wire in range(n):
                qml.CZ([wire, (wire + 1) % n])
            for wire in range(n):
                qml.RX(0.5, wires=wire)
                qml.RY(0.9, wires=wire)
            return [qml.expval(qml.Z(wire)) for wire in range(n)]

        return np.array(circuit())

    exact, means = evaluate(LightConeDevice(), None), evaluate(LightConeDevice(max_wires=3, seed=5), SHOTS)
    assert np.all(np.abs(means - exact) < SIGMAS * np.sqrt((1 - exact**2) / SHOTS))
    assert np.all(means != exact)


def test_many_independent_wires_are_sampled_together() -> None:
    @qml.set_shots(shots=500)
    @qml.qnode(LightConeDevice(max_wires=2, seed=6))
    def pairs():
        for wire in range(0, 100, 2):
            qml.H(wire)
            qml.CNOT([wire, wire + 1])
        return qml.sample(wires=range(100))

    bits = np.asarray(pairs())
    np.testing.assert_array_equal(bits[:, 0::2], bits[:, 1::2])
    ones = bits[:, 0::2].mean(0)
    assert np.all(np.abs(ones - 0.5) < SIGMAS * 0.5 / np.sqrt(500))
    assert len(np.unique(bits, axis=0)) == 500


def test_the_seed_decides_the_shots() -> None:
    def draw(seed):
        return circuit_on(LightConeDevice(seed=seed), qml.sample(wires=[0, 1, 2]), shots=100)()[0]

    np.testing.assert_array_equal(draw(7), draw(7))
    assert np.any(draw(7) != draw(8))


def test_two_calls_draw_fresh_shots() -> None:
    evaluate = circuit_on(LightConeDevice(seed=9), qml.sample(wires=[0, 1, 2]), shots=100)
    assert np.any(evaluate()[0] != evaluate()[0])


def test_a_shot_vector_and_a_batch_keep_their_order() -> None:
    angles = np.array([0.0, np.pi, np.pi / 2])

    @qml.set_shots(shots=(10, 30))
    @qml.qnode(LightConeDevice(seed=10))
    def evaluate():
        qml.RX(angles, wires=0)
        return qml.expval(qml.Z(0)), qml.sample(wires=[0, 1])

    few, many = evaluate()
    for (mean, bits), count in ((few, 10), (many, 30)):
        assert bits.shape == (3, count, 2)
        np.testing.assert_allclose(mean, 1 - 2 * bits[..., 0].mean(1), atol=1e-12)
        np.testing.assert_array_equal(bits[..., 0].sum(1)[:2], [0, count])
        assert 0 < bits[2, :, 0].sum() < count


def test_mid_circuit_measurements_are_deferred() -> None:
    @qml.qnode(LightConeDevice())
    def teleport():
        qml.RY(0.7, wires=0)
        qml.H(1)
        qml.CNOT([1, 2])
        qml.CNOT([0, 1])
        qml.H(0)
        first, second = qml.measure(0), qml.measure(1)
        qml.cond(second, qml.X)(2)
        qml.cond(first, qml.Z)(2)
        return qml.expval(qml.Z(2)), qml.expval(first)

    kept, first = teleport()
    assert kept == pytest.approx(np.cos(0.7), abs=1e-12)
    assert first == pytest.approx(0.5, abs=1e-12)


def test_parameter_shift_on_shots_is_unbiased() -> None:
    @qml.set_shots(shots=SHOTS)
    @qml.qnode(LightConeDevice(seed=11))
    def evaluate(theta):
        qml.RX(theta, wires=0)
        return qml.expval(qml.Z(0))

    gradient = qml.grad(evaluate)(qml.numpy.array(0.6, requires_grad=True))
    assert abs(gradient + np.sin(0.6)) < SIGMAS / np.sqrt(2 * SHOTS)
