"""Aer errors read as channels, against their textbook matrices."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from qiskit.quantum_info import PTM, Kraus
from qiskit_aer.noise import (
    NoiseModel,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    phase_damping_error,
)

from noise_models import instruction_channels, kraus_operators, pauli_transfer_matrix

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
    assert_allclose(sum(k.conj().T @ k for k in operators), np.eye(2), atol=1e-7)
    assert_allclose(np.real(PTM(Kraus(operators)).data), pauli_transfer_matrix(error), atol=1e-7)


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
