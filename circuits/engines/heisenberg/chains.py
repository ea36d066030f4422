"""One-qubit chains evaluated for many wires and samples at once, on Pauli coefficients kept apart.

A coefficient is a number where all agree, a tensor [chains, columns, batch] (or broadcastable) otherwise, and None
where it is zero: most constants of most noise models are diagonal, and nothing is computed for what is zero. What a
call reads are plain numbers, worked out before, so that it can be compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from circuits.compile import Angle, Compiled
from circuits.engines.heisenberg.timeline import Chain
from circuits.engines.heisenberg.trained import Entries, Varied
from circuits.transfer import Transfer

Coefficient = Tensor | float | None
Coefficients = list[Coefficient]
"""Coefficients of I, X, Y and Z."""
Column = float | tuple[float, ...]
"""A number of every chain: one where all agree."""
Terms = tuple[tuple[tuple[int, ...], Column], ...]
"""Slots of every chain, and the factors they are multiplied by."""


@dataclass(frozen=True)
class ZTurn:
    """A turn about Z in every chain, by the sum of factor * slot, over data angles and weights, + offset."""

    data: Terms
    weights: Terms
    offset: Column


@dataclass(frozen=True)
class Constant:
    """A constant matrix in every chain, entry by entry [4][4]."""

    entries: tuple[tuple[Column, ...], ...]

    @property
    def transposed(self) -> tuple[tuple[Column, ...], ...]:
        return tuple(zip(*self.entries, strict=True))


Link = ZTurn | Constant | Varied


@dataclass(frozen=True)
class ChainBatch:
    """Chains that turn equally often, their links side by side."""

    links: tuple[Link, ...]
    n_chains: int


def batch_chains(chains: Sequence[Chain], compiled: Compiled) -> list[tuple[list[int], ChainBatch]]:
    """Group chains by the turns they make; each group comes with the positions of its chains."""
    groups: dict[tuple[tuple[int, int] | Varied, ...], list[int]] = {}
    for position, links in enumerate(chains):
        groups.setdefault(_turns(links, compiled), []).append(position)
    return [(members, _side_by_side([chains[i] for i in members], compiled)) for members in groups.values()]


def _turns(links: Chain, compiled: Compiled) -> tuple[tuple[int, int] | Varied, ...]:
    """Count data angles and weights of each turn; noise of a trained strength stands for itself."""
    counts: list[tuple[int, int] | Varied] = []
    for link in links:
        if isinstance(link, Varied):
            counts.append(link)
        elif isinstance(link, Angle):
            n_data = sum(compiled.places[slot] < compiled.circuit.n_inputs for slot, _ in link.terms)
            counts.append((n_data, len(link.terms) - n_data))
    return tuple(counts)


def _side_by_side(chains: list[Chain], compiled: Compiled) -> ChainBatch:
    constants: list[list[Transfer]] = [[np.eye(4)] for _ in chains]
    turns: list[list[Angle | Varied]] = [[] for _ in chains]
    for row, links in enumerate(chains):
        for link in links:
            if isinstance(link, Angle | Varied):
                turns[row].append(link)
                constants[row].append(np.eye(4))
            else:
                constants[row][-1] = link @ constants[row][-1]
    out: list[Link] = []
    for place in range(len(constants[0])):
        matrices = np.stack([row[place] for row in constants])
        if not np.array_equal(matrices, np.broadcast_to(np.eye(4), matrices.shape)):
            out.append(Constant(tuple(tuple(column(matrices[:, row, col]) for col in range(4)) for row in range(4))))
        if place < len(turns[0]):
            same = [row[place] for row in turns]
            angles = [each for each in same if isinstance(each, Angle)]
            out.append(same[0] if isinstance(same[0], Varied) else _turn(angles, compiled))
    return ChainBatch(tuple(out), len(chains))


def _turn(angles: list[Angle], compiled: Compiled) -> ZTurn:
    first = compiled.circuit.n_inputs
    placed = [[(compiled.places[slot], factor) for slot, factor in angle.terms] for angle in angles]
    data = [[(place, factor) for place, factor in terms if place < first] for terms in placed]
    weights = [[(place - first, factor) for place, factor in terms if place >= first] for terms in placed]

    def terms(rows: list[list[tuple[int, float]]]) -> Terms:
        places = zip(*rows, strict=True)
        return tuple((tuple(slot for slot, _ in place), column([factor for _, factor in place])) for place in places)

    return ZTurn(terms(data), terms(weights), column([angle.offset for angle in angles]))


def column(values: Sequence[float] | Transfer) -> Column:
    """Return the numbers of the chains as plain ones."""
    numbers = tuple(float(value) for value in values)
    return numbers[0] if len(set(numbers)) == 1 else numbers


def expanded(values: Column, like: Tensor) -> Tensor | float:
    """Return a column as a number or as a tensor [chains, 1, 1]."""
    if isinstance(values, float):
        return values
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1)


def run_forward(
    batch: ChainBatch, state: Coefficients, inputs: Tensor, weights: Tensor, noise: Sequence[Entries] = ()
) -> Coefficients:
    """Push coefficients through the chains in order of time; `inputs` [n_inputs, batch], `weights` [3 n L].

    `noise` holds the channels of trained strengths.
    """
    for link in batch.links:
        if isinstance(link, ZTurn):
            state = _turned(state, _angle(link, inputs, weights), 1.0)
        elif isinstance(link, Varied):
            state = _multiplied(noise[link.number], state, inputs)
        else:
            state = _multiplied(link.entries, state, inputs)
    return state


def run_backward(
    batch: ChainBatch, row: Coefficients, inputs: Tensor, weights: Tensor, noise: Sequence[Entries] = ()
) -> Coefficients:
    """Pull coefficients of an operator back through the chains, from the last link to the first."""
    for link in reversed(batch.links):
        if isinstance(link, ZTurn):
            row = _turned(row, _angle(link, inputs, weights), -1.0)
        elif isinstance(link, Varied):
            row = _multiplied(tuple(zip(*noise[link.number], strict=True)), row, inputs)
        else:
            row = _multiplied(link.transposed, row, inputs)
    return row


def whole(batch: ChainBatch, inputs: Tensor, weights: Tensor, noise: Sequence[Entries] = ()) -> Tensor:
    """Return the chains as matrices [chains, 4 (before), 4 (after), batch] that pull operators back."""
    identity = torch.eye(4, dtype=inputs.dtype, device=inputs.device).unsqueeze(-1)
    row = run_backward(batch, [identity[pauli].unsqueeze(0) for pauli in range(4)], inputs, weights, noise)
    return stacked(row, (0, 1, 2, 3), batch.n_chains, inputs, columns=4)


def stacked(
    values: Coefficients, paulis: Sequence[int], n_chains: int, inputs: Tensor, columns: int | None = None
) -> Tensor:
    """Return the named coefficients as [chains, paulis, batch], or [chains, paulis, columns, batch]."""
    full = (n_chains, columns or 1, inputs.shape[1])
    parts = []
    for pauli in paulis:
        value = values[pauli]
        if not isinstance(value, Tensor):
            value = inputs.new_full((1, 1, 1), 0.0 if value is None else value)
        parts.append(value.expand(full))
    out = torch.stack(parts, dim=1)
    return out if columns else out.squeeze(2)


def _angle(turn: ZTurn, inputs: Tensor, weights: Tensor) -> Tensor:
    """Return the angles [chains, 1, batch or 1] of a turn."""
    total: Tensor | None = None
    for source, terms in ((inputs, turn.data), (weights.unsqueeze(-1), turn.weights)):
        for slots, factors in terms:
            term = source[torch.tensor(slots, device=source.device)].unsqueeze(1)
            if factors != 1:
                term = term * expanded(factors, inputs)
            total = term if total is None else total + term
    assert total is not None
    return total + expanded(turn.offset, inputs) if turn.offset else total


def _turned(state: Coefficients, angle: Tensor, sign: float) -> Coefficients:
    identity, x, y, z = state
    if x is None and y is None:
        return state
    cos, sin = angle.cos(), angle.sin() if sign > 0 else -angle.sin()
    return [
        identity,
        _plus(_times(cos, x), _times(-sin, y)) if y is not None else _times(cos, x),
        _plus(_times(sin, x), _times(cos, y)),
        z,
    ]


def _multiplied(entries: Sequence[Sequence[Column | Tensor]], state: Coefficients, like: Tensor) -> Coefficients:
    out: Coefficients = []
    for row in entries:
        total: Coefficient = None
        for factor, value in zip(row, state, strict=True):
            # A trained strength may be 0 without its slope being 0.
            if value is not None and (isinstance(factor, Tensor) or factor):
                total = _plus(total, _times(factor if isinstance(factor, Tensor) else expanded(factor, like), value))
        out.append(total)
    return out


def _times(factor: Tensor | float, value: Coefficient) -> Coefficient:
    if value is None:
        return None
    if isinstance(factor, float):
        if factor == 1.0:
            return value
        if factor == -1.0:
            return -value
    return factor * value


def _plus(one: Coefficient, other: Coefficient) -> Coefficient:
    if one is None:
        return other
    return one if other is None else one + other
