"""Methods by name, as functions that make maps."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sqnn.core import ConfigError, brief
from sqnn.explain.attribution import METHODS, Attribution, Method, read_methods
from sqnn.explain.quality.maps import BASELINES, MapMaker

PIXELS = "pixels"


def makers_of(methods: str | Sequence[str] | Mapping[str, MapMaker | Method] | None) -> dict[str, MapMaker]:
    """Return what makes maps by name, the baselines first.

    `methods` are names, with commas or as a list, each with options where they are not the default ones (see
    `read_methods`). Or they are names of one's own with methods or functions; None are all methods that explain the
    pixels for a class. Raises ConfigError where a name is unknown, taken, or there twice.
    """
    if isinstance(methods, Mapping):
        return {**BASELINES, **{name: _own(name, make) for name, make in methods.items()}}
    known = {name: kind for name, kind in METHODS.items() if PIXELS in kind.at and kind.needs_target}
    chosen = read_methods(list(known) if methods is None else methods, known, tuple(BASELINES))
    made = {name: functools.partial(_explain, method) for name, method in chosen.items() if method is not None}
    return {**BASELINES, **made}


def _own(name: object, make: MapMaker | Method) -> MapMaker:
    if name in BASELINES or not isinstance(name, str) or not (callable(make) or isinstance(make, Method)):
        expected = "expected a name of its own: a method or function"
        raise ConfigError(f"methods: got {brief(name)}: {brief(make)}, {expected}")
    return functools.partial(_explain, make) if isinstance(make, Method) else make


def _explain(
    method: Method, model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator
) -> Attribution:
    return method.attribute(model, images, target, PIXELS, generator)
