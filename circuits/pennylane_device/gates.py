"""The device's gates: their matrices, and which Pauli operators each can turn into which.

One-qubit gates are evaluated many at a time: entries [2, 2, gates, batch]. Phases are built with `torch.complex` from
cosine and sine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from pennylane.operation import Operator
from pennylane.typing import TensorLike
from torch import Tensor

from circuits.pennylane_device.numerics import Precision

X, Y, Z = 1, 2, 4
"""A set of Pauli operators on one wire is a bit mask; the identity is always understood."""
FLIPS = X | Y
"""The Pauli operators that are not diagonal."""
ANY = X | Y | Z

Spread = tuple[int, int, int]
"""For X, Y and Z each: the mask of what U^dagger P U can contain."""

_NOTHING: Spread = (X, Y, Z)
_SOMETHING: Spread = (ANY, ANY, ANY)
_ABOUT_Z: Spread = (FLIPS, FLIPS, Z)

_SPREADS: dict[str, Spread] = {
    **dict.fromkeys(("Identity", "PauliX", "PauliY", "PauliZ"), _NOTHING),
    "Hadamard": (Z, Y, X),
    **dict.fromkeys(("S", "Adjoint(S)"), (Y, X, Z)),
    **dict.fromkeys(("SX", "Adjoint(SX)"), (X, Z, Y)),
    **dict.fromkeys(("T", "Adjoint(T)", "RZ", "PhaseShift", "U1"), _ABOUT_Z),
    "RX": (X, Y | Z, Y | Z),
    "RY": (X | Z, Y, X | Z),
}
DIAGONAL_GATES = frozenset(("Identity", "PauliZ", "S", "Adjoint(S)", "T", "Adjoint(T)", "RZ", "PhaseShift", "U1"))


def spread(name: str) -> Spread:
    """Return what a one-qubit gate can make of X, Y and Z, whatever its parameters; everything if it is unknown."""
    return _SPREADS.get(name, _SOMETHING)


def image(mask: int, by: Spread) -> int:
    """Return the mask of U^dagger O U for an O within `mask`."""
    return (by[0] if mask & X else 0) | (by[1] if mask & Y else 0) | (by[2] if mask & Z else 0)


_I = 1 / math.sqrt(2)
_EIGHTH = complex(_I, _I)
_FIXED: dict[str, tuple[tuple[complex, complex], tuple[complex, complex]]] = {
    "Identity": ((1, 0), (0, 1)),
    "PauliX": ((0, 1), (1, 0)),
    "PauliY": ((0, -1j), (1j, 0)),
    "PauliZ": ((1, 0), (0, -1)),
    "Hadamard": ((_I, _I), (_I, -_I)),
    "S": ((1, 0), (0, 1j)),
    "Adjoint(S)": ((1, 0), (0, -1j)),
    "T": ((1, 0), (0, _EIGHTH)),
    "Adjoint(T)": ((1, 0), (0, _EIGHTH.conjugate())),
    "SX": ((0.5 + 0.5j, 0.5 - 0.5j), (0.5 - 0.5j, 0.5 + 0.5j)),
    "Adjoint(SX)": ((0.5 - 0.5j, 0.5 + 0.5j), (0.5 + 0.5j, 0.5 - 0.5j)),
}


def _phase(angle: Tensor) -> Tensor:
    return torch.complex(torch.cos(angle), torch.sin(angle))


def _entries(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b]), torch.stack([c, d])])


def _rx(theta: Tensor) -> Tensor:
    cos, sin, zero = torch.cos(theta / 2), torch.sin(theta / 2), torch.zeros_like(theta)
    diagonal, off = torch.complex(cos, zero), torch.complex(zero, -sin)
    return _entries(diagonal, off, off, diagonal)


def _ry(theta: Tensor) -> Tensor:
    cos, sin, zero = torch.cos(theta / 2), torch.sin(theta / 2), torch.zeros_like(theta)
    diagonal, off = torch.complex(cos, zero), torch.complex(sin, zero)
    return _entries(diagonal, -off, off, diagonal)


def _rz(theta: Tensor) -> Tensor:
    up = _phase(theta / 2)
    zero = torch.zeros_like(up)
    return _entries(up.conj(), zero, zero, up)


def _phase_shift(phi: Tensor) -> Tensor:
    up = _phase(phi)
    zero = torch.zeros_like(up)
    return _entries(zero + 1, zero, zero, up)


def _rot(phi: Tensor, theta: Tensor, omega: Tensor) -> Tensor:
    cos, sin = torch.cos(theta / 2), torch.sin(theta / 2)
    total, difference = _phase((phi + omega) / 2), _phase((phi - omega) / 2)
    return _entries(total.conj() * cos, -difference * sin, difference.conj() * sin, total * cos)


def _u3(theta: Tensor, phi: Tensor, delta: Tensor) -> Tensor:
    cos, sin = torch.cos(theta / 2), torch.sin(theta / 2)
    return _entries(
        torch.complex(cos, torch.zeros_like(cos)), -_phase(delta) * sin, _phase(phi) * sin, _phase(phi + delta) * cos
    )


def _u2(phi: Tensor, delta: Tensor) -> Tensor:
    return _u3(torch.full_like(phi, math.pi / 2), phi, delta)


_ROTATIONS: dict[str, Callable[..., Tensor]] = {
    "RX": _rx,
    "RY": _ry,
    "RZ": _rz,
    "PhaseShift": _phase_shift,
    "U1": _phase_shift,
    "Rot": _rot,
    "U2": _u2,
    "U3": _u3,
}
ONE_QUBIT_GATES = frozenset(_FIXED) | frozenset(_ROTATIONS)


def _named(name: str, operations: Sequence[Operator], precision: Precision) -> Tensor:
    """Return entries [2, 2, gates, batch] of gates of one name, all batched or none."""
    if name in _FIXED:
        matrix = torch.tensor(_FIXED[name], dtype=precision.complex, device=precision.device)
        return matrix[..., None, None].expand(2, 2, len(operations), 1)
    if name in _ROTATIONS:
        angles = stack_angles([operation.data for operation in operations], precision)
        return _ROTATIONS[name](*angles.unbind(1))
    matrices = [precision.cast_complex(operation.matrix()) for operation in operations]
    return torch.stack(matrices).reshape(len(operations), -1, 2, 2).permute(2, 3, 0, 1)


def stack_angles(rows: Sequence[Sequence[TensorLike]], precision: Precision) -> Tensor:
    """Return angles [gates, parameters, batch] in radians; the batch is 1 where no angle has several values."""
    flat = [precision.cast_real(value) for row in rows for value in row]
    if len({value.shape for value in flat}) > 1:
        flat = list(torch.broadcast_tensors(*flat))
    stacked = torch.stack(flat)
    return stacked.reshape(len(rows), len(rows[0]), -1)


def one_qubit_matrices(operations: Sequence[Operator], precision: Precision) -> Tensor:
    """Return the matrices [2, 2, gates, batch] of PennyLane one-qubit operations, in the order given.

    Gates of one name are computed together; a batch dimension of 1 stands for gates without parameter broadcasting.
    """
    groups: dict[tuple[str, bool], list[int]] = {}
    for position, operation in enumerate(operations):
        groups.setdefault((operation.name, operation.batch_size is not None), []).append(position)
    parts = [_named(name, [operations[k] for k in where], precision) for (name, _), where in groups.items()]
    batch = next((part.shape[-1] for part in parts if part.shape[-1] != 1), 1)
    joined = torch.cat([part.expand(-1, -1, -1, batch) for part in parts], dim=2)
    order = [k for where in groups.values() for k in where]
    if order == sorted(order):
        return joined
    return joined.index_select(2, torch.argsort(torch.tensor(order, device=precision.device)))


TWO_QUBIT_PHASES = frozenset(("CRZ", "IsingZZ", "ControlledPhaseShift"))
TWO_QUBIT_GATES = TWO_QUBIT_PHASES | {"CZ"}
SYMMETRIC_GATES = frozenset(("CZ", "IsingZZ", "ControlledPhaseShift"))


def diagonal_exponent(name: str, first: Tensor, second: Tensor) -> Tensor:
    """Return f with gate = exp(i angle f) from the bits 0 and 1 of its two wires; a CZ has the angle pi."""
    if name == "IsingZZ":
        return -0.5 * (1 - 2 * first) * (1 - 2 * second)
    if name == "CRZ":
        return -0.5 * first * (1 - 2 * second)
    return first * second


def compose_spreads(later: Spread, earlier: Spread) -> Spread:
    """Return the spread of the matrix product `later @ earlier`: an observable meets the later gate first."""
    x, y, z = (image(mask, earlier) for mask in later)
    return x, y, z


def multiply(later: Tensor, earlier: Tensor) -> Tensor:
    """Return the matrix products of entries [2, 2, gates, batch]."""
    return later[:, 0:1] * earlier[0:1] + later[:, 1:2] * earlier[1:2]
