"""Surrogate gradients: a hard spike forward, the slope of a smooth function backward.

Names, slopes and gradients are snnTorch's (`snntorch.surrogate`), read from its code where its
documentation differs. The arithmetic is written here because snnTorch returns float32 spikes whatever
comes in, which rounds a float64 gradient, and its sigmoid gradient is NaN far below the threshold.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from sqnn.core import Choices, number_of


@dataclass(frozen=True)
class Surrogate(ABC):
    """A spike function S(u) = 1 if u > 0 else 0, whose gradient is that of a smooth function.

    u is the membrane minus the threshold, of any shape. A spike needs u strictly above 0, as in snnTorch;
    a membrane that just touches the threshold stays silent. Subclass it to add a surrogate: `smooth` and
    `slope_at` must agree.

    Raises `ValueError` when `slope` is not a positive finite number.
    """

    slope: float
    name: ClassVar[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", number_of("slope", self.slope))
        if not (math.isfinite(self.slope) and self.slope > 0):
            raise ValueError(f"slope: got {self.slope}, expected a positive finite number")

    def fire(self, u: Tensor) -> Tensor:
        """Spikes in {0, 1} with the shape and dtype of `u`; backward multiplies by `slope_at(u)`."""
        return _Fire.apply(u, self)

    @abstractmethod
    def smooth(self, u: Tensor) -> Tensor:
        """The smooth function whose derivative is the gradient, 1/2 at u = 0."""

    @abstractmethod
    def slope_at(self, u: Tensor) -> Tensor:
        """The derivative of `smooth`, itself differentiable."""

    def snntorch(self) -> Callable[[Tensor], Tensor]:
        """The spike function of snnTorch with this name and slope."""
        from snntorch import surrogate  # snnTorch is slow to import and only needed here.

        factory: Callable[..., Callable[[Tensor], Tensor]] = vars(surrogate)[self.name]
        return factory(self.slope)


@dataclass(frozen=True)
class ATan(Surrogate):
    """smooth(u) = arctan(pi a u / 2) / pi + 1/2, derivative (a / 2) / (1 + (pi a u / 2)^2), a = `slope`.

    Source: Fang et al., ICCV 2021. snnTorch documents a peak of 1/pi; its code has a/2, as here.
    """

    slope: float = 2.0
    name: ClassVar[str] = "atan"

    def smooth(self, u: Tensor) -> Tensor:
        return torch.atan(math.pi / 2 * self.slope * u) / math.pi + 0.5

    def slope_at(self, u: Tensor) -> Tensor:
        # The reciprocal of 2/a + (2/a) (pi a u / 2)^2 takes two passes over memory, the printed form five.
        flat = u.new_full((), 2 / self.slope)
        return torch.addcmul(flat, u, u, value=math.pi**2 * self.slope / 2).reciprocal()


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    """smooth(u) = u / (1 + k |u|) + 1/2, derivative 1 / (1 + k |u|)^2, k = `slope`.

    It runs from 1/2 - 1/k to 1/2 + 1/k, not from 0 to 1. Source: Zenke and Ganguli, 2018.
    """

    slope: float = 25.0
    name: ClassVar[str] = "fast_sigmoid"

    def smooth(self, u: Tensor) -> Tensor:
        return u / (1 + self.slope * u.abs()) + 0.5

    def slope_at(self, u: Tensor) -> Tensor:
        return (1 + self.slope * u.abs()).pow(-2)


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """smooth(u) = 1 / (1 + exp(-k u)), derivative k smooth(u) smooth(-u), k = `slope`.

    Source: Zenke and Ganguli, 2018. snnTorch evaluates exp(-k u) itself and gives NaN once that overflows.
    """

    slope: float = 25.0
    name: ClassVar[str] = "sigmoid"

    def smooth(self, u: Tensor) -> Tensor:
        return torch.sigmoid(self.slope * u)

    def slope_at(self, u: Tensor) -> Tensor:
        scaled = self.slope * u
        return self.slope * torch.sigmoid(scaled) * torch.sigmoid(-scaled)


@dataclass(frozen=True)
class StraightThroughSpike(Surrogate):
    """smooth(u) = u + 1/2, derivative 1 everywhere; `slope` is 1 and cannot be changed.

    Source: Bengio, Leonard and Courville, 2013.
    """

    slope: float = 1.0
    name: ClassVar[str] = "straight_through_estimator"

    def __post_init__(self) -> None:
        if self.slope != 1:
            raise ValueError(f"slope: got {self.slope}, expected 1, the only slope of {self.name}")

    def smooth(self, u: Tensor) -> Tensor:
        return u + 0.5

    def slope_at(self, u: Tensor) -> Tensor:
        return torch.ones_like(u)

    def snntorch(self) -> Callable[[Tensor], Tensor]:
        from snntorch import surrogate

        return surrogate.straight_through_estimator()


SURROGATES: Choices[type[Surrogate]] = Choices(
    "surrogate", {kind.name: kind for kind in (ATan, FastSigmoid, Sigmoid, StraightThroughSpike)}
)


def make_surrogate(surrogate: str | Surrogate, slope: float | None = None) -> Surrogate:
    """The surrogate called by a name of `SURROGATES`, with its default slope unless one is given.

    A `Surrogate` passes through unchanged. Raises `ValueError` on an unknown name or a bad slope.
    """
    if isinstance(surrogate, Surrogate):
        if slope is not None:
            raise ValueError(f"slope: got {slope} beside a ready {surrogate!r}, expected a name with a slope")
        return surrogate
    kind: Callable[..., Surrogate] = SURROGATES.pick(surrogate)
    return kind() if slope is None else kind(slope)


class _Saved(FunctionCtx):
    surrogate: Surrogate
    saved_tensors: tuple[Tensor, ...]


class _Fire(torch.autograd.Function):
    """The step forward, the surrogate's slope backward; differentiable twice."""

    @staticmethod
    def forward(ctx: _Saved, u: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(u)
        ctx.surrogate = surrogate
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: _Saved, *grads: Tensor) -> tuple[Tensor, None]:
        (u,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.slope_at(u), None
