"""Methods by name, as functions that make maps."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
import yaml
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError, brief, read_yaml
from sqnn.explain.attribution import METHODS, Attribution, Method
from sqnn.explain.quality.maps import BASELINES, MapMaker

PIXELS = "pixels"


def makers_of(methods: str | Sequence[str] | Mapping[str, MapMaker | Method] | None) -> dict[str, MapMaker]:
    """Return what makes maps by name, the baselines first.

    `methods` are names, with commas or as a list, each with options where they are not the default ones:
    "relevance:rule=signed", "occlusion:window=4:stride=4". Or they are names of one's own with methods or functions;
    None are all methods that explain the pixels for a class. Raises ConfigError where a name is unknown, or taken.
    """
    if isinstance(methods, Mapping):
        return {**BASELINES, **{name: _own(name, make) for name, make in methods.items()}}
    known = {name: kind for name, kind in METHODS.items() if PIXELS in kind.at and kind.needs_target}
    every: Choices[type[Method] | MapMaker] = Choices("methods", {**BASELINES, **known})
    names = [name.strip() for name in methods.split(",")] if isinstance(methods, str) else methods
    chosen: dict[str, MapMaker] = {}
    for name in known if names is None else names:
        plain, *options = str(name).split(":")
        every.pick(plain, error=ConfigError)
        if plain in known:
            chosen[name] = functools.partial(_explain, known[plain].from_dict(_options(name, options)))
        elif options:
            raise ConfigError(f"methods: got {brief(name)}, expected {plain}, which has no options")
    return {**BASELINES, **chosen}


def _options(name: str, texts: Sequence[str]) -> dict[str, object]:
    """Return the options in "name=value" texts; ConfigError on another text."""
    values: dict[str, object] = {}
    for text in texts:
        option, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"methods: got {brief(name)}, expected options as in relevance:rule=signed")
        try:
            values[option] = read_yaml(value)
        except yaml.YAMLError:
            values[option] = value
    return values


def _own(name: object, make: MapMaker | Method) -> MapMaker:
    if name in BASELINES or not isinstance(name, str) or not (callable(make) or isinstance(make, Method)):
        expected = "expected a name of its own: a method or function"
        raise ConfigError(f"methods: got {brief(name)}: {brief(make)}, {expected}")
    return functools.partial(_explain, make) if isinstance(make, Method) else make


def _explain(
    method: Method, model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator
) -> Attribution:
    return method.attribute(model, images, target, PIXELS, generator)
