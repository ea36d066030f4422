"""The circuit in a machine's instructions: the same unitary, every noise met, nothing ideal without a word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import oracle, random_angles, random_circuits
from qiskit.quantum_info import Statevector
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from circuits import DataReupload, LightConeEngine, NoiseWarning, ReuploadLayer, compile_circuit
from noise_models import Noise, chip, depolarizing, from_aer, readout


def aer(*names: str) -> Noise:
    model = NoiseModel()
    for name in names:
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2 if name in ("cx", "cz") else 1), [name])
    return from_aer(model)


BASES = [("u", "cz"), ("u3", "cx"), ("rz", "sx", "cz"), ("rz", "sx", "cx"), ("ry", "rz", "cx"), ("sx",), ("id",)]


@settings(max_examples=40)
@given(drawn=random_circuits(max_qubits=4, max_blocks=3), names=st.sampled_from(BASES))
def test_every_basis_writes_the_same_circuit(drawn, names) -> None:
    circuit, seed = drawn
    noise = aer(*names)
    if circuit.n_qubits == 1 or circuit.n_blocks == 1 or circuit.entangler == "none":
        noise = aer(*(name for name in names if name not in ("cx", "cz")))
    inputs, weights = (angles.detach() for angles in random_angles(circuit, seed, 1))
    compiled = compile_circuit(circuit, noise)
    written = compiled.qiskit
    slots = {"x": np.tile(inputs[0].numpy(), circuit.n_blocks), "w": weights.numpy().reshape(-1)}
    bound = written.assign_parameters({p: slots[p.vector.name][p.index] for p in written.parameters})
    probabilities = Statevector(bound).probabilities().reshape((2,) * circuit.n_qubits)
    for wire in range(circuit.n_qubits):
        # Qiskit's first qubit varies fastest.
        axis = circuit.n_qubits - 1 - wire
        zero, one = (probabilities.take(bit, axis).sum() for bit in (0, 1))
        assert zero - one == pytest.approx(float(oracle(circuit, inputs, weights)[0, wire]), abs=1e-9)
    assert noise.instructions <= {step.name for step in compiled.instructions}


@given(drawn=random_circuits(max_qubits=4, max_blocks=3))
@settings(max_examples=20)
def test_every_angle_has_a_slot_of_its_own_in_one_turn(drawn) -> None:
    circuit, _ = drawn
    for noise in (None, aer("rz", "sx")):
        steps = compile_circuit(circuit, noise).instructions
        slots = [slot for step in steps for angle in step.angles for slot, _ in angle.terms]
        assert sorted(slots) == list(range(2 * circuit.n_weights))


@pytest.mark.parametrize(
    ("circuit", "noise"),
    [
        (DataReupload(3, 1), depolarizing(0.1, on=("cz",))),
        (DataReupload(3, 2, "none"), depolarizing(0.1, on=("cz",))),
        (DataReupload(1, 2), aer("cz")),
        (DataReupload(2, 2), Noise()),
    ],
)
def test_noise_that_touches_nothing_is_an_error(circuit: DataReupload, noise: Noise) -> None:
    with pytest.raises(ValueError, match="no error would ever be applied"):
        LightConeEngine(circuit, noise=noise)


def test_errors_on_other_wires_touch_nothing() -> None:
    model = NoiseModel()
    model.add_quantum_error(depolarizing_error(0.1, 1), ["u"], [7])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [7])
    with pytest.raises(ValueError, match=r"no error would ever be applied; .* wires below 3"):
        compile_circuit(DataReupload(3, 2), from_aer(model))
    assert compile_circuit(DataReupload(8, 2), from_aer(model)).n_wires == 8


def test_readout_alone_is_noise() -> None:
    assert compile_circuit(DataReupload(2, 1), readout(0.1)).n_wires == 2
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    assert compile_circuit(DataReupload(2, 1), from_aer(model)).n_wires == 2


def test_errors_of_an_aer_model_that_never_act_are_named() -> None:
    with pytest.warns(NoiseWarning, match="errors on cx never act"):
        compile_circuit(DataReupload(2, 2), aer("u", "cz", "cx"))


def test_a_chip_with_too_few_wires_or_the_wrong_shape_is_refused() -> None:
    three = chip("torino", 3, "line")
    with pytest.raises(ValueError, match=r"noise: .* has 3 wires, expected at least 4"):
        compile_circuit(DataReupload(4, 2, "line"), three)
    with pytest.raises(ValueError, match="wires 2 and 0 are neither coupled nor joined over spare wires"):
        compile_circuit(DataReupload(3, 2, "ring"), three)
    with pytest.raises(ValueError, match="neither coupled"):
        ReuploadLayer(4, 2, "all").with_noise("torino")


def test_more_qubits_than_the_chip_has() -> None:
    with pytest.raises(ValueError, match=r"n_qubits: got 200, expected at most 133"):
        ReuploadLayer(200, 2, "line").with_noise("torino")
