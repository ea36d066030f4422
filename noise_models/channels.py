"""What an Aer noise model does, as channels: Kraus operators and Pauli transfer matrices per instruction and wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import PTM, Kraus, SuperOp

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel, QuantumError

Matrix = NDArray[np.complex128]


@dataclass(frozen=True)
class InstructionNoise:
    """The channel that follows one instruction.

    `qubits` are the wires it applies to, or None where it applies to the instruction on any wires. `transfer` is the
    real Pauli transfer matrix R_jk = tr(P_j E(P_k)) / d, rows and columns in the order I, X, Y, Z (for two qubits the
    last-named qubit's Pauli varies slowest, Qiskit's order).
    """

    instruction: str
    qubits: tuple[int, ...] | None
    transfer: NDArray[np.float64]


def instruction_channels(noise_model: NoiseModel) -> list[InstructionNoise]:
    """List the channels of an Aer noise model: first those for all wires, then those for particular wires.

    Readout errors act on classical bits and are not listed.
    """
    found = []
    for name, error in noise_model._default_quantum_errors.items():
        found.append(InstructionNoise(name, None, pauli_transfer_matrix(error)))
    for name, local in noise_model._local_quantum_errors.items():
        for qubits, error in local.items():
            found.append(InstructionNoise(name, tuple(qubits), pauli_transfer_matrix(error)))
    return found


def pauli_transfer_matrix(error: QuantumError) -> NDArray[np.float64]:
    """Return the real Pauli transfer matrix [4^n, 4^n] of an Aer error on n qubits."""
    return np.real(PTM(SuperOp(error)).data)


def kraus_operators(error: QuantumError) -> list[Matrix]:
    """Return Kraus operators [2^n, 2^n] of an Aer error on n qubits, sum_k K^dagger K = 1."""
    return [np.asarray(matrix) for matrix in Kraus(SuperOp(error)).data]
