"""Channels: Pauli transfer matrices, Kraus operators, and both read from an Aer noise model by instruction and wire."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qiskit.circuit import Operation, QuantumCircuit
    from qiskit_aer.noise import NoiseModel, QuantumError

Matrix = NDArray[np.complex128]
Transfer = NDArray[np.floating]
Axis = tuple[float, float, float]

PAULIS: tuple[Matrix, ...] = (
    np.eye(2, dtype=complex),
    np.array([[0, 1], [1, 0]], dtype=complex),
    np.array([[0, -1j], [1j, 0]]),
    np.array([[1, 0], [0, -1]], dtype=complex),
)
"""I, X, Y, Z."""
ROUNDING = 1e-14
"""Eigenvalues of a Choi matrix below this are rounding: their Kraus operators would change nothing in float64."""


@dataclass(frozen=True)
class InstructionNoise:
    """The channel that follows one instruction.

    `qubits` are the wires it applies to, or None if it applies to the instruction on any wires. `transfer` is the
    real Pauli transfer matrix R_jk = tr(P_j E(P_k)) / d, rows and columns in the order I, X, Y, Z (for two qubits the
    last-named qubit's Pauli varies slowest, Qiskit's order).
    """

    instruction: str
    qubits: tuple[int, ...] | None
    transfer: Transfer


def instruction_channels(noise_model: NoiseModel) -> list[InstructionNoise]:
    """List the channels of an Aer noise model: first those for all wires, then those for particular wires.

    Readout errors act on classical bits and are not listed.
    """
    channels = []
    for name, error in noise_model._default_quantum_errors.items():
        channels.append(InstructionNoise(name, None, pauli_transfer_matrix(error)))
    for name, local in noise_model._local_quantum_errors.items():
        for qubits, error in local.items():
            channels.append(InstructionNoise(name, tuple(qubits), pauli_transfer_matrix(error)))
    return channels


def gate_channel(noise_model: NoiseModel, name: str, qubits: Sequence[int]) -> Transfer | None:
    """Return the Pauli transfer matrix [4^n, 4^n] that follows one instruction on given wires, or None for no noise.

    As in Aer, an error for these very wires, in this order, takes the place of the one for all wires.
    """
    local = noise_model._local_quantum_errors.get(name, {}).get(tuple(qubits))
    error = noise_model._default_quantum_errors.get(name) if local is None else local
    return None if error is None else pauli_transfer_matrix(error)


def readout_line(matrix: Transfer) -> tuple[float, float]:
    """Return bias and slope of <Z> -> bias + slope <Z> for P(read j | true i): p10 - p01 and 1 - p01 - p10."""
    p01, p10 = float(matrix[0, 1]), float(matrix[1, 0])
    return p10 - p01, 1 - p01 - p10


def readout_matrix(noise_model: NoiseModel, qubit: int) -> NDArray[np.float64]:
    """Return the readout probabilities [2, 2] of a wire: P(read j | true i) in row i, column j; 1 without an error.

    A quantum error on `measure`, which acts before the reading, is a part of them: it reads bias + n (X, Y, Z) instead
    of Z. Where n is no multiple of z, "true" is the sign along n (`reading_axis`).
    """
    local = noise_model._local_readout_errors.get((qubit,))
    error = noise_model._default_readout_error if local is None else local
    matrix = np.eye(2) if error is None else np.array(error.probabilities, dtype=float)
    channel = gate_channel(noise_model, "measure", (qubit,))
    if channel is None:
        return matrix
    bias, *along = channel[3]
    slope = along[2] if reading_axis(noise_model, qubit) is None else float(np.linalg.norm(along))
    # Rounding can leave a probability just below 0.
    p01, p10 = np.clip([(1 - bias - slope) / 2, (1 + bias - slope) / 2], 0, 1)
    return np.array([[1 - p01, p01], [p10, 1 - p10]]) @ matrix


def reading_axis(noise_model: NoiseModel, qubit: int) -> Axis | None:
    """Return the unit vector (x, y, z) along which an error on `measure` has a wire read; None for z or its inverse."""
    channel = gate_channel(noise_model, "measure", (qubit,))
    if channel is None:
        return None
    along = channel[3, 1:]
    if np.abs(along[:2]).max() <= ROUNDING:
        return None
    x, y, z = along / np.linalg.norm(along)
    return float(x), float(y), float(z)


def pauli_transfer_matrix(error: QuantumError) -> Transfer:
    """Return the real Pauli transfer matrix [4^n, 4^n] of an Aer error on n qubits."""
    total = np.zeros((4**error.num_qubits,) * 2)
    known: Known = {}
    for circuit, probability in zip(error.circuits, error.probabilities, strict=True):
        total += probability * _circuit_transfer(circuit, error.num_qubits, known)
    return total


def kraus_operators(error: QuantumError) -> list[Matrix]:
    """Return Kraus operators [2^n, 2^n] of an Aer error on n qubits, sum_k K^dagger K = 1."""
    return transfer_to_kraus(pauli_transfer_matrix(error))


def transfer_to_kraus(transfer: Transfer) -> list[Matrix]:
    """Return Kraus operators [2^n, 2^n], at most 4^n and orthogonal, of a Pauli transfer matrix [4^n, 4^n].

    They are the scaled eigenvectors of the Choi matrix sum_jk R_jk P_k^T (x) P_j / 2^n. Raises ValueError if an
    eigenvalue is negative: such a matrix is no channel.
    """
    paulis = pauli_matrices(transfer.shape[0])
    d = paulis.shape[1]
    choi = np.einsum("jk,kba,jcd->acbd", transfer, paulis, paulis, optimize=True).reshape(d * d, d * d) / d
    values, vectors = np.linalg.eigh(choi)
    if values[0] < -1e-8:
        raise ValueError(f"transfer: got a Choi matrix with eigenvalue {values[0]:.3g}, expected none below 0")
    large = values > ROUNDING
    return [np.sqrt(v) * w.reshape(d, d).T for v, w in zip(values[large], vectors.T[large], strict=True)]


def kraus_to_transfer(operators: Sequence[Matrix]) -> Transfer:
    """Return the Pauli transfer matrix [4^n, 4^n] of Kraus operators [2^n, 2^n]."""
    kraus = np.asarray(operators, dtype=complex)
    paulis = pauli_matrices(kraus.shape[1] ** 2)
    moved = np.einsum("nab,kbc,ndc->kad", kraus, paulis, kraus.conj(), optimize=True)
    return np.real(np.einsum("jda,kad->jk", paulis, moved, optimize=True)) / kraus.shape[1]


def damping_transfer(coherence: float, population: float) -> Transfer:
    """Return the transfer matrix [4, 4] that keeps these fractions of the coherence and of the population of |1>."""
    transfer = np.diag([1.0, coherence, coherence, population])
    transfer[3, 0] = 1 - population
    return transfer


def pauli_matrices(count: int) -> NDArray[np.complex128]:
    """Return the `count` = 4^n Pauli matrices [4^n, 2^n, 2^n] in Qiskit's order: the first qubit's varies fastest."""
    matrices = np.ones((1, 1, 1), dtype=complex)
    while len(matrices) < count:
        matrices = np.stack([np.kron(slow, fast) for slow, fast in itertools.product(PAULIS, matrices)])
    return matrices


Known = dict[tuple[object, ...], tuple[Transfer, "Operation"]]
"""Transfer matrices by operation and wires; the operation is kept, so that its identity stays its own."""


def _circuit_transfer(circuit: QuantumCircuit, n_qubits: int, known: Known) -> Transfer:
    """Return the transfer matrix of one term of an error: Qiskit's own way costs a millisecond, and a chip has 10^4."""
    if n_qubits > 2:
        return _qiskit_transfer(circuit)
    total: Transfer | None = None
    for step in circuit.data:
        operation = step.operation
        wires = [circuit.find_bit(qubit).index for qubit in step.qubits]
        what = (operation.params[0],) if operation.name == "pauli" else (id(operation),) if operation.params else ()
        key = (operation.name, *what, *wires)
        if key not in known:
            known[key] = _spread(_operation_transfer(operation), wires, n_qubits), operation
        matrix, _ = known[key]
        total = matrix if total is None else matrix @ total
    return np.eye(4**n_qubits) if total is None else total


_SIGNS: NDArray[np.float64] = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=float)
"""What conjugation by I, X, Y, Z does to I, X, Y, Z."""
_RESET: Transfer = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=float)


def _operation_transfer(operation: Operation) -> Transfer:
    """Return the transfer matrix of one instruction on its own qubits."""
    if operation.name == "reset":
        return _RESET
    if operation.name in ("pauli", "id", "x", "y", "z"):
        # A label names the last qubit's Pauli, which varies slowest, first.
        label = operation.params[0] if operation.name == "pauli" else operation.name.upper().replace("ID", "I")
        return np.diag(reduce(np.kron, [_SIGNS["IXYZ".index(letter)] for letter in label]))
    if operation.name == "kraus":
        return kraus_to_transfer([np.asarray(matrix) for matrix in operation.params])
    return _qiskit_transfer(operation)


def _qiskit_transfer(operation: Operation | QuantumCircuit) -> Transfer:
    # Imported here: Qiskit takes a second, and most noise is never read from its models.
    from qiskit.quantum_info import PTM, SuperOp

    return np.real(PTM(SuperOp(operation)).data)


def _spread(transfer: Transfer, wires: list[int], n_qubits: int) -> Transfer:
    """Return a transfer matrix on `wires` as one on all of `n_qubits` <= 2."""
    if len(wires) == n_qubits:
        if wires == list(range(n_qubits)):
            return transfer
        swap = np.arange(16).reshape(4, 4).T.ravel()
        return transfer[np.ix_(swap, swap)]
    return np.kron(np.eye(4), transfer) if wires == [0] else np.kron(transfer, np.eye(4))
