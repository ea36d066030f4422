"""Pools as modules, and the sums over the windows of an average pool."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

_AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def make_pool(node: fx.Node, name: str) -> nn.Module:
    """Return the module that does what a call of the function `name`, such as `avg_pool2d`, does."""
    kind: Callable[..., nn.Module] = vars(nn)["".join(part.capitalize() for part in name.split("_"))]
    return kind(*node.args[1:], **{key: value for key, value in node.kwargs.items() if key != "input"})


def windows_summed(pool: nn.Module, values: Tensor) -> Tensor:
    """Return the sums over the windows of which `pool` takes the means; padding counts for nothing."""
    if isinstance(pool, _AVERAGES):
        return _summed(pool, values)
    averages: Tensor = pool(values)
    spatial = averages.shape[2:]
    for axis, (before, after) in enumerate(zip(values.shape[2:], spatial, strict=True)):
        # Window i of an adaptive pool begins at floor(i n / m) and ends before ceil((i + 1) n / m).
        sizes = [math.ceil((i + 1) * before / after) - i * before // after for i in range(after)]
        averages = averages * averages.new_tensor(sizes).view(-1, *(1 for _ in spatial[axis + 1 :]))
    return averages


def _summed(pool: nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d, values: Tensor) -> Tensor:
    if isinstance(pool, nn.AvgPool1d):
        # Only pools of two and three dimensions take a divisor: one row of them.
        (kernel,), (stride,), (padding,) = _single(pool.kernel_size), _single(pool.stride), _single(pool.padding)
        flat = nn.AvgPool2d((1, kernel), (1, stride), (0, padding), pool.ceil_mode, divisor_override=1)
        return torch.squeeze(flat(values.unsqueeze(-2)), -2)
    window = (pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode)
    kind: Callable[..., nn.Module] = type(pool)
    return kind(*window, divisor_override=1)(values)


def _single(size: int | tuple[int]) -> tuple[int]:
    return size if isinstance(size, tuple) else (size,)
