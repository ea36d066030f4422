"""Sizes that know whether they are the number of images, so that a traced network takes batches of any size."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction

from torch import Tensor, fx


class TraceRefusedError(Exception):
    """What a forward pass does that no graph can repeat; the text says what and how to mend it."""


FEW = range(1, 9)
"""Numbers of images that are tried where code makes a plain number or a text of theirs, which can go anywhere."""


class BatchSize(int):
    """A whole number that is `share` times the number of images, in calls of a forward pass that is being traced.

    Products, quotients, sums and differences that stay such a multiple are followed; everything else raises
    TraceRefusedError. Asked whether it is some number, it says no and notes the number in `asked`: what the network
    does with so many images has to be tried. As a plain number or a text it is what it is, and `FEW` are noted.
    """

    share: Fraction
    asked: list[int]

    def __new__(cls, value: int, share: Fraction, asked: list[int]) -> BatchSize:
        made = super().__new__(cls, value)
        made.share, made.asked = share, asked
        return made

    def of(self, batch: int) -> int:
        """Return the number for another batch."""
        return int(self.share * batch)

    @property
    def number(self) -> int:
        """The number as it is, without a note."""
        return int.__int__(self)

    def __int__(self) -> int:
        self.asked.extend(FEW)
        return self.number

    def __repr__(self) -> str:
        return repr(int(self))

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)

    def _scaled(self, factor: Fraction) -> BatchSize:
        return BatchSize(int(self.number * factor), self.share * factor, self.asked)

    def __mul__(self, other: object) -> int:
        if isinstance(other, int) and not isinstance(other, BatchSize):
            return self._scaled(Fraction(int(other))) if other else 0
        raise _refused("multiplies")

    __rmul__ = __mul__

    def __floordiv__(self, other: object) -> int:
        return self._ratio(other)

    def __truediv__(self, other: object) -> float:
        if isinstance(other, BatchSize):
            return float(self.share / other.share)
        raise _refused("divides")

    def _ratio(self, other: object) -> int:
        if isinstance(other, BatchSize) and (self.share / other.share).denominator == 1:
            return int(self.share / other.share)
        plain = isinstance(other, int) and not isinstance(other, BatchSize) and other > 0
        if plain and (self.share / int(other)).denominator == 1:  # type: ignore[call-overload]
            return self._scaled(Fraction(1, int(other)))  # type: ignore[call-overload]
        raise _refused("divides")

    def __mod__(self, other: object) -> int:
        of = other.share if isinstance(other, BatchSize) else other
        if isinstance(of, int | Fraction) and of > 0 and (self.share / of).denominator == 1:
            return 0
        raise _refused("divides")

    def _added(self, other: object, sign: int) -> int:
        if isinstance(other, BatchSize):
            share = self.share + sign * other.share
            return BatchSize(self.number + sign * other.number, share, self.asked) if share else 0
        if isinstance(other, int) and other == 0:
            return self
        raise _refused("adds to")

    def __add__(self, other: object) -> int:
        return self._added(other, 1)

    __radd__ = __add__

    def __sub__(self, other: object) -> int:
        return self._added(other, -1)

    def _never(self, *_: object) -> int:
        raise _refused("computes with")

    __rfloordiv__ = __rtruediv__ = __rmod__ = __rsub__ = __pow__ = __rpow__ = __float__ = _never  # type: ignore[assignment]
    __divmod__ = __rdivmod__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _never  # type: ignore[assignment]
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _never  # type: ignore[assignment]
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = __trunc__ = __floor__ = __ceil__ = _never  # type: ignore[assignment]

    def _note(self, other: object) -> None:
        if isinstance(other, int) and other > 0:
            near = int(Fraction(int(other)) / self.share)
            self.asked += [size for size in (near - 1, near, near + 1) if size > 0]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, BatchSize):
            # One of another pass, kept in a cache, is no size of this one.
            return self.share == other.share and self.asked is other.asked
        self._note(other)
        return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.number)

    def _compared(self, other: object, less: bool) -> bool:
        if isinstance(other, BatchSize):
            return (self.share < other.share) is less
        self._note(other)
        return (self.number < int(other)) is less if isinstance(other, int) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._compared(other, True)

    def __le__(self, other: object) -> bool:
        return self == other or self._compared(other, True)

    def __gt__(self, other: object) -> bool:
        return not self <= other

    def __ge__(self, other: object) -> bool:
        return not self < other


class ImageSize(int):
    """A size of an image, in calls of a forward pass that is being traced: `node` computes it.

    Sums, differences, products and whole quotients are computed by nodes, too. Whatever else is made of it is a plain
    number, right for images of this size.
    """

    node: fx.Node

    def __new__(cls, value: int, node: fx.Node) -> ImageSize:
        made = super().__new__(cls, value)
        made.node = node
        return made

    def _made(self, call: Callable[..., int], *items: object) -> int:
        if not all(isinstance(item, int) and not isinstance(item, bool | BatchSize) for item in items):
            return NotImplemented
        graph = self.node.graph
        if any(isinstance(item, ImageSize) and item.node.graph is not graph for item in items):
            return call(*(int(item) for item in items))  # type: ignore[call-overload]
        written = tuple(item.node if isinstance(item, ImageSize) else int(item) for item in items)  # type: ignore[call-overload]
        value = call(*(int(item) for item in items))  # type: ignore[call-overload]
        return ImageSize(value, graph.call_function(call, written))

    def __add__(self, other: object) -> int:
        return self._made(operator.add, self, other)

    def __radd__(self, other: object) -> int:
        return self._made(operator.add, other, self)

    def __sub__(self, other: object) -> int:
        return self._made(operator.sub, self, other)

    def __rsub__(self, other: object) -> int:
        return self._made(operator.sub, other, self)

    def __mul__(self, other: object) -> int:
        return self._made(operator.mul, self, other)

    def __rmul__(self, other: object) -> int:
        return self._made(operator.mul, other, self)

    def __floordiv__(self, other: object) -> int:
        return self._made(operator.floordiv, self, other)

    def __rfloordiv__(self, other: object) -> int:
        return self._made(operator.floordiv, other, self)

    def __mod__(self, other: object) -> int:
        return self._made(operator.mod, self, other)

    def __rmod__(self, other: object) -> int:
        return self._made(operator.mod, other, self)

    def __neg__(self) -> int:
        return self._made(operator.neg, self)


def size_of(operand: Tensor, place: int) -> int:
    """Return a size of a tensor."""
    return operand.shape[place]


def batch_of(operand: Tensor, numerator: int, denominator: int) -> int:
    """Return a multiple of the first size of a tensor: of its images, or of all their time steps."""
    return operand.shape[0] * numerator // denominator


def _refused(what: str) -> TraceRefusedError:
    return TraceRefusedError(
        f"{what} the number of images (x.shape[0]); keep that number out of forward but for view, reshape and expand"
    )
