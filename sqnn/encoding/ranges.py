"""Ranges: values of any size are brought into [0, 1], by bounds that belong to the network and not to the batch.

Source: HAS-8, arXiv 2509.24411, rescales by the smallest and the largest value of the batch, so that a prediction
depends on the rest of its batch. None of the ranges here does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from sqnn.core import Choices, Values, number_of

MIN_WIDTH = 1e-3
"""Narrowest range, in the unit of the values: what keeps a constant input from a division by zero."""


class Range(nn.Module, ABC):
    """Bring values into [0, 1]: u = clamp((x - low) / (high - low), 0, 1).

    Values `[batch, *features]` keep shape and dtype; `low` and `high` are tensors `[]` in the unit of the values. The
    gradient passes inside the range, ends included, and is zero outside.
    """

    low: Tensor
    high: Tensor

    @property
    @abstractmethod
    def width(self) -> Tensor:
        """Return the divisor, high - low, a tensor `[]`."""

    def forward(self, values: Values) -> Values:
        return ((values - self.low) / self.width).clamp(0, 1)


class FixedRange(Range):
    """The range [`low`, `high`], for values whose bounds are known, as those of images are.

    Shapes and gradients are those of `Range`. Raises `ValueError` unless both ends are finite and at least `MIN_WIDTH`
    apart.
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        _check_ends(low, high)
        self.register_buffer("low", torch.tensor(float(low)), persistent=False)
        self.register_buffer("high", torch.tensor(float(high)), persistent=False)

    @property
    def width(self) -> Tensor:
        return self.high - self.low


class RunningRange(Range):
    """The range of the values seen in training, as a moving mean of each batch's smallest and largest value.

    In training a batch is brought into [0, 1] by the range as it stood before the batch, [0, 1] at first, so that no
    value depends on the others of its batch; then low <- (1 - m) low + m min(x), high likewise, with m = `momentum`.
    The first batch replaces both. In evaluation nothing moves. A range narrower than `MIN_WIDTH` counts as that wide.
    `batches` counts what was seen; it and the ends are in the state dict. Where several processes train together, each
    sees its own part of every batch, and the first one's range is kept. Shapes and gradients are those of `Range`.

    Raises `ValueError` on a momentum outside (0, 1], and in training on values that are NaN or infinite, before
    anything moves.
    """

    def __init__(self, momentum: float = 0.1) -> None:
        super().__init__()
        momentum = number_of("momentum", momentum)
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum: got {momentum}, expected a number in (0, 1]")
        self.momentum = float(momentum)
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(1.0))
        self.register_buffer("batches", torch.tensor(0))
        self.batches: Tensor

    @property
    def width(self) -> Tensor:
        return (self.high - self.low).clamp_min(MIN_WIDTH)

    def forward(self, values: Values) -> Values:
        if not self.training:
            return super().forward(values)
        smallest, largest = torch.aminmax(values.detach())
        # A NaN anywhere makes both ends NaN.
        if not (math.isfinite(smallest.item()) and math.isfinite(largest.item())):
            raise ValueError("values: got NaN or infinite, expected finite")
        unit = super().forward(values)
        # torch.lerp with weight 1 returns the end exactly.
        share = torch.where(self.batches == 0, 1.0, self.momentum).to(self.low.dtype)
        self.low.lerp_(smallest.to(self.low.dtype), share)
        self.high.lerp_(largest.to(self.high.dtype), share)
        self.batches.add_(1)
        return unit

    def extra_repr(self) -> str:
        return f"momentum={self.momentum:g}"


class LearnedRange(Range):
    """A range whose ends are trained: parameters `low` and `raw_width`, high = low + `MIN_WIDTH` + softplus(raw_width).

    For values inside the range du/dlow = -1 / width and du/dwidth = -(x - low) / width^2; those outside give the ends
    no gradient. Shapes are those of `Range`. Raises `ValueError` unless both first ends are finite and more than
    `MIN_WIDTH` apart.
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        _check_ends(low, high)
        above = float(high) - float(low) - MIN_WIDTH
        if above <= 0:
            raise ValueError(f"high: got {high}, expected more than low + {MIN_WIDTH:g} where the ends are learned")
        self.low = nn.Parameter(torch.tensor(float(low)))
        # The inverse of softplus.
        self.raw_width = nn.Parameter(torch.tensor(above + math.log(-math.expm1(-above))))

    @property
    def high(self) -> Tensor:  # type: ignore[override]
        """Return the upper end, a tensor `[]`."""
        return self.low + self.width

    @property
    def width(self) -> Tensor:
        return MIN_WIDTH + functional.softplus(self.raw_width)


RANGES: Choices[type[Range]] = Choices("range", {"running": RunningRange, "learned": LearnedRange, "fixed": FixedRange})


def make_range(name: str, **options: object) -> Range:
    """Build the range called `name`; `options` go to its constructor.

    Raises `ValueError` when the name is unknown or the range refuses its arguments.
    """
    return RANGES.pick(name)(**options)


def _check_ends(low: float, high: float) -> None:
    if not math.isfinite(low):
        raise ValueError(f"low: got {low}, expected a finite number")
    if not (math.isfinite(high) and high - low >= MIN_WIDTH):
        raise ValueError(
            f"high: got {high}, expected a finite number of at least low + {MIN_WIDTH:g} = {low + MIN_WIDTH:g}"
        )
