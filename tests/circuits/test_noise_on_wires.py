"""Noise on particular wires and pairs: every engine against a circuit written by hand in PennyLane."""

from __future__ import annotations

import copy
import pickle

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import random_angles
from torch import Tensor

from circuits import DataReupload, NoiseWarning, ReuploadLayer, compile_circuit, make_engine
from noise_models import (
    Noise,
    amplitude_damping,
    bit_flip,
    chip,
    depolarizing,
    invert_readout,
    readout,
    thermal_relaxation,
    two_qubit_depolarizing,
)

WIRES = 4


def by_hand(circuit: DataReupload, drawn: dict, inputs: Tensor, weights: Tensor) -> Tensor:
    """<Z> [n] of depolarizing, then damping, then relaxation, then pairs, all where `drawn` says, then misread bits."""
    n, where = circuit.n_qubits, drawn["wires"]

    def one_by_one(wires) -> None:
        for wire in wires:
            if wire in where:
                qml.DepolarizingChannel(3 * drawn["p"] / 4, wires=wire)
        for wire in wires:
            if wire == drawn["damped"]:
                qml.AmplitudeDamping(drawn["gamma"], wires=wire)

    @qml.qnode(qml.device("default.mixed", wires=n))
    def run():
        for gate in circuit.gates():
            if gate.name == "CZ":
                qml.CZ(gate.wires)
                one_by_one(gate.wires)
                if set(gate.wires) in drawn["pairs"]:
                    words = [a + b for a in "IXYZ" for b in "IXYZ"]
                    q = drawn["q"]
                    kraus = [(1 - q * 15 / 16 if word == "II" else q / 16) ** 0.5 * _matrix(word) for word in words]
                    qml.QubitChannel(kraus, wires=gate.wires)
                continue
            (wire,) = gate.wires
            angles = inputs[0].reshape(n, 3)[wire] if gate.source == "inputs" else weights[gate.block, wire]
            qml.Rot(*angles.tolist(), wires=wire)
            one_by_one([wire])
        return [qml.expval(qml.Z(wire)) for wire in range(n)]

    values = torch.tensor([float(value) for value in run()], dtype=torch.float64)
    up, down = torch.tensor(drawn["p01"], dtype=torch.float64), torch.tensor(drawn["p10"], dtype=torch.float64)
    return (1 - up - down) * values + down - up


def _matrix(word: str):
    return qml.pauli.string_to_pauli_word(word, wire_map={0: 0, 1: 1}).matrix(wire_order=[0, 1])


RATE = st.floats(0.01, 0.3)


@st.composite
def drawings(draw) -> dict:
    rates = st.lists(RATE, min_size=WIRES, max_size=WIRES)
    return {
        "wires": draw(st.sets(st.integers(0, WIRES - 1), min_size=1)),
        "damped": draw(st.integers(0, WIRES - 1)),
        "pairs": [{0, 1}, {3, 2}],
        **{name: draw(RATE) for name in ("p", "q", "gamma")},
        "p01": draw(rates),
        "p10": draw(rates),
    }


def noise_of(drawn: dict) -> Noise:
    return sum(
        [
            depolarizing(drawn["p"], wires=drawn["wires"]),
            amplitude_damping(drawn["gamma"], wires=drawn["damped"]),
            two_qubit_depolarizing(drawn["q"], wires=[tuple(pair) for pair in drawn["pairs"]]),
            readout(drawn["p01"], drawn["p10"]),
        ]
    )


@settings(max_examples=4)
@given(drawn=drawings(), entangler=st.sampled_from(["ring", "line", "all"]), seed=st.integers(0, 2**31))
def test_every_engine_gives_what_a_circuit_written_by_hand_gives(drawn: dict, entangler: str, seed: int) -> None:
    circuit, noise = DataReupload(WIRES, 2, entangler), noise_of(drawn)
    inputs, weights = (angles.detach() for angles in random_angles(circuit, seed, 1))
    expected = by_hand(circuit, drawn, inputs, weights)
    for engine in ("lightcone", "aer", "pennylane"):
        assert (make_engine(engine, circuit, noise=noise)(inputs, weights)[0] - expected).abs().max() < 1e-10
    # The same noise as it is stored, and after a trip to another process.
    stored = make_engine("lightcone", circuit, noise=Noise.from_json(noise.to_json()))
    for engine in (stored, copy.deepcopy(stored), pickle.loads(pickle.dumps(make_engine("aer", circuit, noise=noise)))):
        assert (engine(inputs, weights)[0] - expected).abs().max() < 1e-10


@pytest.mark.parametrize("on", [("u",), ("cz",), ("id",), ("u", "cz", "id")])
def test_noise_on_every_wire_is_noise_on_all(on: tuple[str, ...]) -> None:
    layer, angles = ReuploadLayer(WIRES, 3), torch.randn(2, 3 * WIRES, generator=torch.Generator().manual_seed(1))
    for kind in (bit_flip, amplitude_damping):
        one = layer.with_noise(sum(kind(0.1, on, wire) for wire in range(WIRES)))(angles)
        other = layer.with_noise(kind(0.1, on, range(WIRES)))(angles)
        assert torch.allclose(one, layer.with_noise(kind(0.1, on))(angles), atol=1e-6)
        assert torch.allclose(one, other, atol=1e-6)
    everywhere = readout([0.1] * WIRES, 0.2)
    assert torch.equal(layer.with_noise(everywhere)(angles), layer.with_noise(readout(0.1, 0.2))(angles))
    relaxed = thermal_relaxation(1e-4, 8e-5, dict.fromkeys(on, 1e-5))
    there = thermal_relaxation(1e-4, 8e-5, dict.fromkeys(on, 1e-5), range(WIRES))
    assert torch.allclose(layer.with_noise(there)(angles), layer.with_noise(relaxed)(angles), atol=1e-6)


def test_wires_that_were_meant_are_no_oversight(recwarn: pytest.WarningsRecorder) -> None:
    noise = depolarizing(0.1, wires=1) + readout(0.1, wires=[0])
    ReuploadLayer(3, 2, noise=noise)
    assert not [warning for warning in recwarn if warning.category is NoiseWarning]


def test_a_chip_takes_noise_on_one_of_its_wires() -> None:
    machine = chip("manila", 3, "line")
    layer = ReuploadLayer(3, 2, "line", noise=machine)
    angles = torch.randn(2, 9, generator=torch.Generator().manual_seed(2))
    added = machine + depolarizing(0.2, on=("sx", "cx"), wires=1)
    values = [layer.with_noise(added, engine)(angles) for engine in ("lightcone", "aer")]
    assert torch.allclose(*values, atol=1e-6)
    assert not torch.allclose(values[0], layer(angles), atol=1e-3)


def test_noise_of_a_register_says_what_the_circuit_lacks() -> None:
    layer = ReuploadLayer(3, 2)
    for noise, line in [
        (depolarizing(0.1, wires=[0, 3]), "wires: got 3 in depolarizing(0.1, wires=(0, 3)), expected wires below 3"),
        (two_qubit_depolarizing(0.1, wires=[(0, 5)]), "wires: got 5 in two_qubit_depolarizing(0.1, wires=((0, 5),))"),
        (readout([0.1, 0.2]), "readout: got 2 values for a circuit of 3 wires, expected one per wire, or wires="),
        (readout(0.1, wires=3), "wires: got 3 in readout(0.1, wires=(3,)), expected wires below 3"),
    ]:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the line is compared
            layer.with_noise(noise)
        assert str(caught.value).startswith(line)


def test_the_aer_model_of_one_wire_of_a_pair_names_the_pairs() -> None:
    noise = bit_flip(0.1, wires=[1])
    with pytest.raises(ValueError, match="aer: got bit_flip"):
        noise.aer  # noqa: B018
    model = noise.model(compile_circuit(DataReupload(3, 2), noise).pairs)
    assert set(model._local_quantum_errors["cz"]) == {(0, 1), (1, 2)}
    assert set(model._local_quantum_errors["u"]) == {(1,)}
    values = torch.tensor([[0.2, -0.4]])
    assert torch.allclose(invert_readout(0.7 * values + 0.1, noise + readout([0.1, 0.1], 0.2)), values)
