"""Measurements of all wires, shots, seeds and arguments, as default.qubit has them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pennylane as qml
import pytest

from circuits.pennylane_device import LightConeDevice

DEFAULT = qml.device("default.qubit")


def operations(labels):
    a, b, c = labels
    return [qml.RY(0.4, b), qml.CNOT([b, c]), qml.RX(0.3, a), qml.CRX(0.9, [c, a])]


LABELS = [(0, 1, 2), (2, 1, 0), (1, 2, 0), (5, 2, 7), ("b", "a", 3), (1, 3, 2)]
ASKED = [
    [qml.probs()],
    [qml.state()],
    [qml.state(), qml.expval(qml.Z(1))],
    [qml.expval(qml.Z("extra")), qml.probs()],
    [qml.probs(wires=[1]), qml.probs(), qml.var(qml.X(0))],
]


# PennyLane #3741, #5205, #10169: devices without wires of their own.
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("raw", [True, False])
def test_all_wires_are_those_of_default_qubit(labels, asked, raw) -> None:
    tape = qml.tape.QuantumScript(operations(labels), asked)
    ours, theirs = (
        device.execute(tape) if raw else qml.execute([tape], device)[0] for device in (LightConeDevice(), DEFAULT)
    )
    for one, other in zip(ours, theirs, strict=True) if len(asked) > 1 else [(ours, theirs)]:
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize(
    "gate",
    [
        qml.Barrier([0, 1, 2]),
        qml.Identity(2),
        qml.PauliRot(0.3, "IX", [2, 1]),
        qml.PauliRot(0.3, "II", [2, 3]),
        qml.GlobalPhase(0.3, wires=[1, 3]),
        qml.MultiControlledX([0, 1, 2], work_wires=[3]),
        qml.StronglyEntanglingLayers(np.ones((1, 2, 3)), wires=[2, 0]),
        qml.StatePrep(np.array([0.6, 0, 0, 0.8]), wires=[3, 1]),
        qml.QFT([3, 1]),
        qml.evolve(qml.Z(3) @ qml.Identity(1), 0.3),
    ],
    ids=lambda gate: gate.name,
)
def test_a_wire_stays_that_its_gate_leaves_alone(gate) -> None:
    tape = qml.tape.QuantumScript([gate, qml.X(0)], [qml.probs(), qml.state()])
    for ours, theirs in zip(*(qml.execute([tape], device)[0] for device in (LightConeDevice(), DEFAULT)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("shots", [6, (2, 3)])
@pytest.mark.parametrize("flips", [np.pi, np.array([np.pi, 0.0])])
def test_shots_of_all_wires(shots, flips) -> None:
    gates = [qml.X(2), qml.RX(flips, 1), qml.Identity(0)]
    asked = [qml.sample(), qml.counts(), qml.probs(), qml.expval(qml.Z(3))]
    tape = qml.tape.QuantumScript(gates, asked, shots=shots)
    ours, theirs = (qml.execute([tape], device)[0] for device in (LightConeDevice(), DEFAULT))
    for one, other in zip(ours, theirs, strict=True) if isinstance(shots, tuple) else [(ours, theirs)]:
        assert one[1] == other[1]
        for k in (0, 2, 3):
            np.testing.assert_array_equal(one[k], other[k])


# PennyLane #5205, #4360.
@pytest.mark.parametrize("wires", [2, None])
def test_mid_circuit_measurements_need_no_wires_of_their_own(wires) -> None:
    @qml.set_shots(50)
    @qml.qnode(LightConeDevice(wires=wires, seed=1))
    def circuit():
        qml.X(0)
        first = qml.measure(0, reset=True)
        second = qml.measure(0)
        qml.cond(first, qml.X)(1)
        return qml.counts([first, second]), qml.probs(wires=[0, 1])

    counts, probabilities = circuit()
    assert counts == {"10": 50}
    np.testing.assert_array_equal(probabilities, [0, 1, 0, 0])


def test_a_wire_the_device_lacks_is_named() -> None:
    with pytest.raises(qml.exceptions.WireError, match=r"not found on the device: \{3\}"):
        qml.execute([qml.tape.QuantumScript([qml.X(3)], [qml.expval(qml.Z(3))])], LightConeDevice(wires=2))


def draw(device, shots=64):
    tape = qml.tape.QuantumScript([qml.H(0), qml.ctrl(qml.RX(0.9, 1), 0)], [qml.sample(wires=[0, 1])], shots=shots)
    return qml.execute([tape], device)[0]


# PennyLane's demos set np.random.seed; its default.qubit follows it.
def test_the_global_seed_of_numpy_decides_the_shots() -> None:
    drawn = []
    for seed in (42, 42, 43):
        np.random.seed(seed)  # noqa: NPY002
        drawn.append(draw(LightConeDevice()))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.any(drawn[0] != drawn[2])
    np.random.seed(42)  # noqa: NPY002
    apart = [draw(LightConeDevice(seed=None)) for _ in range(2)]
    assert np.any(apart[0] != apart[1])


def test_numpy_numbers_are_whole_numbers() -> None:
    device = LightConeDevice(wires=np.int64(3), max_wires=np.int32(2), seed=np.int64(7))
    assert device.wires.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(draw(device), draw(LightConeDevice(wires=3, seed=7)))
    with pytest.warns(qml.exceptions.PennyLaneDeprecationWarning):
        assert LightConeDevice(shots=np.int64(5)).shots.total_shots == 5
    with pytest.warns(qml.exceptions.PennyLaneDeprecationWarning):
        assert LightConeDevice(shots=(np.int64(5), 2)).shots.total_shots == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wires": 2.5}, "wires: got 2.5, expected a whole number of at least 1 or a list of labels"),
        ({"wires": -1}, "wires: got -1, expected a whole number"),
        ({"seed": "local"}, "seed: got 'local', expected a whole number of at least 0.*'global'"),
        ({"seed": -3}, "seed: got -3, expected"),
    ],
)
def test_arguments_say_what_they_take(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        LightConeDevice(**options)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda device: pickle.loads(pickle.dumps(device))])
def test_a_copy_draws_what_the_device_would(copied) -> None:
    device = LightConeDevice(wires=2, seed=5)
    draw(device)
    twin = copied(device)
    np.testing.assert_array_equal(draw(twin), draw(device))
