"""Exact results of the measurements of one tape; everything they read is evaluated at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from functools import partial, reduce

import torch
from pennylane.measurements import ExpectationMP, MeasurementProcess, ProbabilityMP, StateMP, VarianceMP
from pennylane.operation import Operator
from pennylane.ops import Identity
from pennylane.tape import QuantumScript
from pennylane.typing import TensorLike
from pennylane.wires import Wires
from torch import Tensor

from circuits.pennylane_device.evaluator import Evaluator, Request, describe
from circuits.pennylane_device.graph import End
from circuits.pennylane_device.numerics import Precision
from circuits.pennylane_device.observables import (
    DenseTerm,
    Letters,
    WordTerm,
    diagonalizing_operations,
    terms,
    with_square,
)
from circuits.pennylane_device.preprocess import native_operations
from circuits.pennylane_device.reads import AmplitudeRead, PauliRead, ProbabilityRead, Read

Values = Sequence[Tensor]
Label = Callable[[], str]
Finish = Callable[[Values], Tensor]
"""How a result [batch, ...] follows from the values read."""


class Questions:
    """Collects what the measurements want to read, each thing once."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.requests: list[Request] = []
        self._known: dict[tuple[Read, tuple[int, ...], int], int] = {}

    def ask(self, request: Request) -> int:
        """Return the place of the answer among the values."""
        key = (request.read, request.tracks, id(request.end))
        if key not in self._known:
            self._known[key] = len(self.requests)
            self.requests.append(request)
        return self._known[key]

    def word(self, word: Letters, label: Label) -> list[int]:
        """Ask for a word; the answers multiply, and none stands for the identity."""
        if not word:
            return []
        graph = self.evaluator.graph
        request = Request(PauliRead("".join(word.values())), tuple(graph.track(wire) for wire in word), label)
        return [self.ask(part) for part in (self.evaluator.parts(request) if len(word) > 1 else [request])]

    def wires(
        self,
        read: type[ProbabilityRead | AmplitudeRead],
        wires: Sequence[Hashable],
        label: Label,
        end: End | None = None,
    ) -> int:
        """Ask for the bits or the state of some wires."""
        tracks = tuple(self.evaluator.graph.track(wire, end) for wire in wires)
        return self.ask(Request(read(len(tracks)), tracks, label, end))


def analytic_results(tape: QuantumScript, evaluator: Evaluator) -> list[Tensor]:
    """Return the result of each measurement, with a leading batch dimension where the tape is broadcast."""
    questions = Questions(evaluator)
    finishes = [_plan(measurement, tape, questions) for measurement in tape.measurements]
    values = evaluator.evaluate(questions.requests)
    results = [finish(values) for finish in finishes]
    if tape.batch_size is None:
        return [result[0] for result in results]
    return [result.expand(tape.batch_size, *result.shape[1:]) for result in results]


def _plan(measurement: MeasurementProcess, tape: QuantumScript, questions: Questions) -> Finish:
    label = partial(describe, measurement)
    if isinstance(measurement, ExpectationMP | VarianceMP) and measurement.obs is None:
        return _of_bits(measurement, questions, label)
    if isinstance(measurement, ExpectationMP):
        return _expectation(list(terms(measurement.obs)), questions, label)
    if isinstance(measurement, VarianceMP):
        return _variance(measurement.obs, questions, label)
    if isinstance(measurement, ProbabilityMP):
        end = None
        if measurement.obs is not None:
            end = questions.evaluator.graph.branch(native_operations(diagonalizing_operations(measurement)))
        place = questions.wires(ProbabilityRead, measurement.wires, label, end)
        return lambda values: values[place]
    return _state(measurement, tape, questions, label)


def _expectation(parts: Sequence[WordTerm | DenseTerm], questions: Questions, label: Label) -> Finish:
    evaluator = questions.evaluator
    precision = evaluator.precision
    planned: list[Callable[[Values], Tensor]] = []
    for part in parts:
        if isinstance(part, WordTerm):
            planned.append(_scaled(part.coefficient, questions.word(part.word, label), evaluator))
        elif isinstance(part.observable, Identity):
            planned.append(_scaled(part.coefficient, [], evaluator))
        else:
            planned.append(_dense(part, questions, label))
    if not planned:
        return lambda values: torch.zeros(1, dtype=precision.real, device=precision.device)
    return lambda values: reduce(operator.add, [term(values) for term in planned])


def _scaled(factor: TensorLike, places: list[int], evaluator: Evaluator) -> Finish:
    plain = isinstance(factor, float | int) and factor == 1
    coefficient = _real(factor, evaluator.precision)

    def finish(values: Values) -> Tensor:
        factors = [values[place] for place in places]
        if evaluator.graph.states and len(factors) != 1:
            # Each answer holds the squared norm of all prepared states, and so must the product.
            factors.append(evaluator.norm() ** (1 - len(factors)))
        if not factors:
            return coefficient.reshape(-1)
        product = reduce(operator.mul, factors)
        return product if plain else coefficient * product

    return finish


def _real(factor: TensorLike, precision: Precision) -> Tensor:
    """Return the coefficient of a term of a Hermitian observable; the imaginary parts of its terms add up to 0."""
    return precision.cast_real(factor.real)


def _dense(term: DenseTerm, questions: Questions, label: Label) -> Finish:
    """Read tr(rho O) from the state of the observable's wires."""
    precision = questions.evaluator.precision
    wires = term.observable.wires
    place = questions.wires(AmplitudeRead, wires, label)
    matrix = precision.cast_complex(term.observable.matrix(wire_order=wires))
    coefficient = _real(term.coefficient, precision)

    def finish(values: Values) -> Tensor:
        return coefficient * _matrix_element(values[place], matrix)

    return finish


def _matrix_element(state: Tensor, matrix: Tensor) -> Tensor:
    """Return <state| matrix |state>, [batch], for a matrix on the leading wires of state [batch, 2^wires]."""
    split = state.reshape(len(state), matrix.shape[-1], state.shape[1] // matrix.shape[-1])
    return (split.conj() * (matrix @ split)).sum((1, 2)).real


def _variance(observable: Operator, questions: Questions, label: Label) -> Finish:
    parts = with_square(observable)
    if parts is not None:
        mean, square = (_expectation(some, questions, label) for some in parts)
        return lambda values: square(values) - mean(values).square()
    wires = observable.wires
    place = questions.wires(AmplitudeRead, wires, label)
    matrix = questions.evaluator.precision.cast_complex(observable.matrix(wire_order=wires))
    return lambda values: (
        _matrix_element(values[place], matrix @ matrix) - _matrix_element(values[place], matrix).square()
    )


def _of_bits(measurement: MeasurementProcess, questions: Questions, label: Label) -> Finish:
    """Read the mean or variance of a function of bits, such as a mid-circuit measurement that was deferred."""
    place = questions.wires(ProbabilityRead, measurement.wires, label)
    eigenvalues = questions.evaluator.precision.cast_real(measurement.eigvals())

    def mean(values: Values) -> Tensor:
        return values[place] @ eigenvalues

    if isinstance(measurement, ExpectationMP):
        return mean
    return lambda values: values[place] @ eigenvalues.square() - mean(values).square()


def _state(measurement: MeasurementProcess, tape: QuantumScript, questions: Questions, label: Label) -> Finish:
    evaluator = questions.evaluator
    place = questions.wires(AmplitudeRead, measurement.wires, label)
    if type(measurement) is StateMP:
        phases = [evaluator.precision.cast_real(operation.data[0]) for operation in evaluator.graph.phases]
        angle = torch.stack(torch.broadcast_tensors(*phases)).sum(0).reshape(-1, 1) if phases else None
        if angle is None:
            return lambda values: values[place]
        return lambda values: values[place] * torch.complex(torch.cos(angle), -torch.sin(angle))
    cone = evaluator.cone(questions.requests[place])
    labels = {track: wire for wire, track in evaluator.graph.end.tracks.items()}
    # The wires asked for lead the state, and lead the cone.
    order = Wires([labels[track] for track in cone.tracks])

    def finish(values: Values) -> Tensor:
        state = values[place]
        if len(state) > 1:
            return torch.as_tensor(measurement.process_state(state, order))
        return torch.as_tensor(measurement.process_state(state[0], order)).unsqueeze(0)

    return finish
