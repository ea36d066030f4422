"""Surrogates of the bit planes: the smooth functions whose derivatives stand for those of binary digits.

Notation: u in [0, 1] is the value, T the number of planes, Q = 2^T - 1 the top level, c_k = 2^(T-k) the half period of
plane k in levels (k = 1 is the most significant), l = Q u + 1/2 the place on the axis of levels (the half belongs to
the rounding: level L is what lies between L and L + 1), theta_k = pi l / c_k. Digit k of round(Q u) is 1 exactly where
sin theta_k < 0.

A wave that runs on is wrong at the ends: near u = 0 and u = 1 it falls, as steeply as anywhere, although no digit has
an edge there. With `hold` (the default) l is clamped to [c_k / 2, 2^T - c_k / 2] inside theta_k: the wave waits in its
first trough and on its last crest, where cos theta_k = 0, so that S_k stays continuously differentiable and every
edge that is left is an edge of the digit. `hold=False` is the periodic wave of the paper.

Source: HAS-8, arXiv 2509.24411. The authors' code takes digits of unrounded levels, and so puts the edges half a level
away from where rounding has them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import Choices, is_whole, number_of


@dataclass(frozen=True)
class PlaneSurrogate(ABC):
    """A smooth function S_k(u) for every bit plane k of T, whose slope is the gradient of digit k.

    Values u are of any shape, in [0, 1], float32 or float64. Subclass it to add a surrogate: `smooth`, `slopes` and
    `peak` must agree.
    """

    name: ClassVar[str]
    has_gradient: ClassVar[bool] = True

    @classmethod
    def of_steepness(cls, alpha: float) -> PlaneSurrogate:
        """Build the surrogate, as steep at an edge as `alpha` says where its steepness can be chosen."""
        return cls()

    @abstractmethod
    def smooth(self, unit: Tensor, plane: int, planes: int) -> Tensor:
        """Return S_k(u) for k = `plane` in 1 .. `planes`, with the shape of `unit`."""

    @abstractmethod
    def slopes(self, unit: Tensor, planes: int) -> Iterator[Tensor]:
        """Yield dS_k/du for k = 1 .. `planes`, one after the other, each differentiable in `unit`."""

    @abstractmethod
    def peak(self, plane: int, planes: int) -> float:
        """Return the largest |dS_k/du| that the formula can reach for k = `plane`."""


@dataclass(frozen=True)
class SineWave(PlaneSurrogate):
    """What surrogates S_k(u) = W(theta_k) share, for a wave W that falls at 0, rises at pi, and repeats after 2 pi.

    dS_k/du = (pi Q / c_k) W'(theta_k). Since theta_(k+1) = 2 theta_k, sine and cosine are taken once, for plane 1, and
    doubled for the others: sin 2t = 2 sin t cos t, cos 2t = 1 - 2 sin^2 t. Rounding grows as 2^k with it, just as that
    of theta_k itself does. `hold` keeps the wave still where the digit has no edge left (see the head of this file).
    """

    hold: bool = field(default=True, kw_only=True)

    @abstractmethod
    def wave(self, theta: Tensor) -> Tensor:
        """Return W(theta)."""

    @abstractmethod
    def wave_slope(self, sine: Tensor, cosine: Tensor) -> Tensor:
        """Return W'(theta), given sin theta and cos theta, as a tensor that nothing else reads."""

    @property
    @abstractmethod
    def wave_peak(self) -> float:
        """Return the largest |W'(theta)|, that at theta = 0."""

    def smooth(self, unit: Tensor, plane: int, planes: int) -> Tensor:
        period = 1 << planes
        half_period = 1 << (planes - plane)
        place = unit * (period - 1) + 0.5
        if self.hold:
            place = place.clamp(half_period / 2, period - half_period / 2)
        return self.wave(place * (math.pi / half_period))

    def slopes(self, unit: Tensor, planes: int) -> Iterator[Tensor]:
        middle = 1 << (planes - 1)
        place = unit * (2 * middle - 1) + 0.5
        theta = place * (math.pi / middle)
        sine, cosine = theta.sin(), theta.cos()
        distance = (place.detach() - middle).abs_() if self.hold else None
        for plane in range(1, planes + 1):
            if plane > 1:
                sine, cosine = (sine + sine) * cosine, torch.addcmul(sine.new_ones(()), sine, sine, value=-2)
            half_period = 1 << (planes - plane)
            slope = self.wave_slope(sine, cosine).mul_(math.pi * (2 * middle - 1) / half_period)
            if distance is not None and plane < planes:
                # Much faster than to fill under a mask.
                slope = slope.mul_(torch.le(distance, middle - half_period / 2, out=torch.empty_like(distance)))
            yield slope

    def peak(self, plane: int, planes: int) -> float:
        return math.pi * ((1 << planes) - 1) / (1 << (planes - plane)) * self.wave_peak


@dataclass(frozen=True)
class SteepWave(SineWave):
    """A wave whose steepness at an edge is chosen; ValueError unless `alpha` is a positive finite number."""

    alpha: float = 10.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number_of("alpha", self.alpha))
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ValueError(f"alpha: got {self.alpha}, expected a positive finite number")

    @classmethod
    def of_steepness(cls, alpha: float) -> PlaneSurrogate:
        return cls(alpha)


@dataclass(frozen=True)
class SigmoidSine(SteepWave):
    """S_k = sigmoid(-alpha sin theta_k), dS_k/du = -alpha (pi Q / c_k) cos theta_k sigmoid'(alpha sin theta_k).

    Its peak is alpha pi Q / (4 c_k). Raises `ValueError` unless `alpha` is a positive finite number.
    Source: arXiv 2509.24411.
    """

    name: ClassVar[str] = "sigmoid-sine"

    @property
    def wave_peak(self) -> float:
        return self.alpha / 4

    def wave(self, theta: Tensor) -> Tensor:
        return torch.sigmoid(-self.alpha * theta.sin())

    def wave_slope(self, sine: Tensor, cosine: Tensor) -> Tensor:
        return _sigmoid_slope(self.alpha, sine, cosine)


@dataclass(frozen=True)
class TanhSine(SteepWave):
    """S_k = (1 - tanh(alpha sin theta_k)) / 2, which is `SigmoidSine` with 2 alpha.

    dS_k/du = -(alpha / 2) (pi Q / c_k) cos theta_k (1 - tanh^2(alpha sin theta_k)), with the peak alpha pi Q / (2 c_k).
    Raises `ValueError` unless `alpha` is a positive finite number. Source: arXiv 2509.24411.
    """

    name: ClassVar[str] = "tanh-sine"

    @property
    def wave_peak(self) -> float:
        return self.alpha / 2

    def wave(self, theta: Tensor) -> Tensor:
        return (1 - torch.tanh(self.alpha * theta.sin())) / 2

    def wave_slope(self, sine: Tensor, cosine: Tensor) -> Tensor:
        return _sigmoid_slope(2 * self.alpha, sine, cosine)


@dataclass(frozen=True)
class FourierSine(SineWave):
    """S_k = 1/2 - (2 / pi) sum_(j=1..N) sin((2j - 1) theta_k) / (2j - 1), the square wave's series with N = `terms`.

    dS_k/du = -(2 Q / c_k) sum_(j=1..N) cos((2j - 1) theta_k), with the peak 2 N Q / c_k. The sum is
    cos theta U_(N-1)(cos 2 theta), by the recurrence U_(j+1)(y) = 2 y U_j(y) - U_(j-1)(y) of Chebyshev's polynomials.

    Raises `ValueError` unless `terms` is a whole number of at least 1.
    Source: arXiv 2509.24411. The authors' code keeps the constant 1/2 in the derivative.
    """

    terms: int = 5
    name: ClassVar[str] = "fourier-sine"

    def __post_init__(self) -> None:
        if not is_whole(self.terms) or self.terms < 1:
            raise ValueError(f"terms: got {self.terms!r}, expected a whole number of at least 1")

    @property
    def wave_peak(self) -> float:
        return 2 * self.terms / math.pi

    def wave(self, theta: Tensor) -> Tensor:
        odd = range(1, 2 * self.terms, 2)
        series = torch.stack([torch.sin(n * theta) / n for n in odd]).sum(0)
        return 0.5 - 2 / math.pi * series

    def wave_slope(self, sine: Tensor, cosine: Tensor) -> Tensor:
        twice = torch.addcmul(sine.new_full((), 2.0), sine, sine, value=-4)  # 2 cos 2 theta
        before, latest = torch.zeros_like(cosine), cosine
        for _ in range(self.terms - 1):
            before, latest = latest, (twice * latest).sub_(before)
        return latest * (-2 / math.pi)


@dataclass(frozen=True)
class StraightThrough(PlaneSurrogate):
    """S_k = u for every plane, slope 1: decoding by weight then hands the identity's gradient through.

    Source: Bengio, Leonard and Courville, arXiv 1308.3432.
    """

    name: ClassVar[str] = "straight-through"

    def smooth(self, unit: Tensor, plane: int, planes: int) -> Tensor:
        return unit

    def slopes(self, unit: Tensor, planes: int) -> Iterator[Tensor]:
        one = unit.new_ones(())
        return (one for _ in range(planes))

    def peak(self, plane: int, planes: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Detached(PlaneSurrogate):
    """No gradient at all: digits are constants, and what precedes an encoder learns by other paths only.

    Encoders with it return spikes that need no gradient; `smooth` is 1/2 everywhere.
    """

    name: ClassVar[str] = "detached"
    has_gradient: ClassVar[bool] = False

    def smooth(self, unit: Tensor, plane: int, planes: int) -> Tensor:
        return torch.full_like(unit, 0.5)

    def slopes(self, unit: Tensor, planes: int) -> Iterator[Tensor]:
        zero = unit.new_zeros(())
        return (zero for _ in range(planes))

    def peak(self, plane: int, planes: int) -> float:
        return 0.0


PLANE_SURROGATES: Choices[type[PlaneSurrogate]] = Choices(
    "surrogate", {kind.name: kind for kind in (SigmoidSine, TanhSine, FourierSine, StraightThrough, Detached)}
)
PLAIN_SURROGATES = (StraightThrough.name, Detached.name)
"""Names of those that do not speak of binary digits: codes of other kinds take only these."""


def make_plane_surrogate(surrogate: str | PlaneSurrogate) -> PlaneSurrogate:
    """Return the surrogate called by a name of `PLANE_SURROGATES`, with its defaults; an instance passes through.

    Raises `ValueError` when the name is unknown.
    """
    if isinstance(surrogate, PlaneSurrogate):
        return surrogate
    return PLANE_SURROGATES.pick(surrogate)()


def make_plain_surrogate(surrogate: str | PlaneSurrogate) -> PlaneSurrogate:
    """Return `StraightThrough` or `Detached`; raises `ValueError` on any other surrogate or name."""
    name = surrogate.name if isinstance(surrogate, PlaneSurrogate) else surrogate
    if name not in PLAIN_SURROGATES:
        raise ValueError(f"surrogate: got {surrogate!r}, expected one of {', '.join(PLAIN_SURROGATES)}")
    return make_plane_surrogate(surrogate)


def _sigmoid_slope(alpha: float, sine: Tensor, cosine: Tensor) -> Tensor:
    """Return -alpha cos theta sigmoid'(alpha sin theta), where sigmoid' = p - p^2."""
    p = (alpha * sine).sigmoid_()
    return torch.addcmul(p, p, p, value=-1).mul_(cosine).mul_(-alpha)
