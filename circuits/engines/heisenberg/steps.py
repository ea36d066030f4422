"""The steps that pull an observable back, taken by cones of one shape side by side."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits.cone import Paulis
from circuits.transfer import Transfer


class Coefficients(NamedTuple):
    """The observables' Pauli coefficients [cones, axes ..., batch]; `order` says which axis stands where."""

    values: Tensor
    order: tuple[int, ...] = ()

    def changed(
        self, axes: tuple[int, ...], change: Callable[[Tensor], Tensor], becomes: tuple[int, ...], sizes: Sequence[int]
    ) -> Coefficients:
        """Bring `axes` to the front as one, [cones, axes, rest, batch], change it and take it apart as `becomes`."""
        front = range(1, 1 + len(axes))
        moved = self.values.movedim([1 + self.order.index(axis) for axis in axes], list(front))
        rest = moved.shape[1 + len(axes) :]
        flat = moved.reshape(len(moved), math.prod(moved.shape[1 : 1 + len(axes)]), math.prod(rest[:-1]), rest[-1])
        values = change(flat).reshape(len(moved), *sizes, *rest)
        return Coefficients(values, (*becomes, *(axis for axis in self.order if axis not in axes)))


@dataclass(frozen=True, eq=False)
class Step(ABC):
    """A step on some `axes` of the coefficients; `each` holds what differs from cone to cone."""

    axes: tuple[int, ...]
    each: NDArray[np.floating] | tuple[int, ...]

    @property
    def signature(self) -> Hashable:
        """What steps must share to be taken side by side: all but the entries of `each`."""
        shared = tuple(value for name, value in vars(self).items() if name != "each")
        return type(self), np.shape(self.each)[1:], shared

    @abstractmethod
    def beside(self, others: Sequence[Self]) -> Self:
        """Return this step and others of its signature as one."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """Coefficients on each axis after the step; none where the axes are gone."""

    @abstractmethod
    def apply(self, coefficients: Coefficients, kets: Tensor, middle: Tensor | None) -> Coefficients:
        """Take the step; kets [wires, 4, batch] and middle [chains, 4 (before), 4 (after), batch] are all there are."""


@dataclass(frozen=True, eq=False)
class ChannelStep(Step):
    """A channel on one axis or two as blocks [cones, Q per axis, P per axis]: coefficients over P become those over Q.

    Where it `grows` the cone, its second axis is new and has held the identity until then.
    """

    each: NDArray[np.floating]
    grows: bool

    def beside(self, others: Sequence[Self]) -> Self:
        return replace(self, each=np.concatenate([self.each, *(step.each for step in others)]))

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.each.shape[1 : 1 + len(self.axes)]

    def after(self, axis: int, block: Transfer) -> ChannelStep:
        """Return this step of one cone with a constant block [Q, P] on one of its axes after it."""
        place = self.axes.index(axis)
        return replace(self, each=np.moveaxis(np.tensordot(block, self.each[0], axes=(1, place)), 0, place)[None])

    def apply(self, coefficients: Coefficients, kets: Tensor, middle: Tensor | None) -> Coefficients:
        blocks = torch.as_tensor(self.each, dtype=coefficients.values.dtype, device=coefficients.values.device)
        matrices = blocks.reshape(len(blocks), math.prod(self.sizes), -1)
        used = self.axes[:1] if self.grows else self.axes
        return coefficients.changed(used, lambda flat: torch.bmm(matrices, flat.flatten(2)), self.axes, self.sizes)


@dataclass(frozen=True, eq=False)
class PlaceStep(Step):
    """A step with the number of a wire or a chain for each cone."""

    each: tuple[int, ...]

    def beside(self, others: Sequence[Self]) -> Self:
        return replace(self, each=self.each + tuple(place for step in others for place in step.each))


@dataclass(frozen=True, eq=False)
class ChainStep(PlaceStep):
    """A middle chain, numbered in `each`, on one axis: coefficients over `after` become coefficients over `before`."""

    after: Paulis
    before: Paulis

    @property
    def sizes(self) -> tuple[int, ...]:
        return (len(self.before),)

    def apply(self, coefficients: Coefficients, kets: Tensor, middle: Tensor | None) -> Coefficients:
        if middle is None:
            raise RuntimeError("a cone meets a middle chain, but the circuit has none")
        matrices = rows_at(middle, self.each)[:, list(self.before)][:, :, list(self.after)]

        def through(flat: Tensor) -> Tensor:
            total = matrices[:, :, 0].unsqueeze(2) * flat[:, 0].unsqueeze(1)
            for pauli in range(1, flat.shape[1]):
                total = torch.addcmul(total, matrices[:, :, pauli].unsqueeze(2), flat[:, pauli].unsqueeze(1))
            return total

        return coefficients.changed(self.axes, through, self.axes, self.sizes)


@dataclass(frozen=True, eq=False)
class KetStep(PlaceStep):
    """Contract an axis with its wire's Bloch vector, once no later step uses it; `each` holds the wires."""

    paulis: Paulis

    @property
    def sizes(self) -> tuple[int, ...]:
        return ()

    def apply(self, coefficients: Coefficients, kets: Tensor, middle: Tensor | None) -> Coefficients:
        bloch = rows_at(kets, self.each)[:, list(self.paulis)].unsqueeze(2)
        return coefficients.changed(self.axes, lambda flat: (flat * bloch).sum(1), (), ())


def rows_at(values: Tensor, places: tuple[int, ...]) -> Tensor:
    """Return the rows at these places, without a copy where they are all rows in order."""
    if places == tuple(range(len(values))):
        return values
    return values[torch.tensor(places, device=values.device)]
