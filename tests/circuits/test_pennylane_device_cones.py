"""Causal cones of circuits small enough to work out by hand, and what happens where they outgrow the limit."""

from __future__ import annotations

import re

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane.exceptions import DeviceError

from circuits.pennylane_device import LightConeDevice
from circuits.pennylane_device.cones import find_cone, independent_parts
from circuits.pennylane_device.gates import X, Z
from circuits.pennylane_device.graph import TapeGraph

MASK = {"X": X, "Z": Z}


def cone_wires(operations, word):
    """Wires and two-qubit gates that a Pauli word depends on."""
    graph = TapeGraph(operations)
    seeds = tuple((graph.track(wire), MASK[letter]) for wire, letter in word.items())
    cone = find_cone(graph, graph.end, seeds)
    labels = {track: wire for wire, track in graph.end.tracks.items()}
    pairs = [graph.nodes[k].operations[0] for k in cone.nodes if len(graph.nodes[k].tracks) == 2]
    return {labels[track] for track in cone.tracks}, pairs


def rotations(n):
    return [qml.Rot(0.1 + k, 0.2, 0.3, wires=k) for k in range(n)]


def ring(n):
    return [qml.CZ([k, (k + 1) % n]) for k in range(n)]


def ghz(n):
    return [qml.H(0), *(qml.CNOT([k, k + 1]) for k in range(n - 1))]


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5])
def test_a_reupload_ring_depends_on_a_window(blocks: int) -> None:
    """Whatever the sequential order of the CZ gates: L blocks reach 2 L - 1 wires."""
    n, centre = 12, 3
    operations = rotations(n)
    for _ in range(blocks - 1):
        operations += ring(n) + rotations(n)
    wires, _ = cone_wires(operations, {centre: "Z"})
    assert wires == {(centre + k) % n for k in range(1 - blocks, blocks)}


def test_the_ends_of_a_ghz_chain_depend_on_everything_before_them() -> None:
    assert cone_wires(ghz(7), {6: "Z"})[0] == set(range(7))
    # Z on a control commutes with the CNOT, so nothing later than wire k reaches it.
    assert cone_wires(ghz(7), {2: "Z"})[0] == {0, 1, 2}


@pytest.mark.parametrize(
    "gate", [qml.CZ([0, 1]), qml.CRZ(0.4, [0, 1]), qml.IsingZZ(0.4, [0, 1]), qml.ControlledPhaseShift(0.4, [1, 0])]
)
def test_a_diagonal_gate_right_before_z_is_dropped_and_before_x_it_is_not(gate) -> None:
    operations = [*rotations(2), gate]
    assert cone_wires(operations, {0: "Z"}) == ({0}, [])
    assert cone_wires(operations, {0: "Z", 1: "Z"})[1] == []
    wires, pairs = cone_wires(operations, {0: "X"})
    assert wires == {0, 1}
    assert len(pairs) == 1


def test_gates_between_decide_whether_a_diagonal_gate_matters() -> None:
    prepare = [*rotations(2), qml.CZ([0, 1])]
    assert cone_wires([*prepare, qml.S(0), qml.RZ(0.3, 0), qml.X(0)], {0: "Z"})[0] == {0}
    assert cone_wires([*prepare, qml.H(0)], {0: "X"})[0] == {0}
    assert cone_wires([*prepare, qml.H(0)], {0: "Z"})[0] == {0, 1}
    assert cone_wires([*rotations(2), qml.CNOT([0, 1])], {1: "X"})[0] == {1}
    assert cone_wires([*rotations(2), qml.CNOT([0, 1])], {0: "Z"})[0] == {0}


def test_swaps_only_rename() -> None:
    operations = [*rotations(5), *(qml.SWAP([k, k + 1]) for k in range(4))]
    graph = TapeGraph(operations)
    cone = find_cone(graph, graph.end, ((graph.track(4), Z),))
    assert [graph.nodes[k].operations for k in cone.nodes] == [[operations[0]]]


def test_a_word_falls_into_independent_parts() -> None:
    operations = [*rotations(6), qml.CNOT([0, 1]), qml.CNOT([4, 5])]
    graph = TapeGraph(operations)
    seeds = tuple((graph.track(wire), Z) for wire in (1, 3, 5))
    parts = independent_parts(graph, find_cone(graph, graph.end, seeds), seeds)
    assert sorted(parts) == sorted(((graph.track(wire), Z),) for wire in (1, 3, 5))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), n=st.integers(2, 6))
def test_gates_outside_the_cone_change_nothing(seed, n) -> None:
    """An independent check of the walk: default.qubit agrees with itself when the dropped gates are taken out."""
    rng = np.random.default_rng(seed)
    operations = []
    for _ in range(25):
        a, b = (int(k) for k in rng.permutation(n)[:2])
        angle = float(rng.uniform(-3, 3))
        choices = [qml.CZ([a, b]), qml.CRZ(angle, [a, b]), qml.IsingZZ(angle, [a, b]), qml.RX(angle, a)]
        choices += [qml.RZ(angle, b), qml.H(a), qml.S(b), qml.SX(a), qml.RY(angle, b)]
        operations.append(choices[rng.integers(len(choices))])
    graph = TapeGraph(operations)
    cone = find_cone(graph, graph.end, ((graph.track(0), Z),))
    kept = {id(operation) for k in cone.nodes for operation in graph.nodes[k].operations}
    device = qml.device("default.qubit", wires=n)
    whole, part = (
        device.execute(qml.tape.QuantumScript(chosen, [qml.expval(qml.Z(0))]))
        for chosen in (operations, [operation for operation in operations if id(operation) in kept])
    )
    assert whole == pytest.approx(part, abs=1e-12)


def run(device, operations, measurement, shots=None):
    @qml.set_shots(shots=shots)
    @qml.qnode(device)
    def evaluate():
        for operation in operations:
            qml.apply(operation)
        return qml.apply(measurement)

    return evaluate()


def test_a_cone_beyond_the_limit_is_named_with_its_size_and_the_remedy() -> None:
    message = r"expval\(Z\(24\)\) depends on 25 wires, more than max_wires=20; raise max_wires"
    with pytest.raises(DeviceError, match=message) as caught:
        run(LightConeDevice(wires=100), ghz(25), qml.expval(qml.Z(24)))
    assert "\n" not in str(caught.value)
    with pytest.raises(DeviceError, match=re.escape("sample(wires=[7]) depends on 8 wires, more than max_wires=7")):
        run(LightConeDevice(max_wires=7), ghz(8), qml.sample(wires=7), shots=10)
    assert run(LightConeDevice(max_wires=8), ghz(8), qml.expval(qml.Z(7))) == pytest.approx(0, abs=1e-12)


def test_wires_far_beyond_the_limit_cost_nothing() -> None:
    n = 1000
    device = LightConeDevice(wires=n, max_wires=2)
    operations = [qml.RY(0.01 * k, wires=k) for k in range(n)]
    every = run(device, operations, qml.expval(qml.prod(*(qml.Z(k) for k in range(50)))))
    assert every == pytest.approx(np.prod(np.cos(0.01 * np.arange(50))), abs=1e-12)
    assert run(device, operations, qml.expval(qml.Z(n - 1))) == pytest.approx(np.cos(0.01 * (n - 1)), abs=1e-12)


@pytest.mark.parametrize(
    ("operations", "measurement", "shots", "message"),
    [
        ([qml.Projector([0], wires=[0])], qml.expval(qml.Z(0)), None, "Projector.*not supported"),
        ([qml.H(0)], qml.classical_shadow(wires=[0]), 10, "shadow.*not accepted"),
        ([qml.H(0)], qml.sample(wires=0), None, "sample.*not accepted for analytic"),
        ([qml.H(0)], qml.state(), 10, "state.*not accepted with finite shots"),
        ([qml.H(0)], qml.expval(qml.Hermitian(np.eye(2**9), wires=range(9))), None, "at most 8 wires.*pauli_decompose"),
    ],
)
def test_what_is_not_supported_says_so(operations, measurement, shots, message) -> None:
    with pytest.raises(DeviceError, match=message):
        run(LightConeDevice(wires=9), operations, measurement, shots)


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="max_wires: got 0, expected a whole number of at least 1"):
        LightConeDevice(max_wires=0)
    with pytest.raises(DeviceError, match="got mcm_method 'one-shot', expected 'deferred'"):
        LightConeDevice().setup_execution_config(
            qml.devices.ExecutionConfig(mcm_config=qml.devices.MCMConfig(mcm_method="one-shot"))
        )
    with pytest.raises(qml.exceptions.QuantumFunctionError, match="does not support backprop"):
        qml.grad(
            qml.QNode(lambda x: [qml.RX(x, 0), qml.expval(qml.Z(0))][1], LightConeDevice(), diff_method="backprop")
        )(qml.numpy.array(0.1))
