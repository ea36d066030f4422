"""Pools as modules, the places of their windows, and the sums over those of an average pool."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, fx, nn

_AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_ADAPTIVE = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
_MAX_POOLS: Mapping[type[nn.Module], int] = MappingProxyType(
    {
        **{nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3},
        **{nn.AdaptiveMaxPool1d: 1, nn.AdaptiveMaxPool2d: 2, nn.AdaptiveMaxPool3d: 3},
    }
)
"""Dimensions of the windows of each kind of max pool."""
_WINDOW = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_MAX_POOL_ARGUMENTS = (*_WINDOW, "return_indices")
"""Arguments of the functions, of which the modules take the last two the other way round."""


def make_pool(node: fx.Node, name: str, values: Mapping[fx.Node, Any] | None = None) -> nn.Module:
    """Return the module that does what a call of the function `name`, such as `avg_pool2d`, does.

    `values` has what other nodes gave, of which a window may have its size.
    """
    name = name.removesuffix("_with_indices")
    kind: Callable[..., nn.Module] = vars(nn)["".join(part.capitalize() for part in name.split("_"))]
    given: Any = (node.args[1:], {key: value for key, value in node.kwargs.items() if key != "input"})
    args, kwargs = given if values is None else fx.map_arg(given, values.__getitem__)
    if name.startswith("max_pool"):
        return kind(**dict(zip(_MAX_POOL_ARGUMENTS, args, strict=False)), **kwargs)
    return kind(*args, **kwargs)


def returning_indices(pool: nn.Module) -> nn.Module:
    """Return a max pool like `pool` that gives the largest values and their places."""
    kind: Callable[..., nn.Module] = next(kind for kind in _MAX_POOLS if isinstance(pool, kind))
    names = ("output_size",) if isinstance(pool, _ADAPTIVE) else _WINDOW
    return kind(**{name: vars(pool)[name] for name in names}, return_indices=True)


def spatial_dimensions(pool: nn.Module) -> int:
    """Return how many dimensions the windows of a max pool have."""
    return next(dimensions for kind, dimensions in _MAX_POOLS.items() if isinstance(pool, kind))


def windows(pool: nn.Module, size: Sequence[int], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the places that each window of a max pool has, and which of them are inside: [windows, places] each.

    `size` is that of the input, along the pool's dimensions, `shape` that of the output; places count through the
    flattened input, those outside of it have any number.
    """
    places, inside = torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1, dtype=torch.bool)
    for axis, (before, after) in enumerate(zip(size, shape, strict=True)):
        first = torch.arange(after).unsqueeze(1)
        if isinstance(pool, _ADAPTIVE):
            # Window i of an adaptive pool begins at floor(i n / m) and ends before ceil((i + 1) n / m).
            begin, end = first * before // after, -(-(first + 1) * before // after)
            index = begin + torch.arange(int((end - begin).max()))
            valid = index < end
        else:
            kernel, stride, padding, dilation = (
                value[axis] if isinstance(value, tuple | list) else value
                for value in (vars(pool)[name] for name in _WINDOW[:4])
            )
            index = first * stride - padding + dilation * torch.arange(kernel)
            valid = (index >= 0) & (index < before)
        index = index.clamp(0, before - 1)
        rows, columns = len(places) * after, places.shape[1] * index.shape[1]
        places = (places[:, None, :, None] * before + index[None, :, None, :]).reshape(rows, columns)
        inside = (inside[:, None, :, None] & valid[None, :, None, :]).reshape(rows, columns)
    return places, inside


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
