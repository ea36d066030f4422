"""Windows of the same steps evaluated side by side: a tensor of Pauli coefficients [windows, axes..., batch]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from circuits.engines.heisenberg.transfer import Transfer
from circuits.engines.heisenberg.windows import ChainStep, FactorStep, MeetStep, PairStep, Paulis, Step, Window


@dataclass(frozen=True)
class PairSteps:
    """`PairStep` in every window: blocks [windows, Q_a, Q_b, P_a, P_b]."""

    a: int
    b: int
    grows: bool
    blocks: Transfer


@dataclass(frozen=True)
class FactorSteps:
    """`FactorStep` in every window: blocks [windows, Q, P]."""

    axis: int
    blocks: Transfer


@dataclass(frozen=True)
class ChainSteps:
    """`ChainStep` in every window; `chains` are their positions among the middle chains."""

    axis: int
    chains: tuple[int, ...]
    behind: Paulis
    before: Paulis


@dataclass(frozen=True)
class MeetSteps:
    """`MeetStep` in every window, on these wires."""

    axis: int
    wires: tuple[int, ...]
    paulis: Paulis


Steps = PairSteps | FactorSteps | ChainSteps | MeetSteps


@dataclass(frozen=True)
class Group:
    """Windows of the same steps: `members` are their positions in the output, `observed` [axes][windows] the wires."""

    members: list[int]
    observed: tuple[tuple[int, ...], ...]
    start: tuple[Paulis, ...]
    steps: tuple[Steps, ...]


def group_windows(windows: Sequence[Window]) -> list[Group]:
    """Put windows that do the same on different wires side by side."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for position, window in enumerate(windows):
        alike.setdefault(window.signature, []).append(position)
    groups = []
    for members in alike.values():
        chosen = [windows[i] for i in members]
        steps = tuple(_side_by_side(list(step)) for step in zip(*(window.steps for window in chosen), strict=True))
        observed = tuple(zip(*(window.observed for window in chosen), strict=True))
        groups.append(Group(members, observed, chosen[0].start, steps))
    return groups


def _side_by_side(steps: list[Step]) -> Steps:
    match steps[0]:
        case PairStep(a, b, grows, _):
            return PairSteps(a, b, grows, np.stack([s.block for s in steps if isinstance(s, PairStep)]))
        case FactorStep(axis, _):
            return FactorSteps(axis, np.stack([s.block for s in steps if isinstance(s, FactorStep)]))
        case ChainStep(axis, _, behind, before):
            return ChainSteps(axis, tuple(s.chain for s in steps if isinstance(s, ChainStep)), behind, before)
        case MeetStep(axis, _, paulis):
            return MeetSteps(axis, tuple(s.wire for s in steps if isinstance(s, MeetStep)), paulis)


def evaluate(group: Group, rows: Tensor, kets: Tensor, middle: Tensor | None) -> Tensor:
    """Return <P> [windows, batch]; rows and kets are [wires, 4, batch], middle [chains, 4 (before), 4 (behind), batch].

    The axes of the tensor come and go; `order` says which stand where, the window first and the batch last.
    """
    order: list[int] = []
    held = rows.new_ones(())
    for axis, (wires, paulis) in enumerate(zip(group.observed, group.start, strict=True)):
        row = _picked(rows, wires)[:, list(paulis)]
        held = row if not order else held.unsqueeze(2) * row.unsqueeze(1)
        order.append(axis)
    for step in group.steps:
        if isinstance(step, PairSteps):
            used = [step.a] if step.grows else [step.a, step.b]
            flat, rest = _in_front(held, order, used)
            blocks = torch.as_tensor(step.blocks, dtype=held.dtype, device=held.device)
            n_windows, out_a, out_b = blocks.shape[:3]
            new = torch.bmm(blocks.reshape(n_windows, out_a * out_b, -1), flat.flatten(2))
            held, order = new.reshape(n_windows, out_a, out_b, *rest), [step.a, step.b, *_without(order, used)]
        elif isinstance(step, FactorSteps):
            flat, rest = _in_front(held, order, [step.axis])
            blocks = torch.as_tensor(step.blocks, dtype=held.dtype, device=held.device)
            held = torch.bmm(blocks, flat.flatten(2)).reshape(*blocks.shape[:2], *rest)
            order = [step.axis, *_without(order, [step.axis])]
        elif isinstance(step, ChainSteps):
            if middle is None:
                raise RuntimeError("a window meets a middle chain, but the circuit has none")
            flat, rest = _in_front(held, order, [step.axis])
            matrices = _picked(middle, step.chains)[:, list(step.before)][:, :, list(step.behind)]
            held = _through(matrices, flat).reshape(flat.shape[0], len(step.before), *rest)
            order = [step.axis, *_without(order, [step.axis])]
        else:
            flat, rest = _in_front(held, order, [step.axis])
            bloch = _picked(kets, step.wires)[:, list(step.paulis)]
            held = (flat * bloch.unsqueeze(2)).sum(1).reshape(flat.shape[0], *rest)
            order = _without(order, [step.axis])
    return held


def _in_front(held: Tensor, order: list[int], axes: list[int]) -> tuple[Tensor, tuple[int, ...]]:
    """Return the tensor as [windows, used, rest, batch] and the shape of its remaining axes, batch included."""
    places = [1 + order.index(axis) for axis in axes]
    moved = held.movedim(places, list(range(1, 1 + len(axes))))
    rest = tuple(moved.shape[1 + len(axes) :])
    used, others = math.prod(moved.shape[1 : 1 + len(axes)]), math.prod(rest[:-1])
    return moved.reshape(moved.shape[0], used, others, moved.shape[-1]), rest


def _without(order: list[int], axes: list[int]) -> list[int]:
    return [axis for axis in order if axis not in axes]


def _through(matrices: Tensor, flat: Tensor) -> Tensor:
    """Apply matrices [windows, Q, P, batch] to coefficients [windows, P, rest, batch]."""
    total = matrices[:, :, 0].unsqueeze(2) * flat[:, 0].unsqueeze(1)
    for pauli in range(1, flat.shape[1]):
        total = torch.addcmul(total, matrices[:, :, pauli].unsqueeze(2), flat[:, pauli].unsqueeze(1))
    return total


def _picked(values: Tensor, places: Sequence[int]) -> Tensor:
    """Return the rows at these places, without a copy where they are all rows in order."""
    if len(places) == len(values) and all(place == index for index, place in enumerate(places)):
        return values
    return values[torch.tensor(places, device=values.device)]
