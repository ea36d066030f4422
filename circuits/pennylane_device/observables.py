"""Observables as sums of Pauli words, with a dense matrix on few wires for what has no short sum."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pennylane as qml
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator
from pennylane.ops import Hadamard, Prod, SProd, Sum
from pennylane.pauli import PauliSentence, PauliWord
from pennylane.typing import TensorLike

MAX_DENSE_WIRES = 8
"""An observable that is no sum of Pauli words is read from a reduced state of at most this many wires."""


@dataclass(frozen=True)
class WordTerm:
    """coefficient * word."""

    coefficient: TensorLike
    word: PauliWord


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


def terms(observable: Operator, coefficient: TensorLike = 1.0) -> Iterator[Term]:
    """List the terms whose expectations add up to that of the observable."""
    words = sentence(observable)
    if words is not None:
        for word, factor in words.items():
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


def has_variance(observable: Operator) -> bool:
    """Say whether a variance can be read: of a sum of Pauli words, or of a matrix on few wires."""
    small = len(observable.wires) <= MAX_DENSE_WIRES and observable.has_matrix
    return sentence(observable) is not None or small


def squared(words: PauliSentence) -> PauliSentence:
    """Return the square of a sum of Pauli words."""
    product = words @ words
    product.simplify()
    return product


def diagonalizing_operations(measurement: MeasurementProcess) -> list[Operator]:
    """Return the one- and two-qubit gates that turn the measured basis into that of the bits."""
    with qml.QueuingManager.stop_recording():
        return list(measurement.diagonalizing_gates())
