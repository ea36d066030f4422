"""Copies of networks, also of those with attributes that have none."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import cast

from torch import Tensor, nn


def copy_of(model: nn.Module) -> nn.Module:
    """Return a copy of a network, so that a pass through it changes nothing of the network.

    Of one with attributes that have no copy, as open files, locks and computed weights have none, the copy has modules,
    parameters and buffers of its own, and these attributes in common with it; lists and dictionaries of them are its
    own.
    """
    try:
        return copy.deepcopy(model)
    except Exception:  # whatever an attribute raises that has no copy
        modules = list(model.modules())
        memo: dict[int, object] = {id(module): type(module).__new__(type(module)) for module in modules}
        for module in modules:
            vars(memo[id(module)]).update({name: _part(value, memo) for name, value in vars(module).items()})
        return cast(nn.Module, memo[id(model)])


def _part(value: object, memo: dict[int, object]) -> object:
    """Return a copy of an attribute, as far as it has one; `memo` holds what was copied before, by its identity."""
    if id(value) in memo:
        return memo[id(value)]
    trial = dict(memo)  # a copy that fails leaves halves of it behind
    try:
        copied: object = copy.deepcopy(value, trial)
    except Exception:  # whatever has no copy
        copied = value
    else:
        memo.update(trial)
        return copied
    if isinstance(value, Tensor):
        copied = memo[id(value)] = value.detach().clone()
    elif isinstance(value, dict) and type(value) in (dict, OrderedDict):
        copied = memo[id(value)] = type(value)((name, _part(item, memo)) for name, item in value.items())
    elif isinstance(value, list | tuple | set) and type(value) in (list, tuple, set):
        copied = memo[id(value)] = type(value)(_part(item, memo) for item in value)
    return copied
