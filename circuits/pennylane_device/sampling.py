"""Finite shots, drawn from exact marginal distributions.

Measurements of one tape share their shots as long as their bases agree on the wires they share and every independent
part of their joint cone fits. A joint cone that does not fit is drawn measurement by measurement: each result then has
its exact distribution, but correlations between two measurements within a shot are not reproduced.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pennylane as qml
import torch
from numpy.typing import NDArray
from pennylane.measurements import ExpectationMP, MeasurementProcess, VarianceMP
from pennylane.operation import Operator
from pennylane.pauli import PauliWord
from pennylane.tape import QuantumScript
from pennylane.typing import Result, TensorLike
from pennylane.wires import Wires

from circuits.pennylane_device.cones import find_cone
from circuits.pennylane_device.evaluator import Evaluator, Request, describe
from circuits.pennylane_device.graph import End
from circuits.pennylane_device.observables import (
    Letters,
    Term,
    WordTerm,
    diagonalizing_operations,
    terms,
    words_of,
)
from circuits.pennylane_device.preprocess import native_operations
from circuits.pennylane_device.reads import ProbabilityRead

Basis = dict[Hashable, Hashable]
"""For each measured wire, what distinguishes the basis it is measured in."""


@dataclass(frozen=True)
class Draw:
    """One measurement in one basis; of a word, the mean or variance is taken of its `letters`."""

    measurement: MeasurementProcess
    basis: Basis
    letters: Letters | None = None

    def of(self, bits: NDArray[np.int64], wires: Wires) -> Result:
        """Return the result of bits [..., shots, wires]."""
        if self.letters is None:
            return self.measurement.process_samples(bits, wires)
        place = {wire: k for k, wire in enumerate(wires)}
        values = np.ones(bits.shape[:-1])
        for wire, letter in self.letters.items():
            column = bits[..., place[wire]]
            values *= column == int(letter) if letter in "01" else 1 - 2 * column
        return values.mean(-1) if isinstance(self.measurement, ExpectationMP) else values.var(-1)


@dataclass(frozen=True)
class WeightedDraws:
    """A constant and weighted draws whose means add up to an expectation."""

    constant: float
    draws: tuple[tuple[float, Draw], ...]


class SharedShots:
    """Draws that share their shots."""

    def __init__(self) -> None:
        self.basis: Basis = {}
        self.draws: list[Draw] = []

    def accepts(self, draw: Draw) -> bool:
        """Say whether the bases agree where wires are shared."""
        return all(self.basis.get(wire, kind) == kind for wire, kind in draw.basis.items())

    def add(self, draw: Draw) -> None:
        """Take a draw in."""
        self.basis.update(draw.basis)
        self.draws.append(draw)


def sampled_results(tape: QuantumScript, evaluator: Evaluator, rng: np.random.Generator) -> Result:
    """Return the results of all measurements, for every entry of a shot vector, as PennyLane nests them."""
    sums = [_as_sum(measurement) for measurement in tape.measurements]
    groups: list[SharedShots] = []
    for total in sums:
        for _, draw in total.draws:
            group = next((group for group in groups if group.accepts(draw)), None)
            if group is None:
                group = SharedShots()
                groups.append(group)
            group.add(draw)
    shots = tape.shots
    broadcast = tape.batch_size is not None
    processed: dict[int, list[Result]] = {}
    for samples, wires, draws in _drawn(groups, evaluator, shots.total_shots, rng):
        bits = samples if broadcast else samples[0]
        for draw in draws:
            processed[id(draw)] = [draw.of(bits[..., low:high, :], wires) for low, high in shots.bins()]
    copies = range(len(list(shots.bins())))
    results = [tuple(_combine(total, processed, copy) for total in sums) for copy in copies]
    singles = [result[0] if len(sums) == 1 else result for result in results]
    return tuple(singles) if shots.has_partitioned_shots else singles[0]


def _combine(total: WeightedDraws, processed: dict[int, list[Result]], copy: int) -> Result:
    if len(total.draws) == 1 and total.draws[0][0] == 1 and not total.constant:
        return processed[id(total.draws[0][1])][copy]
    return total.constant + sum(weight * processed[id(draw)][copy] for weight, draw in total.draws)


def _as_sum(measurement: MeasurementProcess) -> WeightedDraws:
    observable = measurement.obs
    words = None if observable is None else words_of(observable)
    factor, word = words[0] if words is not None and len(words) == 1 else (1.0, None)
    weight = 1.0
    if observable is not None and isinstance(measurement, ExpectationMP):
        return _split(measurement, list(terms(observable)))
    if observable is None or (word is not None and not word):
        draw = Draw(measurement, dict.fromkeys(measurement.wires, "Z"))
    elif word is not None and isinstance(measurement, VarianceMP):
        draw, weight = _of_word(measurement, word), _number(factor) ** 2
    elif word is not None and set(word) == set(measurement.wires):
        draw = Draw(measurement, _basis(word))
    else:
        draw = _own_basis(measurement)
    return WeightedDraws(0.0, ((weight, draw),))


def _number(factor: TensorLike) -> float:
    return float(np.real(qml.math.unwrap([factor])[0]))


def _basis(word: Letters) -> Basis:
    return {wire: "Z" if letter in "01" else letter for wire, letter in word.items()}


def _of_word(measurement: MeasurementProcess, word: Letters) -> Draw:
    return Draw(measurement, _basis(word), word)


def _split(measurement: MeasurementProcess, parts: Sequence[Term]) -> WeightedDraws:
    constant, draws = 0.0, []
    for part in parts:
        weight = _number(part.coefficient)
        if not isinstance(part, WordTerm):
            draws.append((weight, _own_basis(qml.expval(part.observable))))
        elif part.word:
            draws.append((weight, _of_word(measurement, part.word)))
        else:
            constant += weight
    return WeightedDraws(constant, tuple(draws))


def _own_basis(measurement: MeasurementProcess) -> Draw:
    # Equal observables may share shots; the gates that diagonalise them act on all their wires together.
    return Draw(
        measurement, dict.fromkeys(measurement.wires, ("observable", repr(measurement.obs), measurement.obs.hash))
    )


def _turns(draws: Sequence[Draw]) -> list[Operator]:
    """Return the gates that turn the bases of a group into that of the bits, once per wire."""
    turned: set[Hashable] = set()
    operations: list[Operator] = []
    for draw in draws:
        fresh = [wire for wire in draw.basis if wire not in turned]
        turned.update(fresh)
        if all(kind in ("X", "Y", "Z") for kind in draw.basis.values()):
            for wire in fresh:
                if draw.basis[wire] != "Z":
                    operations += PauliWord({wire: draw.basis[wire]}).operation().diagonalizing_gates()
        elif fresh:
            operations += diagonalizing_operations(draw.measurement)
    return native_operations(operations) if operations else []


def _drawn(
    groups: Sequence[SharedShots], evaluator: Evaluator, shots: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], Wires, list[Draw]]]:
    """Yield samples [batch, shots, wires], their wires and the draws they belong to."""
    requested: list[tuple[list[Request], Wires, list[Draw]]] = []
    for group in groups:
        wires = Wires(list(group.basis))
        parts = _parts(evaluator, wires, _turns(group.draws), lambda: "a joint sample")
        if all(_size(evaluator, part) <= evaluator.max_wires for part in parts):
            requested.append((parts, wires, group.draws))
            continue
        for draw in group.draws:
            alone = Wires(list(draw.basis))
            requested.append(
                (_parts(evaluator, alone, _turns([draw]), partial(describe, draw.measurement)), alone, [draw])
            )
    flat = [part for parts, _, _ in requested for part in parts]
    with torch.no_grad():
        marginals = iter(evaluator.evaluate(flat))
    for parts, wires, draws in requested:
        columns: dict[int, NDArray[np.int64]] = {}
        end = parts[0].end if parts else None
        for part in parts:
            bits = _draw(next(marginals).cpu().double().numpy(), len(part.tracks), shots, rng)
            columns.update({track: bits[..., k] for k, track in enumerate(part.tracks)})
        yield np.stack([columns[evaluator.graph.track(wire, end)] for wire in wires], axis=-1), wires, draws


def _parts(evaluator: Evaluator, wires: Wires, turns: list[Operator], label: Callable[[], str]) -> list[Request]:
    end: End | None = evaluator.graph.branch(turns) if turns else None
    tracks = tuple(evaluator.graph.track(wire, end) for wire in wires)
    return evaluator.parts(Request(ProbabilityRead(len(tracks)), tracks, label, end))


def _size(evaluator: Evaluator, part: Request) -> int:
    return len(find_cone(evaluator.graph, part.end or evaluator.graph.end, part.seeds).tracks)


def _draw(marginal: NDArray[np.int64], n_wires: int, shots: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return bits [batch, shots, n_wires] from marginals [batch, 2^n_wires] by inverting the distribution function."""
    outcomes = np.empty((len(marginal), shots), dtype=np.int64)
    for place, row in enumerate(marginal):
        edges = np.cumsum(np.clip(row, 0, None))
        # A draw at the very end of the last step still belongs to the last outcome that has any weight.
        outcome = np.searchsorted(edges, rng.random(shots) * edges[-1], side="right")
        outcomes[place] = np.minimum(outcome, np.flatnonzero(row > 0)[-1])
    return (outcomes[..., None] >> np.arange(n_wires - 1, -1, -1)) & 1
