"""What the functions of this room are given: tensors of finite numbers, and rates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sqnn.core import ConfigError, number_of, require


def finite_tensor(name: str, value: object) -> Tensor:
    """Return `value` if it is a tensor without NaN and infinite values; ConfigError naming the argument otherwise."""
    if not isinstance(value, Tensor):
        raise ConfigError(f"{name}: got {type(value).__name__}, expected a torch tensor; torch.as_tensor makes one")
    # A sum is finite only where all numbers are, and takes a fraction of the time; that of large ones may overflow.
    finite = bool(torch.isfinite(value.detach().sum())) or bool(torch.isfinite(value).all())
    require(finite, name, "NaN or an infinite value", "finite numbers")
    return value


def rate_of(name: str, value: object, most: float = math.inf) -> float:
    """Return a rate, a finite number of at least 0 and at most `most`; ConfigError naming the argument otherwise."""
    rate = number_of(name, value)
    expected = "a finite number of at least 0" if most == math.inf else f"a number from 0 to {most:g}"
    require(0 <= rate <= most and rate < math.inf, name, rate, expected)
    return rate
