"""Instructions as real matrices on Pauli coefficients, and as turns about Z with constants between.

Every one-qubit gate with angles is a chain of turns about Z and constant matrices, because
RY(t) = RX(-pi/2) RZ(t) RX(pi/2) and RX(t) = H RZ(t) H. That leaves one gate to differentiate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit.library import HGate, RXGate, RZGate, get_standard_gate_name_mapping
from qiskit.quantum_info import PTM, Operator

from circuits.compile import Angle, Instruction

Transfer = NDArray[np.floating[Any]]
"""R_jk = tr(P_j E(P_k)) / d: [4, 4] for a wire, [4, 4, 4, 4] = (out 1, out 2, in 1, in 2) for a pair; I, X, Y, Z."""

ROUNDING = 1e-13
"""Entries below this are rounding errors of the conversion: they are zero."""

ChainLink = Transfer | Angle
"""A link of a one-qubit chain: a constant matrix, or a turn about Z by an angle."""


def cleaned(matrix: Transfer) -> Transfer:
    """Return the matrix without the rounding errors that would be taken for noise reaching further wires."""
    return np.where(np.abs(matrix) < ROUNDING, 0.0, matrix)


def pair_transfer(matrix: Transfer) -> Transfer:
    """Return a [16, 16] transfer matrix in Qiskit's order (first wire fastest) as [4, 4, 4, 4], first wire first."""
    return matrix.reshape(4, 4, 4, 4).transpose(1, 0, 3, 2)


def gate_transfer(name: str) -> Transfer:
    """Return the transfer matrix of a Qiskit standard gate without angles, [4, 4] or [4, 4, 4, 4].

    Raises ValueError where Qiskit has no such gate on one or two wires.
    """
    gate = get_standard_gate_name_mapping().get(name)
    if gate is None or gate.params or gate.num_clbits or gate.num_qubits > 2:
        raise ValueError(f"noise: the engine lightcone does not know the instruction {name!r}; use the engine aer")
    return _transfer(Operator(gate))


def _transfer(operator: Operator) -> Transfer:
    matrix = cleaned(np.real(PTM(operator).data))
    return pair_transfer(matrix) if len(matrix) == 16 else matrix


_H, _FORTH, _BACK = (_transfer(Operator(gate)) for gate in (HGate(), RXGate(np.pi / 2), RXGate(-np.pi / 2)))


def chain(instruction: Instruction) -> list[ChainLink]:
    """Return a one-qubit instruction as links in the order in which they act."""
    name, angles = instruction.name, instruction.angles
    if name in ("u", "u3"):
        theta, phi, lam = angles
        return [lam, _FORTH, theta, _BACK, phi]
    if name == "u2":
        phi, lam = angles
        return [lam, _FORTH, Angle((), np.pi / 2), _BACK, phi]
    if name in ("rz", "p", "u1"):
        return [angles[0]]
    if name == "ry":
        return [_FORTH, angles[0], _BACK]
    if name == "rx":
        return [_H, angles[0], _H]
    return [gate_transfer(name)]


def simplified(links: Sequence[ChainLink]) -> list[ChainLink]:
    """Return the same chain with constants multiplied together and neighbouring turns added.

    A turn moves past a constant that commutes with it, as all noise that favours no phase does, to meet the next turn.
    """
    out: list[ChainLink] = []
    for link in links:
        if isinstance(link, Angle):
            if not link.terms:
                _append_constant(out, _transfer(Operator(RZGate(link.offset))))
                continue
            meets = _turn_before(out)
            if meets is None:
                out.append(link)
            else:
                before = out[meets]
                assert isinstance(before, Angle)
                out[meets] = Angle((*before.terms, *link.terms), before.offset + link.offset)
        else:
            _append_constant(out, link)
    return out


def _append_constant(out: list[ChainLink], matrix: Transfer) -> None:
    if out and not isinstance(out[-1], Angle):
        out[-1] = cleaned(matrix @ out[-1])
    elif not np.array_equal(matrix, np.eye(4)):
        out.append(cleaned(matrix))


def _turn_before(out: list[ChainLink]) -> int | None:
    """Return where a new turn can be added to an earlier one: directly before it, or past one commuting constant."""
    if out and isinstance(out[-1], Angle):
        return len(out) - 1
    if len(out) > 1 and not isinstance(out[-1], Angle) and _commutes_with_turns(out[-1]):
        return len(out) - 2
    return None


def _commutes_with_turns(matrix: Transfer) -> bool:
    generator = np.zeros((4, 4))
    generator[1, 2], generator[2, 1] = -1, 1
    return bool(np.allclose(matrix @ generator, generator @ matrix, rtol=0, atol=ROUNDING))
