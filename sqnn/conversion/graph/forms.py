"""The forms in which calls of torch become nodes of a graph: functions and methods that change nothing in place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import is_tensor_method_or_property

_OPERATORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "__getitem__": operator.getitem,
        "__neg__": operator.neg,
        "__abs__": operator.abs,
        "__invert__": operator.invert,
        **{
            f"__{side}{name}__": getattr(operator, name)
            for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
            for side in ("", "r", "i")
        },
        "__rdiv__": operator.truediv,
        "__div__": operator.truediv,
        "__idiv__": operator.truediv,
        **{f"__{name}__": getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
        **{f"__{name}__": getattr(operator, f"{name}_") for name in ("and", "or")},
        "__xor__": operator.xor,
    }
)


def set_item(values: Tensor, index: Any, new: Any) -> Tensor:
    """Return a copy of `values` with `values[index] = new`."""
    changed = values.clone()
    changed[index] = new
    return changed


def zeros_permuted(size: Sequence[int], physical_layout: Sequence[int], **options: Any) -> Tensor:
    """Return zeros of a size whose dimensions lie in memory in this order, the outermost first."""
    memory = torch.zeros([size[axis] for axis in physical_layout], **options)
    return memory.permute([list(physical_layout).index(axis) for axis in range(len(size))])


def zeros_strided(size: Sequence[int], stride: Sequence[int], **options: Any) -> Tensor:
    """Return zeros whose dimensions lie in memory in the order of the strides, without gaps."""
    return zeros_permuted(size, sorted(range(len(size)), key=lambda axis: -stride[axis]), **options)


def new_zeros_strided(like: Tensor, size: Sequence[int], stride: Sequence[int], **options: Any) -> Tensor:
    """Return the same in the type and at the place of a tensor."""
    return zeros_strided(size, stride, **{"dtype": like.dtype, "device": like.device, **options})


def form_of(
    func: Callable[..., Any],
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    sizes_of: Callable[[Tensor], torch.Size],
) -> tuple[str, Any, tuple[Any, ...], dict[str, Any]]:
    """Return a call as a node is to make it: kind, target and arguments, nothing in place.

    `sizes_of` gives the shape of a tensor, sizes that are followed included.
    """
    kwargs = {key: False if key == "inplace" else value for key, value in kwargs.items() if key != "out"}
    if getattr(func, "__name__", "") == "__get__":
        return ("call_method", "detach", args, {}) if name == "data" else ("call_function", getattr, (*args, name), {})
    if name == "__setitem__":
        return "call_function", set_item, args, kwargs
    if name in ("copy_", "fill_", "zero_"):
        return "call_function", set_item, (args[0], ..., args[1] if len(args) > 1 else 0), {}
    if name in _OPERATORS:
        swapped = name.startswith("__r")
        return "call_function", _OPERATORS[name], (args[1], args[0]) if swapped else args, kwargs
    if name in ("view_as", "reshape_as", "expand_as") and isinstance(args[1], Tensor):
        return (
            "call_method",
            name.removesuffix("_as"),
            (args[0], sizes_of(args[1])),
            kwargs,
        )
    method = is_tensor_method_or_property(func)
    changes = name.endswith("_") and not name.endswith("__")
    bare = name.rstrip("_") if changes else name
    if method:
        return "call_method", bare, args, kwargs
    if changes:
        spaces = (torch, nn.functional)
        func = next((getattr(space, bare) for space in spaces if hasattr(space, bare)), func)
    return "call_function", func, args, kwargs


def name_of(func: Callable[..., Any]) -> str:
    """Return the bare name of a function, a method, or the property that is asked for."""
    name = str(getattr(func, "__name__", func)).split(".")[0]
    return str(func.__self__.__name__) if name == "__get__" else name  # type: ignore[attr-defined]


def run_form(kind: str, target: Any, *args: Any, **kwargs: Any) -> object:
    """Make a call of such a kind."""
    return getattr(args[0], target)(*args[1:], **kwargs) if kind == "call_method" else target(*args, **kwargs)
