"""A circuit of one's own: PennyLane's values and gradients, whoever evaluates it, and what is refused."""

from __future__ import annotations

import copy
import pickle
import re

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from circuits import QuantumLayer

WIRES = 3


def by_template(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(WIRES))
    qml.StronglyEntanglingLayers(weights, wires=range(WIRES))
    return [qml.expval(qml.Z(wire)) for wire in range(WIRES)]


def one_gate(measure):
    """A circuit of one gate on one wire that returns what `measure` gives."""

    def circuit(inputs):
        qml.RX(inputs[..., 0], 0)
        return measure()

    return circuit


def one_by_one(inputs, angles, last):
    """A function that takes one sample: inputs[i] of a batch would be another sample."""
    for wire in range(WIRES):
        qml.RX(inputs[wire], wire)
        qml.Rot(*angles[wire], wire)
    qml.CRZ(last[0], [0, 2])
    qml.CNOT([2, 1])


def shot_noise(inputs, weights):
    qml.RY(inputs[..., 0] + weights[0], 0)
    return qml.expval(qml.Z(0))


SHAPES = {"weights": (2, WIRES, 3)}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def torch_layer(function, shapes, weights):
    qnode = qml.QNode(function, qml.device("default.qubit"), interface="torch")
    layer = qml.qnn.TorchLayer(qnode, shapes)
    for name, value in weights.items():
        getattr(layer, name).data = value.data.clone()
    return layer


@pytest.mark.parametrize("engine", ["lightcone", "pennylane"])
def test_values_and_gradients_are_those_of_pennylanes_torch_layer(engine: str) -> None:
    layer = QuantumLayer(by_template, SHAPES, WIRES, engine=engine).double()
    theirs = torch_layer(by_template, SHAPES, layer.weights)
    inputs = torch.randn(4, WIRES, generator=seeded(), dtype=torch.float64, requires_grad=True)
    ours, expected = layer(inputs), theirs(inputs)
    assert layer.broadcasts
    assert layer.evaluated_by == {"lightcone": "sqnn.lightcone", "pennylane": "default.qubit"}[engine]
    assert_close(ours, expected, atol=1e-10, rtol=0)
    mix = torch.randn(4, WIRES, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad((ours * mix).sum(), (inputs, layer.weights["weights"])),
        torch.autograd.grad((expected * mix).sum(), (inputs, theirs.weights)),
        strict=True,
    ):
        assert_close(one, other, atol=1e-8, rtol=0)


GATES = {"RX": 1, "RY": 1, "RZ": 1, "PhaseShift": 1, "CNOT": 0, "CZ": 0, "CRZ": 1, "IsingXX": 1, "SWAP": 0, "CRX": 1}
steps = st.lists(
    st.tuples(st.sampled_from(sorted(GATES)), st.permutations(range(WIRES)), st.integers(0, 5)), min_size=3, max_size=8
)


@settings(max_examples=5)
@given(steps=steps, seed=st.integers(0, 1000))
def test_random_circuits_equal_default_qubit(steps, seed: int) -> None:
    same_as_default_qubit(steps, seed)


@pytest.mark.slow
@settings(max_examples=200)
@given(steps=steps, seed=st.integers(0, 1000))
def test_more_random_circuits_equal_default_qubit(steps, seed: int) -> None:
    same_as_default_qubit(steps, seed)


def same_as_default_qubit(steps, seed: int) -> None:
    """Angles are inputs (0 to 2) and weights (3 to 5), in any order; every kind of measurement is read."""

    def function(inputs, weights):
        for wire in range(WIRES):
            qml.Hadamard(wire)
        for name, wires, angle in steps:
            gate = getattr(qml, name)
            angles = [inputs[..., angle] if angle < 3 else weights[angle - 3]] * GATES[name]
            gate(*angles, wires=wires[: gate.num_wires])
        return qml.expval(qml.X(0) @ qml.Y(1)), qml.var(qml.Z(2)), qml.probs([1, 2])

    ours = QuantumLayer(function, {"weights": 3}, 3, generator=torch.Generator().manual_seed(seed)).double()
    theirs = ours.with_engine("pennylane")
    assert (ours.evaluated_by, theirs.evaluated_by, ours.n_outputs) == ("sqnn.lightcone", "default.qubit", 6)
    inputs = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64, requires_grad=True)
    results = []
    for layer in (ours, theirs):
        out = layer(inputs)
        leaves = (inputs, ours.weights["weights"])
        results.append([out, *torch.autograd.grad(out.cos().sum(), leaves)])
    for one, other in zip(*results, strict=True):
        assert_close(one, other, atol=1e-9, rtol=0)
    assert_close(results[0][0], results[1][0], atol=1e-10, rtol=0)


def test_a_function_of_one_sample_is_called_with_one_sample() -> None:
    shapes = {"angles": (WIRES, 3), "last": 1}
    layer = QuantumLayer(one_by_one, shapes, WIRES, observable=["Z", "X0 Y2"]).double()
    assert not layer.broadcasts
    assert "one execution per sample" in repr(layer)
    inputs = torch.randn(WIRES, WIRES, generator=seeded(), dtype=torch.float64)  # as many samples as wires
    weights = dict(layer.weights)

    @qml.qnode(qml.device("default.qubit"), interface="torch")
    def by_hand(row):
        one_by_one(row, **weights)
        return [*(qml.expval(qml.Z(wire)) for wire in range(WIRES)), qml.expval(qml.X(0) @ qml.Y(2))]

    assert_close(layer(inputs), torch.stack([torch.stack(by_hand(row)) for row in inputs]), atol=1e-10, rtol=0)


def test_a_template_comes_after_the_embedding_of_angles() -> None:
    layer = QuantumLayer(qml.StronglyEntanglingLayers, n_qubits=WIRES, n_blocks=2).double()
    same = QuantumLayer(by_template, SHAPES, WIRES).double()
    same.load_state_dict(layer.state_dict())
    inputs = torch.randn(2, 5, WIRES, generator=seeded(), dtype=torch.float64)
    assert_close(layer(inputs), same(inputs), atol=1e-12, rtol=0)
    assert layer(inputs).shape == (2, 5, WIRES)
    assert QuantumLayer(qml.BasicEntanglerLayers, n_qubits=4, n_blocks=3).weights["weights"].shape == (3, 4)


def test_a_qnode_keeps_its_device_where_ours_cannot() -> None:
    """Shots, and what our device lacks, run on the QNode's own device, which the layer says with the reason."""
    shots = qml.set_shots(qml.QNode(shot_noise, qml.device("default.qubit", wires=1, seed=1)), 100)
    layer = QuantumLayer(qml.QNode(shot_noise, qml.device("default.mixed", wires=1)), {"weights": 1}, 1)
    assert layer.evaluated_by == "sqnn.lightcone"
    assert layer.with_engine("pennylane").evaluated_by == "default.mixed"
    counted = QuantumLayer(shots, {"weights": 1}, 1)
    assert (counted.evaluated_by, counted.reason) == ("default.qubit", "draws 100 shots")
    assert "evaluated by default.qubit (draws 100 shots)" in repr(counted)
    values = (1 + counted(torch.zeros(1, 1)).detach()) / 2 * 100
    assert_close(values, values.round(), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="engine: got lightcone, expected pennylane for this circuit: draws 100 shots"):
        QuantumLayer(shots, {"weights": 1}, 1, engine="lightcone")


def test_a_cone_too_wide_for_our_device_is_said() -> None:
    def wide(inputs, weights):
        for wire in range(21):
            qml.RY(inputs[..., 0] + weights[0], wire)
        for wire in range(20):
            qml.CNOT([wire, wire + 1])
        return qml.expval(qml.Z(20))

    with pytest.raises(ValueError, match=r"engine: got lightcone, .* depends on 21 wires, more than max_wires=20"):
        QuantumLayer(wide, {"weights": 1}, 1, engine="lightcone")


def test_layers_are_copied_and_share_weights_between_engines() -> None:
    layer = QuantumLayer(by_template, SHAPES, WIRES).double()
    inputs = torch.randn(3, WIRES, generator=seeded(), dtype=torch.float64)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(inputs), layer(inputs))
        assert other.weights["weights"] is not layer.weights["weights"]
    shared = layer.with_engine("pennylane")
    assert shared.weights["weights"] is layer.weights["weights"]
    assert layer.evaluated_by == "sqnn.lightcone"
    before = torch.get_rng_state()
    QuantumLayer(by_template, SHAPES, WIRES, generator=torch.Generator())
    assert torch.equal(torch.get_rng_state(), before)
    again = [QuantumLayer(by_template, SHAPES, WIRES, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*(made.weights["weights"] for made in again))


def test_precision_and_batch_are_those_of_the_inputs() -> None:
    layer = QuantumLayer(by_template, SHAPES, WIRES)
    assert layer(torch.zeros(0, WIRES)).shape == (0, WIRES)
    assert layer(torch.randn(2, WIRES, generator=seeded())).dtype == torch.float32
    assert layer.double()(torch.randn(WIRES, generator=seeded(), dtype=torch.float64)).shape == (WIRES,)


def test_states_are_what_the_measurements_read() -> None:
    layer = QuantumLayer(by_template, SHAPES, WIRES).double()
    inputs = torch.randn(2, WIRES, generator=seeded(), dtype=torch.float64)
    weights = layer.states(inputs).abs().square().reshape(2, 2, 2, 2)
    z = [(weights.select(1 + wire, 0) - weights.select(1 + wire, 1)).sum((1, 2)) for wire in range(WIRES)]
    assert_close(torch.stack(z, dim=1), layer(inputs), atol=1e-10, rtol=0)


def noisy(inputs, weights):
    qml.RY(inputs[..., 0] + weights[0], 0)
    qml.DepolarizingChannel(0.3, 0)
    return qml.expval(qml.Z(0))


def test_channels_are_written_in_the_circuit() -> None:
    layer = QuantumLayer(noisy, {"weights": 1}, 1).double()
    angle = 0.4 + layer.weights["weights"]
    expected = (1 - 4 * 0.3 / 3) * torch.cos(angle)
    assert_close(layer(torch.tensor([[0.4]], dtype=torch.float64))[0], expected, atol=1e-10, rtol=0)
    assert layer.with_noise(None) is layer
    other = layer.with_noise(None, "lightcone")
    assert (layer.engine, other.engine, other.evaluated_by) == ("auto", "lightcone", "sqnn.lightcone")
    with pytest.raises(ValueError, match="shots: got 5, expected None: a circuit of one's own has those of its QNode"):
        layer.with_noise(None, shots=5)
    pure = QuantumLayer(shot_noise, {"weights": 1}, 1)
    assert (pure.evaluated_by, pure.with_noise(None, "pennylane").evaluated_by) == ("sqnn.lightcone", "default.qubit")
    with pytest.raises(ValueError, match=r"noise: got 'paper', expected None: a circuit of one's own has its channels"):
        layer.with_noise("paper")
    with pytest.raises(ValueError, match="circuit: has no state vector"):
        layer.states(torch.zeros(1, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QuantumLayer(by_template, SHAPES), "n_inputs: got None, expected how many numbers"),
        (lambda: QuantumLayer(by_template, {}, 3), r"weight_shapes: got none for f\(inputs, weights\)"),
        (lambda: QuantumLayer(by_template, {**SHAPES, "b": 1}, 3), "weight_shapes: got weights, b for f"),
        (lambda: QuantumLayer(lambda x, weights: None, SHAPES, 3), "whose first argument is called inputs"),
        (lambda: QuantumLayer(by_template, {"weights": (2, 0, 3)}, 3), r"weight_shapes\['weights'\]: got 0"),
        (lambda: QuantumLayer(by_template, {"weights": (2, 4, 3)}, 3), r"circuit: fails on one sample of 3 numbers"),
        (lambda: QuantumLayer(by_template, [(2, 3)], 3), r"weight_shapes: got a list, .* \{'weights': \(2, 3\)\}"),
        (lambda: QuantumLayer(by_template, {"weights": "2,3"}, 3), r"\['weights'\]: got '2,3', expected .* \(2, 3\)"),
        (lambda: QuantumLayer(by_template, {"weights": 2.5}, 3), r"weight_shapes\['weights'\]: got 2.5, expected"),
        (lambda: QuantumLayer(by_template, SHAPES, 3, observable="Z"), "observable: got 'Z', .* leave it out"),
        (lambda: QuantumLayer(by_template, SHAPES, 5), "circuit: fails on one sample of 5 numbers .* check n_inputs"),
        (lambda: QuantumLayer(lambda inputs: qml.state(), {}, 1), "circuit: returns qml.state, expected qml.expval"),
        (lambda: QuantumLayer(one_gate(lambda: (1, 2)), {}, 1), "circuit: returns 1, expected measurements"),
        (lambda: QuantumLayer(one_gate(lambda: [[qml.expval(qml.Z(0))]]), {}, 1), "circuit: returns .*, alone or in"),
        (lambda: QuantumLayer(one_gate(lambda: qml.Z(0)), {}, 1), "circuit: returns Z.*; return qml.expval of it"),
        (lambda: QuantumLayer(one_gate(lambda: qml.expval(qml.Z(0)) and None), {}, 1), "circuit: makes 1 .* returns 0"),
        (lambda: QuantumLayer(one_gate(lambda: qml.expval(qml.Z(7))), {}, 1), r"circuit: measures the wire 7,.*\[0\]"),
        (lambda: QuantumLayer(one_gate(lambda: qml.probs(wires=[0, 1])), {}, 1), "circuit: measures the wire 1"),
        (lambda: QuantumLayer(torch.nn.Linear(2, 2), {}, 1), r"circuit: got Linear.*, expected a quantum function"),
        (lambda: QuantumLayer(qml.RX, n_qubits=2), "circuit: got RX, expected a template with shape"),
        (lambda: QuantumLayer(qml.BasicEntanglerLayers), "n_qubits: got None, expected the wires"),
        (lambda: QuantumLayer(one_by_one, {"angles": (3, 3), "last": 1}, 3, observable="Z7"), "observable: got 'Z7'"),
        (lambda: QuantumLayer(one_by_one, {"angles": 2.5, "last": 1}, 3), r"weight_shapes\['angles'\]: got 2.5"),
        (lambda: QuantumLayer(by_template, SHAPES, 3, n_qubits=4), "n_qubits: got 4, expected none beside a function"),
        (lambda: QuantumLayer(by_template, SHAPES, 3, n_blocks=2), "n_blocks: got 2, expected none beside a function"),
        (lambda: QuantumLayer(by_template, SHAPES, 3, observable="X"), "observable: got 'X', expected none beside a"),
        (
            lambda: QuantumLayer(qml.BasicEntanglerLayers, SHAPES, n_qubits=3),
            "weight_shapes: got .*, expected none beside a template",
        ),
        (lambda: QuantumLayer(by_template, SHAPES, 3).with_noise(None, shots=9), "shots: got 9, expected None"),
        (lambda: QuantumLayer(by_template, SHAPES, 3).with_noise(None, "aer"), "engine: got 'aer', expected one of"),
        (lambda: QuantumLayer(by_template, SHAPES, 3).with_noise(None, device="x"), "engine: got device, expected no"),
        (lambda: QuantumLayer(by_template, SHAPES, 3, engine="aer"), "engine: got 'aer', expected one of auto"),
        (lambda: QuantumLayer(by_template, {"weights": (2, 3, 3)}, 3, initial="he"), "initial: got 'he'"),
        (lambda: QuantumLayer(by_template, SHAPES, 3)(torch.zeros(2, 4)), r"inputs: got shape \[2, 4\]"),
        (lambda: QuantumLayer(by_template, SHAPES, 3)(torch.zeros(2, 3).long()), "inputs: got torch.int64"),
        (lambda: QuantumLayer(by_template, SHAPES, 3)(torch.full((1, 3), torch.nan)), "inputs: hold NaN"),
    ],
)
def test_what_does_not_fit_is_one_line(make, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert len(str(caught.value).splitlines()) == 1
    assert re.match(r"\w+(\['\w+'\])?: ", str(caught.value))
