"""Layers that stay single nodes of a graph, and plain copies of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from torch import nn

_COMPUTED = ("_orig", "_mask", "_g", "_v", "_u")
"""What the names of tensors end with that a weight is computed from by weight norm, spectral norm and pruning."""

_BESIDE = frozenset({"forward", "extra_repr", "reset_parameters", "reset_running_stats"})
"""Methods of layers that a forward pass does not use, and `forward` itself."""


def kind_of(layer: nn.Module, kinds: tuple[type[nn.Module], ...]) -> type[nn.Module] | None:
    """Return the known class whose forward pass a layer has, None for a layer with one of its own.

    A subclass that inherits `forward` and what it calls counts as its parent, as do parametrised layers.
    """
    if "forward" in vars(layer):
        return None
    kind = next((k for k in type(layer).__mro__ if k in kinds and type(layer).forward is k.forward), None)
    return None if kind is None or _changes(type(layer), kind) else kind


def _changes(subclass: type[nn.Module], kind: type[nn.Module]) -> bool:
    """Say whether a subclass has another method or setting of `kind` that a forward pass may use."""
    order = subclass.__mro__
    own = {name for c in order[: order.index(kind)] for name in vars(c) if not name.startswith("__")}
    parents = kind.__mro__[: kind.__mro__.index(nn.Module)]
    return any(name in vars(parent) for parent in parents for name in own - _BESIDE)


def plain_copy(layer: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """Return a layer of the known class `kind` with the same numbers: no hooks, no parametrisation, nothing in place.

    Parameters are shared, but those that are computed, by weight norm, spectral norm or pruning: of them the copy has
    the present value.
    """
    plain: nn.Module = kind.__new__(kind)
    nn.Module.__init__(plain)
    own = vars(nn.Module())
    for name, value in vars(layer).items():
        if name not in own and name != "forward":
            plain.__dict__[name] = copy.copy(value) if isinstance(value, list | dict | set) else value
    plain.training = False
    computed = set(_computed(layer))
    for name in computed:
        plain.__dict__.pop(name, None)
        value = getattr(layer, name)
        plain.register_parameter(name, None if value is None else nn.Parameter(value.detach().clone()))
    for name, parameter in layer._parameters.items():
        if name not in computed and not _feeds(name, computed):
            plain.register_parameter(name, parameter)
    for name, buffer in layer._buffers.items():
        if not _feeds(name, computed):
            plain.register_buffer(name, buffer, persistent=name not in layer._non_persistent_buffers_set)
    for name, child in layer._modules.items():
        if name != "parametrizations":
            plain.register_module(name, child)
    if getattr(plain, "inplace", False):
        plain.__dict__["inplace"] = False
    return plain


def _computed(layer: nn.Module) -> Iterator[str]:
    """Give the names of the parameters that are computed from others."""
    made = layer._modules.get("parametrizations")
    if made is not None:
        yield from made._modules
    for name in ("weight", "bias"):
        if name not in layer._parameters and any(name + end in layer._parameters for end in _COMPUTED):
            yield name


def _feeds(name: str, computed: set[str]) -> bool:
    return any(name == of + end for of in computed for end in _COMPUTED)
