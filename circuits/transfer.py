"""Instructions as transfer matrices, real matrices on Pauli coefficients, and one-qubit gates as turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import PTM, Operator

Transfer = NDArray[np.floating]
"""R_jk = tr(P_j E(P_k)) / d over I, X, Y, Z, an axis per wire, outputs first: [4, 4] for a wire,
[4, 4, 4, 4] = (out 1, out 2, in 1, in 2) for a pair."""

ROUNDING = 1e-13
"""Entries below this are rounding errors of the conversion: they are zero."""

TURNS: Mapping[str, tuple[tuple[str, int | None], ...]] = MappingProxyType(
    {
        "u": (("z", 2), ("y", 0), ("z", 1)),
        "u3": (("z", 2), ("y", 0), ("z", 1)),
        "u2": (("z", 1), ("y", None), ("z", 0)),
        "r": (("xy", 0),),
        "rx": (("x", 0),),
        "ry": (("y", 0),),
        "rz": (("z", 0),),
        "p": (("z", 0),),
        "u1": (("z", 0),),
    }
)
"""One-qubit gates as turns (axis, position of the angle) in the order of time, up to a phase; None stands for pi/2."""


def cleaned(matrix: Transfer) -> Transfer:
    """Return the matrix without the rounding errors that would be taken for noise reaching further wires."""
    return np.where(np.abs(matrix) < ROUNDING, 0.0, matrix)


def by_wires(matrix: Transfer) -> Transfer:
    """Return a [4^k, 4^k] matrix in Qiskit's order (first wire fastest) with 2 k axes of 4, first wire first."""
    wires = range((len(matrix).bit_length() - 1) // 2)
    return matrix.reshape([4] * 2 * len(wires)).transpose(*reversed(wires), *(len(wires) + k for k in reversed(wires)))


def operator_transfer(operator: Operator | Gate) -> Transfer:
    """Return the transfer matrix of a unitary."""
    return cleaned(by_wires(np.real(PTM(Operator(operator)).data)))


def make_gate(name: str, angles: Sequence[float | Parameter]) -> Gate:
    """Return Qiskit's gate of a name; its angles are numbers or Qiskit parameters."""
    return get_standard_gate_name_mapping()[name].base_class(*angles)


def gate_transfer(name: str, angles: Sequence[float] = ()) -> Transfer:
    """Return the transfer matrix of a Qiskit standard gate with these angles in radians, [4, 4] or [4, 4, 4, 4].

    Raises ValueError where Qiskit has no such gate on one or two wires.
    """
    gate = get_standard_gate_name_mapping().get(name)
    if gate is None or len(gate.params) != len(angles) or gate.num_clbits or gate.num_qubits > 2:
        raise ValueError(f"noise: the engine lightcone does not know the instruction {name!r}; use the engine aer")
    return operator_transfer(make_gate(name, angles))
