"""Noise read from a user's own Aer model: the same channels, and clear words where that is impossible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Pauli, SuperOp, random_density_matrix, random_quantum_channel
from qiskit.transpiler.basepasses import TransformationPass
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)
from qiskit_ibm_runtime import fake_provider

from noise_models import (
    Noise,
    bit_flip,
    depolarizing,
    from_aer,
    instruction_channels,
    paper,
    readout,
    readout_line,
    readout_matrix,
    two_qubit_depolarizing,
)


def mixed_model() -> NoiseModel:
    """Kraus, Pauli and relaxation errors, for all and for particular wires, and both sorts of readout errors."""
    model = NoiseModel(basis_gates=["u", "cz", "id"])
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.1), ["u"])
    model.add_all_qubit_quantum_error(QuantumError(random_quantum_channel(4, 4, seed=1)), ["cz"])
    model.add_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), ["u"], [1], warnings=False)
    model.add_quantum_error(depolarizing_error(0.2, 2), ["cz"], [1, 0], warnings=False)
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
    model.add_readout_error([[0.7, 0.3], [0.4, 0.6]], [2], warnings=False)
    return model


def channels(model: NoiseModel) -> dict[Any, np.ndarray]:
    return {(noise.instruction, noise.qubits): noise.transfer for noise in instruction_channels(model)}


def same_model(one: NoiseModel, other: NoiseModel) -> None:
    here, there = channels(one), channels(other)
    assert here.keys() == there.keys()
    for key, transfer in here.items():
        assert_allclose(transfer, there[key], atol=1e-12)
    for wire in range(4):
        assert_allclose(readout_matrix(one, wire), readout_matrix(other, wire), atol=1e-12)


def test_a_model_keeps_its_channels() -> None:
    model = mixed_model()
    noise = from_aer(model)
    same_model(noise.aer, model)
    back = Noise.from_json(noise.to_json())
    assert back == noise
    assert hash(back) == hash(noise)
    same_model(back.aer, model)
    assert noise.instructions == {"u", "cz"}
    assert noise.has_readout
    assert noise.basis == ("u", "cz", "id")
    assert repr(noise) == "from_aer(<NoiseModel on cz, measure, u>)"


def test_library_noise_survives_the_way_through_aer() -> None:
    noise = paper(0.1) + depolarizing(0.05)
    same_model(from_aer(noise.aer).aer, noise.aer)


def test_noise_is_added_to_a_model_wire_by_wire() -> None:
    both = channels((from_aer(mixed_model()) + bit_flip(0.1)).aer)
    before, flip = channels(mixed_model()), np.diag([1, 1, 0.8, 0.8])
    for key in (("u", None), ("u", (1,)), ("cz", None), ("cz", (1, 0))):
        after = np.kron(flip, flip) if key[0] == "cz" else flip
        assert_allclose(both[key], after @ before[key], atol=1e-12)


def test_two_models_act_one_after_the_other() -> None:
    model = mixed_model()
    both = channels((from_aer(model) + from_aer(bit_flip(0.1).aer)).aer)
    assert_allclose(both["u", (1,)], np.diag([1, 1, 0.64, 0.64]), atol=1e-12)


def test_a_device_model_has_neither_idle_gates_nor_delays() -> None:
    noise = from_aer(NoiseModel.from_backend(fake_provider.FakeManilaV2()))
    assert noise.instructions == {"sx", "x", "cx"}
    assert noise.basis == ("rz", "sx", "x", "cx", "id")


@pytest.mark.parametrize(
    ("gates", "basis"),
    [
        (("u",), ("u", "cz", "id")),
        (("cz",), ("u", "cz", "id")),
        (("id",), ("u", "cz", "id")),
        (("cx",), ("rz", "sx", "x", "cx", "id")),
        (("u", "cx"), ("u", "cx", "id")),
        (("u3",), ("u3", "cz", "id")),
        (("h",), ("h", "rz", "sx", "x", "cz", "id")),
        (("rz", "ry"), ("rz", "ry", "cz", "id")),
        (("sx", "ecr"), ("sx", "rz", "x", "ecr", "id")),
    ],
)
def test_the_basis_holds_the_noisy_gates_and_is_complete(gates: tuple[str, ...], basis: tuple[str, ...]) -> None:
    model = NoiseModel()
    for gate in gates:
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2 if gate in ("cz", "cx", "ecr") else 1), gate)
    assert from_aer(model).basis == basis


class Empty(TransformationPass):
    """A pass that a user may hang into a noise model."""

    def run(self, dag: Any) -> Any:
        return dag


def unreadable(sort: str) -> NoiseModel:
    model = NoiseModel()
    if sort == "joint":
        model.add_readout_error(np.full((4, 4), 0.25), [0, 1])
    if sort == "pass":
        model._custom_noise_passes.append(Empty())
    if sort == "pair":
        model.add_quantum_error(depolarizing_error(0.1, 2), "measure", [0, 1], warnings=False)
    return model


def three_flips() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.x([0, 1, 2])
    return circuit


@pytest.mark.parametrize(
    ("sort", "line"),
    [
        ("joint", "model: got a readout error on qubits (0, 1), expected readout errors of single qubits"),
        ("pass", "model: got the custom pass Empty, expected errors on instructions only"),
        ("pair", "model: got an error of two qubits after measure on (0, 1), expected errors of single qubits"),
    ],
)
def test_what_no_engine_could_reproduce_is_refused(sort: str, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        from_aer(unreadable(sort))
    assert str(caught.value) == line


def test_only_an_aer_model_is_read() -> None:
    with pytest.raises(ValueError, match="model: got str, expected a qiskit_aer NoiseModel"):
        from_aer("paper")  # type: ignore[arg-type]


def test_a_factor_is_on_the_probability_of_every_error() -> None:
    """Pauli errors and misread bits scale as those of the library do; others mix with no error, as Choi matrices."""
    for ours in (bit_flip(0.1, on="u"), depolarizing(0.2, on="u") + readout(0.05, 0.1), two_qubit_depolarizing(0.1)):
        same_model((0.3 * from_aer(ours.aer)).aer, from_aer((0.3 * ours).aer).aer)
    whole, part = channels(from_aer(mixed_model()).aer), channels((0.25 * from_aer(mixed_model())).aer)
    for key, transfer in whole.items():
        assert_allclose(part[key], 0.75 * np.eye(len(transfer)) + 0.25 * transfer, atol=1e-12)
    noise = from_aer(mixed_model())
    assert 1 * noise == noise
    same_model((0.5 * (0.4 * noise)).aer, (0.2 * noise).aer)
    same_model(Noise.from_json((0.4 * noise).to_json()).aer, (0.4 * noise).aer)
    same_model((2 * from_aer(bit_flip(0.3, on="u").aer)).aer, bit_flip(0.6, on="u").aer)
    with pytest.raises(ValueError, match=r"factor: got 4\.0, at which from_aer.* is no noise .*; expected a number"):
        4 * from_aer(bit_flip(0.3).aer)


def test_no_strength_is_no_error() -> None:
    noise = 0 * from_aer(mixed_model())
    assert noise.aer.is_ideal()
    assert noise.instructions == {"u", "cz"}
    assert noise.misreads(2)
    assert not noise.is_ideal_model
    # Qiskit Aer #1258: Aer itself drops errors of strength 0.
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0, 1), ["u"])
    assert from_aer(model).is_ideal_model
    assert not Noise().is_ideal_model


def test_errors_that_no_circuit_here_meets_are_remembered_by_name() -> None:
    model = NoiseModel()
    error = QuantumError([(QuantumCircuit(3), 0.9), (three_flips(), 0.1)])
    model.add_all_qubit_quantum_error(error, "ccx")
    model.add_quantum_error(depolarizing_error(0.1, 1), "u", [5])
    noise = from_aer(model, 3)
    assert noise.instructions == {"ccx", "u"}
    assert not noise.acts_on("u", (5,))
    assert from_aer(model).acts_on("u", (5,))
    assert Noise.from_json(noise.to_json()) == noise


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sort", ["pauli", "damping", "any"])
def test_an_error_on_measure_is_what_aer_reads(sort: str, seed: int) -> None:
    """<Z> after the channel, and the readout error after that, from a state that Aer prepares."""
    error = {
        "pauli": pauli_error([("X", 0.7), ("I", 0.2), ("Y", 0.1)]),
        "damping": amplitude_damping_error(0.3),
        "any": QuantumError(random_quantum_channel(2, 2, seed=seed)),
    }[sort]
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, "measure")
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
    noise = from_aer(model)
    state = random_density_matrix(2, seed=seed)
    z = float(np.real(state.evolve(SuperOp(error)).expectation_value(Pauli("Z"))))
    axis = noise.reading_axis(0)
    assert (axis is None) == (sort != "any")
    true = sum(
        share * float(np.real(state.expectation_value(Pauli(name))))
        for share, name in zip(axis or (0, 0, 1), "XYZ", strict=True)
    )
    bias, slope = readout_line(readout_matrix(from_aer(noise.aer).aer, 0))
    assert bias + slope * true == pytest.approx(0.1 + 0.7 * z, abs=1e-12)
    assert noise.has_readout


def test_noise_on_gates_that_the_models_circuits_lack_is_refused() -> None:
    model = NoiseModel()
    model.add_quantum_error(thermal_relaxation_error(1, 1, 0.1), "sx", [0])
    with pytest.raises(ValueError, match=r"on: got u, which the circuits of from_aer.* never hold"):
        from_aer(model) + depolarizing(0.1)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            '"errors": [["u", null, [[1, 0], [0, 1]]]], "readout": []',
            "model: got an error with a transfer matrix of 2 rows after u on any wires, "
            "expected 4 or 16 each way: one or two qubits",
        ),
        (
            '"errors": [["u", [0], [[0.5, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]], "readout": []',
            "model: got an error after u on (0,) that changes the trace, expected a channel",
        ),
        (
            '"errors": [["u", [0], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]]]], "readout": []',
            "transfer: got a Choi matrix with eigenvalue -1, expected none below 0",
        ),
    ],
)
def test_stored_channels_are_checked(fields: str, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        Noise.from_json(f'{{"format": 1, "noise": [{{"kind": "aer", {fields}}}]}}')
    assert str(caught.value) == line
