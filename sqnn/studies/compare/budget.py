"""The largest network below a budget of trainable parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch

from sqnn.core import ConfigError, Limits, counted
from sqnn.data import ImageData
from sqnn.metrics import count
from sqnn.models import ModelConfig, create_model, model_class

Scale = int | float | tuple[int, ...]
"""The value of a network's `scale_field`: a number of units, a factor on all widths, or widths."""
FINENESS = 64
"""Steps of a factor on all widths between 0 and 1."""
LARGEST_SIZE = 2**24
"""Beyond any size that memory holds."""
MOST_PARAMETERS = 10**12
"""Largest budget: four terabytes of float32."""


def largest_widths(
    budget: int, name: str, data: ImageData | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return `options` of the network called `name`, with the largest widths whose parameters keep to `budget`.

    The network's `scale_field` is scaled. Several widths keep the proportions that they have in `options`, or else in
    the network's defaults, to the nearest whole number, and what the budget leaves then goes to single widths, the last
    ones first. A network without such a field, or without widths in it, stays as it is. Parameters are counted by
    `sqnn.count`, raw ones.

    ConfigError where the smallest such network is larger than the budget.
    """
    given = dict(options or {})
    field = model_class(name).scale_field

    def parameters(value: Scale | None) -> int:
        scaled = given if field is None or value is None else {**given, field: value}
        with torch.device("meta"):
            return count(create_model(name, data, **scaled)).total

    if field is None or given.get(field) == ():
        check_below(budget, parameters(None))
        return given
    with torch.device("meta"):
        config = create_model(name, data, **given).config
    base: Scale = vars(config)[field]
    if base is None:  # widths that follow from the channels of the images
        base = config.widths  # type: ignore[attr-defined]
    smallest = _smallest(type(config), field, base)
    check_below(budget, parameters(_scaled(base, smallest)), " at its smallest")

    def fits(value: Scale) -> bool:
        try:
            return parameters(value) <= budget
        except ConfigError:  # beyond what the network takes
            return False

    size = _largest(lambda size: fits(_scaled(base, size)), smallest)
    largest = parameters(_scaled(base, size))
    while size // 2 >= smallest and parameters(_scaled(base, size // 2)) == largest:  # beyond what the images give
        size //= 2
    return {**given, field: _filled(_scaled(base, size), fits)}


def check_below(budget: int | None, parameters: int, when: str = "") -> None:
    """Raise ConfigError where a network has more parameters than the budget."""
    if budget is not None and parameters > budget:
        raise ConfigError(
            f"budget: got {budget:,}, expected at least {counted(parameters, 'parameter')}, which this network has"
            f"{when}; raise the budget or leave the network out"
        )


def _scaled(base: Scale, size: int) -> Scale:
    """Return a value of the kind of `base` and of this size: the units, 64ths of the factor, or the widest width."""
    if isinstance(base, tuple):
        widest = max(base)
        return tuple(max(1, round(width * size / widest)) for width in base)
    return size / FINENESS if isinstance(base, float) else size


def _smallest(config: type[ModelConfig], field: str, base: Scale) -> int:
    """Return the smallest size that the limits of the field allow."""
    limits: Limits = next(each.metadata["limits"] for each in dataclasses.fields(config) if each.name == field)
    return 1 if isinstance(base, float) else max(1, int(limits.least or 1))


def _largest(fits: Callable[[int], bool], smallest: int) -> int:
    """Return the largest size that fits, where the smallest does and none above one that does not fit does either."""
    low, high = smallest, 2 * smallest
    while high < LARGEST_SIZE and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _filled(value: Scale, fits: Callable[[Scale], bool]) -> Scale:
    """Return widths of which none can be one larger, the last ones raised first; other values stay."""
    if not isinstance(value, tuple):
        return value
    widths = list(value)
    raised = True
    while raised:
        raised = False
        for place in reversed(range(len(widths))):
            larger = (*widths[:place], widths[place] + 1, *widths[place + 1 :])
            if fits(larger):
                widths, raised = list(larger), True
    return tuple(widths)
