"""The cone of each observable: the wires and Paulis it meets on its way back to the start, worked out once per circuit.

The observable is pulled back through adjoint channels. These are unital, so a wire outside the cone stays outside until
a channel really carries something over. For each wire in the cone the Paulis that can appear are tracked, and each
two-qubit channel is kept only as the block that maps the Paulis after it to the Paulis before it. So a CZ on the edge
of the cone, which meets nothing but I and Z, cancels, while the noise of that gate still scales the Z.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from circuits.cone import Paulis, before
from circuits.engines.heisenberg.steps import ChainStep, ChannelStep, Coefficients, KetStep, Step, rows_at
from circuits.engines.heisenberg.timeline import Timeline, before_chain
from circuits.transfer import Transfer


@dataclass(frozen=True)
class Cone:
    """The steps of the observable on `observed` wires, from the last instruction to the first.

    `start` are its Paulis before each wire's last chain, `largest` the most coefficients held at once, `wires` all that
    it meets.
    """

    observed: tuple[int, ...]
    start: tuple[Paulis, ...]
    steps: tuple[Step, ...]
    largest: int
    wires: tuple[int, ...]


class ConeBatch(NamedTuple):
    """Cones of the same steps: their positions in the output, and the wires observed, [axes][cones]."""

    members: list[int]
    observed: tuple[tuple[int, ...], ...]
    start: tuple[Paulis, ...]
    steps: tuple[Step, ...]


def find_cone(timeline: Timeline, observed: tuple[int, ...], starts: tuple[Paulis, ...]) -> Cone:
    """Return the cone of the observable on `observed`, whose Paulis after each wire's last chain are `starts`."""
    axes = {wire: axis for axis, wire in enumerate(observed)}
    start = tuple(before_chain(timeline.last[wire], paulis) for wire, paulis in zip(observed, starts, strict=True))
    paulis = list(start)
    steps: list[Step] = []
    for pair in reversed(timeline.pairs):
        inside = [wire in axes for wire in pair.wires]
        if not any(inside):
            continue
        # Name the wires so that the first one is inside the cone.
        order = (0, 1) if inside[0] else (1, 0)
        a, b = pair.wires[order[0]], pair.wires[order[1]]
        transfer = pair.transfer if order == (0, 1) else pair.transfer.transpose(1, 0, 3, 2)
        after = paulis[axes[a]], (paulis[axes[b]] if b in axes else (0,))
        earlier = before(transfer, after)
        block = transfer[np.ix_(*after, *earlier)].transpose(2, 3, 0, 1)
        if b not in axes and earlier[1] == (0,):
            _absorb(steps, axes[a], block[:, 0, :, 0])
        else:
            grows = b not in axes
            if grows:
                axes[b] = len(paulis)
                paulis.append(earlier[1])
            steps.append(ChannelStep((axes[a], axes[b]), block[None], grows))
            paulis[axes[b]] = earlier[1]
        paulis[axes[a]] = earlier[0]
        for wire, middle in zip(pair.wires, pair.before, strict=True):
            if middle is None or wire not in axes or paulis[axes[wire]] == (0,):
                continue
            later = paulis[axes[wire]]
            paulis[axes[wire]] = before_chain(timeline.middle[middle], later)
            steps.append(ChainStep((axes[wire],), (middle,), later, paulis[axes[wire]]))
    ends = [KetStep((axis,), (wire,), paulis[axis]) for wire, axis in axes.items()]
    return Cone(observed, start, *_contracted(steps, ends, start), tuple(sorted(axes)))


def _absorb(steps: list[Step], axis: int, block: Transfer) -> None:
    """Apply a constant block [Q, P] on one axis, within the last step on it where that is constant too."""
    if np.array_equal(block, np.eye(*block.shape)):
        return
    place = next((k for k in reversed(range(len(steps))) if axis in steps[k].axes), None)
    last = None if place is None else steps[place]
    if place is not None and isinstance(last, ChannelStep):
        steps[place] = last.after(axis, block)
    else:
        steps.append(ChannelStep((axis,), block[None], grows=False))


def _contracted(steps: list[Step], ends: list[KetStep], start: tuple[Paulis, ...]) -> tuple[tuple[Step, ...], int]:
    """Contract every axis as soon as nothing uses it any more, and count the most coefficients held at once."""
    last_use = {axis: index for index, step in enumerate(steps) for axis in step.axes}
    due: dict[int, list[KetStep]] = {}
    for end in sorted(ends, key=lambda end: end.axes):
        due.setdefault(last_use.get(end.axes[0], -1), []).append(end)
    sizes = {axis: len(paulis) for axis, paulis in enumerate(start)}
    largest = math.prod(sizes.values())
    out: list[Step] = []
    for index in range(-1, len(steps)):
        if index >= 0:
            out.append(steps[index])
            sizes.update(zip(out[-1].axes, out[-1].sizes, strict=True))
            largest = max(largest, math.prod(sizes.values()))
        for end in due.get(index, []):
            out.append(end)
            del sizes[end.axes[0]]
    return tuple(out), largest


def batch_cones(cones: Sequence[Cone]) -> list[ConeBatch]:
    """Put cones that take the same steps on different wires side by side."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for position, cone in enumerate(cones):
        alike.setdefault((cone.start, *(step.signature for step in cone.steps)), []).append(position)
    batches = []
    for members in alike.values():
        first, *others = (cones[k] for k in members)
        steps = [step.beside(beside) for step, *beside in zip(first.steps, *(c.steps for c in others), strict=True)]
        observed = tuple(zip(*(cones[k].observed for k in members), strict=True))
        batches.append(ConeBatch(members, observed, first.start, tuple(steps)))
    return batches


def evaluate(batch: ConeBatch, rows: Tensor, kets: Tensor, middle: Tensor | None) -> Tensor:
    """Return <P> [cones, batch]; rows and kets are [wires, 4, batch], middle [chains, 4 (before), 4 (after), batch]."""
    values, *others = (
        rows_at(rows, wires)[:, list(paulis)] for wires, paulis in zip(batch.observed, batch.start, strict=True)
    )
    for other in others:
        values = values.unsqueeze(2) * other.unsqueeze(1)
    coefficients = Coefficients(values, tuple(range(len(batch.observed))))
    for step in batch.steps:
        coefficients = step.apply(coefficients, kets, middle)
    return coefficients.values
