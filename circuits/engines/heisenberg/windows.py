"""Which wires and which Paulis each observable meets on its way back to the start, worked out once per circuit.

The observable is pulled back through adjoint channels. These are unital, so a wire outside its support stays outside
until a channel really carries something over. For each wire in the support the Paulis that can appear are tracked, and
each two-qubit channel is kept only as the block that maps the Paulis behind it to the Paulis before it. So a CZ on the
edge of the cone, which meets nothing but I and Z, cancels, while the noise of that gate still scales the Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from circuits.engines.heisenberg.timeline import Timeline, reach
from circuits.engines.heisenberg.transfer import Transfer

Paulis = tuple[int, ...]


@dataclass
class PairStep:
    """Coefficients [P_a, P_b, ...] -> [Q_a, Q_b, ...] by a block [Q_a, Q_b, P_a, P_b]; `grows` where b is new."""

    a: int
    b: int
    grows: bool
    block: Transfer


@dataclass
class ChainStep:
    """A middle chain on an axis: coefficients over `behind` become coefficients over `before`."""

    axis: int
    chain: int
    behind: Paulis
    before: Paulis


@dataclass
class FactorStep:
    """A constant block [Q, P] on one axis."""

    axis: int
    block: Transfer


@dataclass
class MeetStep:
    """The axis has met everything but its wire's first chain: contract it with the wire's Bloch vector."""

    axis: int
    wire: int
    paulis: Paulis


Step = PairStep | ChainStep | FactorStep | MeetStep


@dataclass
class Window:
    """What happens to the observable on `observed` wires, from the last instruction to the first."""

    observed: tuple[int, ...]
    start: tuple[Paulis, ...]
    steps: list[Step] = field(default_factory=list)
    largest: int = 1

    @property
    def signature(self) -> tuple[object, ...]:
        """What two windows must share to be evaluated together: everything but wires and constants."""
        rows: list[tuple[object, ...]] = [("start", *self.start)]
        for step in self.steps:
            if isinstance(step, PairStep):
                rows.append(("pair", step.a, step.b, step.grows, step.block.shape))
            elif isinstance(step, ChainStep):
                rows.append(("chain", step.axis, step.behind, step.before))
            elif isinstance(step, FactorStep):
                rows.append(("factor", step.axis, step.block.shape))
            else:
                rows.append(("meet", step.axis, step.paulis))
        return tuple(rows)


def pull_back(timeline: Timeline, observed: tuple[int, ...], starts: tuple[Paulis, ...]) -> Window:
    """Return the steps of the observable on `observed`, whose Paulis behind each wire's last chain are `starts`."""
    axes = {wire: axis for axis, wire in enumerate(observed)}
    paulis = [reach(timeline.last[wire], start) for wire, start in zip(observed, starts, strict=True)]
    window = Window(observed, tuple(paulis))
    window.largest = math.prod(map(len, paulis))
    for pair in reversed(timeline.pairs):
        inside = [wire in axes for wire in pair.wires]
        if not any(inside):
            continue
        # Name the wires so that the first one is inside the support.
        order = (0, 1) if inside[0] else (1, 0)
        a, b = pair.wires[order[0]], pair.wires[order[1]]
        transfer = pair.transfer if order == (0, 1) else pair.transfer.transpose(1, 0, 3, 2)
        behind_a = paulis[axes[a]]
        behind_b = paulis[axes[b]] if b in axes else (0,)
        block = transfer[np.ix_(behind_a, behind_b)]
        before_a, before_b = _appearing(block, (0, 1, 3)), _appearing(block, (0, 1, 2))
        block = block[:, :, before_a][:, :, :, before_b].transpose(2, 3, 0, 1)
        if b not in axes and before_b == (0,):
            _absorb(window, axes[a], block[:, 0, :, 0])
        else:
            grows = b not in axes
            if grows:
                axes[b] = len(paulis)
                paulis.append(before_b)
            window.steps.append(PairStep(axes[a], axes[b], grows, block))
            paulis[axes[b]] = before_b
        paulis[axes[a]] = before_a
        for wire, middle in zip(pair.wires, pair.before, strict=True):
            if middle is None or wire not in axes or paulis[axes[wire]] == (0,):
                continue
            behind = paulis[axes[wire]]
            paulis[axes[wire]] = reach(timeline.middle[middle], behind)
            window.steps.append(ChainStep(axes[wire], middle, behind, paulis[axes[wire]]))
    _meet(window, axes, paulis)
    return window


def _appearing(block: Transfer, axes: tuple[int, ...]) -> Paulis:
    return tuple(np.flatnonzero(np.any(block != 0, axis=axes)).tolist()) or (0,)


def _absorb(window: Window, axis: int, block: Transfer) -> None:
    """Apply a constant block [Q, P] on one axis, within the last step on it where that is constant too."""
    if block.shape[0] == block.shape[1] and np.array_equal(block, np.eye(len(block))):
        return
    for step in reversed(window.steps):
        if isinstance(step, PairStep) and axis in (step.a, step.b):
            where = 0 if axis == step.a else 1
            step.block = np.moveaxis(np.tensordot(block, step.block, axes=(1, where)), 0, where)
            return
        if isinstance(step, FactorStep) and step.axis == axis:
            step.block = block @ step.block
            return
        if isinstance(step, ChainStep) and step.axis == axis:
            break
    window.steps.append(FactorStep(axis, block))


def _meet(window: Window, axes: dict[int, int], paulis: list[Paulis]) -> None:
    """Contract every axis as soon as nothing touches it any more, and note the most coefficients held at once."""
    wires = {axis: wire for wire, axis in axes.items()}
    touched = dict.fromkeys(wires, -1)
    for index, step in enumerate(window.steps):
        for axis in (step.a, step.b) if isinstance(step, PairStep) else (step.axis,):
            touched[axis] = index
    sizes = {axis: len(paulis) for axis, paulis in enumerate(window.start)}
    steps: list[Step] = []

    def contract(index: int) -> None:
        for axis in sorted(axis for axis, last in touched.items() if last == index and axis in sizes):
            steps.append(MeetStep(axis, wires[axis], paulis[axis]))
            del sizes[axis]

    contract(-1)
    for index, step in enumerate(window.steps):
        if isinstance(step, PairStep):
            sizes[step.a], sizes[step.b] = step.block.shape[:2]
        elif isinstance(step, ChainStep):
            sizes[step.axis] = len(step.before)
        elif isinstance(step, FactorStep):
            sizes[step.axis] = step.block.shape[0]
        steps.append(step)
        window.largest = max(window.largest, math.prod(sizes.values()))
        contract(index)
    window.steps = steps
