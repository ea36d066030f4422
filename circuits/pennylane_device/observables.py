"""Observables as sums of words of Pauli operators and projectors, or as a dense matrix on few wires."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import pennylane as qml
from pennylane.exceptions import DeviceError
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator
from pennylane.ops import Hadamard, Prod, SProd, Sum
from pennylane.ops.qubit.observables import BasisStateProjector
from pennylane.pauli import PauliSentence, PauliWord
from pennylane.typing import TensorLike

from circuits.pennylane_device.numerics import is_complex, is_sizable

MAX_DENSE_WIRES = 8
"""An observable that is no sum of words is read from a reduced state of at most this many wires."""

Letters = Mapping[Hashable, str]
"""A word: X, Y or Z on a wire, or 0 or 1 for the projector onto that bit."""


@dataclass(frozen=True)
class WordTerm:
    """coefficient * word."""

    coefficient: TensorLike
    word: Letters


@dataclass(frozen=True)
class DenseTerm:
    """coefficient * an observable that has a matrix."""

    coefficient: TensorLike
    observable: Operator


Term = WordTerm | DenseTerm


def sentence(observable: Operator) -> PauliSentence | None:
    """Return an observable as a sum of Pauli words, or None where it is not built from Pauli operators and H."""
    if observable.pauli_rep is not None:
        return observable.pauli_rep
    if isinstance(observable, Hadamard):
        (wire,) = observable.wires
        half = math.sqrt(0.5)
        return PauliSentence({PauliWord({wire: "X"}): half, PauliWord({wire: "Z"}): half})
    if isinstance(observable, SProd):
        base = sentence(observable.base)
        return None if base is None else observable.scalar * base
    if isinstance(observable, Sum | Prod):
        total: PauliSentence | None = None
        for operand in observable.operands:
            part = sentence(operand)
            if part is None:
                return None
            if total is None:
                total = part
            else:
                total = total + part if isinstance(observable, Sum) else total @ part
        return total
    return None


def words_of(observable: Operator) -> list[tuple[TensorLike, Letters]] | None:
    """Return an observable as weighted words, or None where it is not built from Pauli operators, H and bits."""
    pauli = sentence(observable)
    if pauli is not None:
        return [(factor, word) for word, factor in pauli.items()]
    if isinstance(observable, BasisStateProjector):
        return [(1.0, {wire: str(int(bit)) for wire, bit in zip(observable.wires, observable.data[0], strict=True)})]
    if isinstance(observable, SProd):
        base = words_of(observable.base)
        return None if base is None else [(observable.scalar * factor, word) for factor, word in base]
    if not isinstance(observable, Sum | Prod):
        return None
    parts = [words_of(operand) for operand in observable.operands]
    if isinstance(observable, Sum):
        return None if None in parts else [entry for part in parts if part is not None for entry in part]
    total: list[tuple[TensorLike, Letters]] = [(1.0, {})]
    for part in parts:
        if part is None or any(set(left) & set(right) for _, left in total for _, right in part):
            return None
        total = [(one * two, {**left, **right}) for one, left in total for two, right in part]
    return total


def terms(observable: Operator, coefficient: TensorLike = 1.0) -> Iterator[Term]:
    """List the terms whose expectations add up to that of the observable."""
    words = words_of(observable)
    if words is not None:
        for factor, word in words:
            yield WordTerm(coefficient * factor, word)
    elif isinstance(observable, Sum):
        for operand in observable.operands:
            yield from terms(operand, coefficient)
    elif isinstance(observable, SProd):
        yield from terms(observable.base, coefficient * observable.scalar)
    else:
        yield DenseTerm(coefficient, observable)


def is_supported(observable: Operator) -> bool:
    """Say whether an expectation can be read."""
    return all(
        isinstance(term, WordTerm) or (len(term.observable.wires) <= MAX_DENSE_WIRES and term.observable.has_matrix)
        for term in terms(observable)
    )


def is_drawable(observable: Operator) -> bool:
    """Say whether an expectation can be estimated from shots, term by term."""
    return all(isinstance(term, WordTerm) or term.observable.has_diagonalizing_gates for term in terms(observable))


def has_variance(observable: Operator) -> bool:
    """Say whether a variance can be read: of one word, of a sum of Pauli words, or of a matrix on few wires."""
    small = len(observable.wires) <= MAX_DENSE_WIRES and observable.has_matrix
    return small or with_square(observable) is not None


def with_square(observable: Operator) -> tuple[list[Term], list[Term]] | None:
    """Return the words of an observable and those of its square; None where the square is no short sum of words."""
    pauli = sentence(observable)
    if pauli is not None:
        square = pauli @ pauli
        square.simplify()
        return [WordTerm(c, w) for w, c in pauli.items()], [WordTerm(c, w) for w, c in square.items()]
    words = words_of(observable)
    if words is None or len(words) > 1:
        return None
    ((factor, word),) = words
    bits = {wire: letter for wire, letter in word.items() if letter in "01"}
    return [WordTerm(factor, word)], [WordTerm(factor * factor, bits)]


def is_hermitian(observable: Operator) -> bool:
    """Say whether an observable is Hermitian, up to rounding."""
    words = words_of(observable)
    if words is not None:
        factors = [factor for factor, _ in words if is_complex(factor)]
        whole = qml.math.stack(factors) if factors else 0.0
        return is_sizable(qml.math.imag(whole), whole) is False
    if len(observable.wires) <= MAX_DENSE_WIRES and observable.has_matrix:
        matrix = observable.matrix()
        skewed = is_sizable(matrix - qml.math.conj(qml.math.moveaxis(matrix, -1, -2)), matrix)
        return observable.is_verified_hermitian if skewed is None else not skewed
    if isinstance(observable, Sum):
        return all(is_hermitian(operand) for operand in observable.operands)
    if isinstance(observable, SProd):
        return is_sizable(qml.math.imag(observable.scalar), observable.scalar) is False and is_hermitian(
            observable.base
        )
    return observable.is_verified_hermitian


def check_hermitian(observable: Operator, drawn: bool) -> None:
    """Raise DeviceError unless an observable is Hermitian, and with finite shots each of its terms that is no word."""
    dense = [term.observable for term in terms(observable) if isinstance(term, DenseTerm)] if drawn else []
    for part in (observable, *dense):
        if not is_hermitian(part):
            raise DeviceError(
                f"sqnn.lightcone: got an observable ({part.name} on wires {part.wires.tolist()[:8]}) that is not "
                "Hermitian, expected real coefficients and Hermitian matrices; measure (A + A^dagger)/2 and "
                "(A - A^dagger)/2j instead"
            )


def diagonalizing_operations(measurement: MeasurementProcess) -> list[Operator]:
    """Return the one- and two-qubit gates that turn the measured basis into that of the bits."""
    with qml.QueuingManager.stop_recording():
        return list(measurement.diagonalizing_gates())
