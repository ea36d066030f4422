"""Aer errors read as channels, against their textbook matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from qiskit.quantum_info import PTM, Kraus, SuperOp, random_quantum_channel
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
    phase_damping_error,
    reset_error,
    thermal_relaxation_error,
)

from noise_models import (
    gate_channel,
    instruction_channels,
    kraus_operators,
    kraus_to_transfer,
    pauli_transfer_matrix,
    readout_matrix,
    transfer_to_kraus,
)

fractions = st.floats(0, 1)


@given(p=fractions)
def test_depolarizing_shrinks_every_pauli(p: float) -> None:
    assert_allclose(pauli_transfer_matrix(depolarizing_error(p, 1)), np.diag([1, 1 - p, 1 - p, 1 - p]), atol=1e-12)


@given(p=fractions)
def test_bit_flip_keeps_x(p: float) -> None:
    matrix = pauli_transfer_matrix(pauli_error([("X", p), ("I", 1 - p)]))
    assert_allclose(matrix, np.diag([1, 1, 1 - 2 * p, 1 - 2 * p]), atol=1e-12)


@given(gamma=fractions)
def test_amplitude_damping_decays_to_zero(gamma: float) -> None:
    expected = np.diag([1, np.sqrt(1 - gamma), np.sqrt(1 - gamma), 1 - gamma])
    expected[3, 0] = gamma
    assert_allclose(pauli_transfer_matrix(amplitude_damping_error(gamma)), expected, atol=1e-7)


@given(p=fractions, gamma=fractions, lam=fractions)
def test_kraus_operators_keep_the_trace_and_make_the_same_channel(p: float, gamma: float, lam: float) -> None:
    error = depolarizing_error(p, 1).compose(amplitude_damping_error(gamma)).compose(phase_damping_error(lam))
    operators = kraus_operators(error)
    assert_allclose(sum(k.conj().T @ k for k in operators), np.eye(2), atol=1e-12)
    assert_allclose(np.real(PTM(Kraus(operators)).data), pauli_transfer_matrix(error), atol=1e-12)


@given(p=fractions)
def test_the_first_named_qubit_varies_fastest(p: float) -> None:
    error = depolarizing_error(0, 1).tensor(pauli_error([("X", p), ("I", 1 - p)]))
    expected = np.kron(np.ones(4), [1, 1, 1 - 2 * p, 1 - 2 * p])
    assert_allclose(pauli_transfer_matrix(error), np.diag(expected), atol=1e-12)


def test_every_instruction_and_wire_is_listed() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["u"])
    model.add_quantum_error(depolarizing_error(0.2, 2), ["cz"], [0, 1])
    model.add_quantum_error(depolarizing_error(0.3, 2), ["cz"], [1, 2])
    found = {(n.instruction, n.qubits): n.transfer for n in instruction_channels(model)}
    assert set(found) == {("u", None), ("cz", (0, 1)), ("cz", (1, 2))}
    assert_allclose(found["u", None], np.diag([1, *[0.9] * 3]), atol=1e-12)
    assert_allclose(found["cz", (1, 2)], np.diag([1, *[0.7] * 15]), atol=1e-12)


def errors_of_every_form() -> list[QuantumError]:
    """Mixtures of Paulis, resets, unitaries, Kraus operators, products and compositions, on one to three qubits."""
    relaxing = thermal_relaxation_error(1.0, 0.7, 0.3)
    slow = thermal_relaxation_error(1.0, 1.9, 0.3)
    turn = coherent_unitary_error(np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]))
    cross = QuantumError(random_quantum_channel(4, 4, seed=3))
    damped = amplitude_damping_error(0.2)
    return [
        relaxing,
        slow,
        turn,
        reset_error(0.1, 0.2),
        depolarizing_error(0.1, 2).compose(relaxing.expand(slow)),
        cross,
        QuantumError([([(c.operation, [1, 0]) for c in cross.circuits[0].data], 1.0)]),
        turn.tensor(damped),
        depolarizing_error(0.1, 3).compose(damped.tensor(turn).tensor(relaxing)),
    ]


@pytest.mark.parametrize("error", errors_of_every_form(), ids=range(9))
def test_every_form_of_error_is_read_as_qiskit_reads_it(error: QuantumError) -> None:
    assert_allclose(pauli_transfer_matrix(error), np.real(PTM(SuperOp(error)).data), atol=1e-12)


@given(seed=st.integers(0, 2**31), n_qubits=st.integers(1, 2), rank=st.integers(1, 4))
def test_kraus_operators_and_transfer_matrices_are_inverse(seed: int, n_qubits: int, rank: int) -> None:
    channel = random_quantum_channel(2**n_qubits, 2**n_qubits, rank=rank, seed=seed)
    transfer = np.real(PTM(channel).data)
    operators = transfer_to_kraus(transfer)
    assert len(operators) == rank
    assert_allclose(kraus_to_transfer(operators), transfer, atol=1e-12)
    assert_allclose(sum(k.conj().T @ k for k in operators), np.eye(2**n_qubits), atol=1e-12)


def test_a_map_that_is_no_channel_has_no_kraus_operators() -> None:
    transpose = np.diag([1.0, 1, -1, 1])
    with pytest.raises(ValueError, match="Choi matrix with eigenvalue -1, expected none below 0"):
        transfer_to_kraus(transpose)


def test_local_errors_stand_in_place_of_those_for_all_wires() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cz"])
    model.add_quantum_error(depolarizing_error(0.2, 2), ["cz"], [1, 0], warnings=False)
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.3, 0.7]])
    model.add_readout_error(ReadoutError([[0.8, 0.2], [0.4, 0.6]]), [1], warnings=False)
    for wires, kept in (((0, 1), 0.9), ((1, 0), 0.8), ((2, 3), 0.9)):
        assert_allclose(gate_channel(model, "cz", wires), np.diag([1, *[kept] * 15]), atol=1e-12)
    assert gate_channel(model, "u", (0,)) is None
    assert_allclose(readout_matrix(model, 0), [[0.9, 0.1], [0.3, 0.7]])
    assert_allclose(readout_matrix(model, 1), [[0.8, 0.2], [0.4, 0.6]])
    assert_allclose(readout_matrix(NoiseModel(), 0), np.eye(2))
