"""Operations that act as they are: a matrix on several wires, with or without controls, and a prepared state."""

from __future__ import annotations

import pennylane as qml
from pennylane.exceptions import DeviceError
from pennylane.operation import Operation, Operator
from pennylane.ops import Adjoint, Controlled, Evolution, Exp, Pow, QubitUnitary
from pennylane.typing import TensorLike
from torch import Tensor

from circuits.pennylane_device.gates import DIAGONAL_GATES, TWO_QUBIT_PHASES
from circuits.pennylane_device.numerics import Precision, is_sizable
from circuits.pennylane_device.observables import is_hermitian, sentence

MAX_BLOCK_WIRES = 8
"""A gate that has a decomposition as well is taken as a matrix up to this many wires."""

_LOCAL = frozenset(("PauliRot", "IsingXX", "IsingYY", "IsingXY", "IsingZZ"))
"""Gates whose decomposition keeps the causal cones that a matrix on all their wires would widen."""

_DIAGONAL = DIAGONAL_GATES | TWO_QUBIT_PHASES | {"CZ", "CCZ", "DiagonalQubitUnitary", "MultiRZ", "PCPhase"}


def is_prepared_state(operation: Operator) -> bool:
    """Say whether an operation gives the amplitudes that its wires begin with."""
    return isinstance(operation, qml.StatePrep)


def amplitudes(operation: Operator, precision: Precision) -> Tensor:
    """Return the amplitudes [2^wires, batch] of a prepared state, the first wire as leading bit."""
    state = operation.data[0]
    if qml.math.get_interface(state) == "scipy":
        state = state.toarray()
    return precision.cast_complex(state).reshape(-1, 1 << len(operation.wires)).T


def core(operation: Operator) -> Operator:
    """Return what an operation does where its controls have their values."""
    return operation.base if isinstance(operation, Controlled) else operation


def control_values(operation: Operator) -> tuple[int, ...]:
    """Return the values of the controls, which lead the operation's wires; none without controls."""
    return tuple(int(value) for value in operation.control_values) if isinstance(operation, Controlled) else ()


def diagonal_wires(operation: Operator) -> tuple[bool, ...]:
    """Say of each wire whether the operation commutes with Z there."""
    base = core(operation)
    controls = (True,) * len(control_values(operation))
    return controls + (_without_adjoint(base).name in _DIAGONAL,) * len(base.wires)


def matrix(operation: Operator, precision: Precision) -> Tensor:
    """Return the matrix [2^wires, 2^wires, batch] of what a block does where its controls have their values."""
    base = core(operation)
    values = base.matrix() if base.has_matrix else base.sparse_matrix().toarray()
    size = 1 << len(base.wires)
    return precision.cast_complex(values).reshape(-1, size, size).movedim(0, -1)


def is_block(operation: Operator) -> bool:
    """Say whether an operation acts as a matrix: always with controls, otherwise where no local decomposition serves.

    The matrix carries broadcast and trainable parameters, which PennyLane's decompositions do not all take.
    """
    base = core(operation)
    if isinstance(base, QubitUnitary):
        return True
    if not isinstance(base, Operation) or not base.has_matrix or len(operation.wires) < 2:
        return False
    if isinstance(base, Pow):
        return not base.has_decomposition and not any(qml.math.requires_grad(value) for value in base.data)
    few_wires = 1 <= len(base.wires) <= MAX_BLOCK_WIRES
    if base is not operation:
        return few_wires
    if isinstance(base, Exp):
        return few_wires and not is_commuting(base)
    if _without_adjoint(base).name in _LOCAL or (isinstance(base, qml.MultiRZ) and len(base.wires) == 2):
        return False
    return (few_wires and operation.num_params > 0) or not operation.has_decomposition


def _without_adjoint(operation: Operator) -> Operator:
    return _without_adjoint(operation.base) if isinstance(operation, Adjoint) else operation


def _exponents(operation: Exp) -> list[TensorLike]:
    """Return the coefficient of each Pauli word in the exponent, or that of the exponent's operator as a whole."""
    words = sentence(operation.base)
    return [operation.coeff] if words is None else [operation.coeff * factor for factor in words.values()]


def is_commuting(operation: Exp) -> bool:
    """Say whether an exponential is a product of rotations about Pauli words that commute."""
    words = sentence(operation.base)
    if words is None:
        return False
    several = list(words)
    return all(a.commutes_with(b) for k, a in enumerate(several) for b in several[:k])


def rotations(operation: Exp) -> list[Operator]:
    """Return exp(sum_k x_k W_k) of commuting Pauli words W_k as one rotation per word, exactly.

    Raises DeviceError where the words do not commute, as no short product of gates is then exact.
    """
    words = sentence(operation.base)
    if words is None or not is_commuting(operation):
        raise DeviceError(
            f"sqnn.lightcone: got {operation.name} of an operator on {len(operation.wires)} wires whose terms do not "
            f"commute, expected at most {MAX_BLOCK_WIRES} wires; use qml.TrotterProduct"
        )
    gates: list[Operator] = []
    for word, factor in words.items():
        # PauliRot(angle) is exp(-i angle W / 2).
        angle = qml.math.real(2j * operation.coeff * factor)
        gates.append(qml.PauliRot(angle, "".join(word.values()), list(word)) if word else qml.GlobalPhase(angle / 2))
    return gates


def as_exponential(operation: Operator) -> Operator | None:
    """Return a time evolution, or an adjoint or power of an exponential, with controls or without, as an exponential.

    Its parameters can then be bound anew, and its coefficient broadcast; None for every other operation.
    """
    base = operation.base if isinstance(operation, Adjoint | Controlled | Pow) else None
    inner: Operator | None = None
    if isinstance(operation, Evolution):
        return Exp(operation.base, operation.coeff)
    if isinstance(operation, Pow) and isinstance(base, Exp):
        return Exp(base.base, base.coeff * operation.z)
    if isinstance(operation, Adjoint) and isinstance(base, Exp):
        return Exp(base.base, -base.coeff)
    if isinstance(operation, Adjoint) and isinstance(base, Controlled) and isinstance(base.base, Exp):
        inner, operation = Exp(base.base.base, -base.base.coeff), base
    elif isinstance(operation, Controlled) and base is not None:
        inner = as_exponential(base)
    if inner is None:
        return None
    return qml.ctrl(inner, operation.control_wires, control_values=operation.control_values)


def check_unitary(operation: Operator) -> None:
    """Raise DeviceError on the exponential of an operator that is not i times a Hermitian one."""
    while isinstance(operation, Adjoint | Controlled | Pow):
        operation = operation.base
    if not isinstance(operation, Exp):
        return
    hermitian = sentence(operation.base) is not None or is_hermitian(operation.base)
    if not hermitian or any(is_sizable(qml.math.real(x), x) for x in _exponents(operation)):
        raise DeviceError(
            f"sqnn.lightcone: got {operation.name} on wires {operation.wires.tolist()[:8]} as a gate, expected a "
            "unitary; exponentiate 1j times a Hermitian operator"
        )
