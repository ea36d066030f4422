"""Methods of attribution by name, and the one verb that applies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
import yaml
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError, brief, read_yaml, require
from sqnn.explain.attribution.base import Attribution, Method
from sqnn.explain.attribution.gradient import GradientInput, Saliency
from sqnn.explain.attribution.influence import Influence
from sqnn.explain.attribution.integrated import IntegratedEvents, IntegratedSmooth, IntegratedSurrogate
from sqnn.explain.attribution.occlusion import Occlusion
from sqnn.explain.attribution.places import NAMED, place_named
from sqnn.explain.attribution.relevance import Relevance
from sqnn.explain.attribution.shapley import Shapley
from sqnn.explain.attribution.spike_triggered import SpikeTriggered
from sqnn.explain.attribution.temporal_spike import TemporalSpike
from sqnn.models import HasNetwork, network_of, require_network

_KINDS: tuple[type[Method], ...] = (
    *(Shapley, Relevance),
    *(Saliency, GradientInput),
    *(IntegratedSurrogate, IntegratedSmooth, IntegratedEvents),
    *(Occlusion, Influence, SpikeTriggered, TemporalSpike),
)
METHODS: Choices[type[Method]] = Choices("method", {kind.name: kind for kind in _KINDS})
"""Methods of attribution by name, with which `attribute` explains a network."""
PREFERRED = (Shapley, GradientInput)
"""The first of these that explains a place is the method by default: neither needs layers of certain kinds."""
EXAMPLE = "such as 'relevance' or 'relevance:rule=signed'"
Kind = TypeVar("Kind")


def attribute(
    model: nn.Module | HasNetwork,
    images: Tensor,
    target: int | Tensor | None = None,
    method: str | None = None,
    at: str = "pixels",
    generator: torch.Generator | None = None,
    **options: object,
) -> Attribution:
    """Return how much each entry of a place of a network did for the logit of a class, for each image.

    `images` are [batch, channels, height, width] in [0, 1]; `target` is a class, or one for each image, by default the
    predicted one. `method` is a name of METHODS, and `options` are its fields, which may stand in the text as well
    ("relevance:rule=signed"); by default it is "shapley" at pixels, angles and qubits, and "gradient-input" elsewhere.
    `at` is

    - "pixels", the images; "spikes", the encoder's trains; "angles" or "qubits", what the circuit reads;
    - the path of a layer, such as "frontend.blocks.0", whose output is explained (of a block of neurons, the spikes);
    - "weights", all parameters.

    The network, which may be a Run, is evaluated as it is in use, in its own precision, and changed by nothing. Rate
    encoders draw from `generator`, by default of seed 0, in every evaluation and for every image the same numbers, one
    per step and pixel: an image has the values that it has alone. Shots and other random layers are refused. Before an
    encoder that passes no gradient, methods that need one act on the spikes and add up over the steps of each pixel,
    which `note` says.

    Raises ConfigError on an unknown method, option, place or class, and ValueError on images that do not fit.
    """
    network = network_of(model)
    kind, chosen = (_by_default(at), {}) if method is None else _named("method", method, METHODS)
    twice = next((name for name in options if name in chosen), None)
    require(twice is None, "method", method, f"the option {twice} once")
    how = kind.from_dict({**chosen, **options})
    if isinstance(at, str) and not kind.explains(at):
        if at not in NAMED:
            place_named(require_network(network), at)  # a place that is none is the first mistake
        able = ", ".join(name for name, other in METHODS.items() if other.explains(at))
        raise ConfigError(f"{how.elsewhere(at)}; methods for {at}: {able}")
    return how.attribute(network, images, target, at, generator)


def _by_default(at: str) -> type[Method]:
    return next((kind for kind in PREFERRED if isinstance(at, str) and kind.explains(at)), PREFERRED[0])


def read_methods(
    texts: str | Sequence[str], known: Mapping[str, type[Method]], others: Sequence[str] = ()
) -> dict[str, Method | None]:
    """Return methods by the texts that name them, which are given as a list, or as one text with commas.

    A text is a name in `known`, with options where they are not the default ones: "relevance:rule=signed",
    "occlusion:window=4:stride=4"; or one of `others`, names of something else without options, which give None.
    Raises ConfigError on unknown names and options, and on a text that is there twice.
    """
    listed = texts if isinstance(texts, Sequence) else [texts]
    every: Choices[type[Method] | None] = Choices("methods", {**dict.fromkeys(others), **known})
    methods: dict[str, Method | None] = {}
    for text in [part.strip() for part in texts.split(",")] if isinstance(texts, str) else listed:
        kind, options = _named("methods", text, every)
        if text in methods:
            raise ConfigError(f"methods: got {brief(text)} twice, expected each method once")
        if kind is None and options:
            raise ConfigError(f"methods: got {brief(text)}, expected {text.partition(':')[0]}, which has no options")
        methods[text] = None if kind is None else kind.from_dict(options)
    return methods


def _named(argument: str, text: object, known: Choices[Kind]) -> tuple[Kind, dict[str, object]]:
    """Return the method in `known` that a text names, and its options there; ConfigError on anything else."""
    if not isinstance(text, str):
        own = "compare_methods(model, data, {'mine': function})"
        raise ConfigError(f"{argument}: got {brief(text)}, expected a name, {EXAMPLE}; {own} takes one of your own")
    name, *words = text.split(":")
    return known.pick(name, argument, ConfigError), _options(argument, text, words)


def _options(argument: str, name: str, texts: Sequence[str]) -> dict[str, object]:
    """Return the options in "name=value" texts; ConfigError on another text, and on an option given twice."""
    values: dict[str, object] = {}
    for text in texts:
        option, equals, value = text.partition("=")
        if not equals or option in values:
            expected = "options as in relevance:rule=signed" if not equals else f"{option} once"
            raise ConfigError(f"{argument}: got {brief(name)}, expected {expected}")
        try:
            values[option] = read_yaml(value)
        except yaml.YAMLError:
            values[option] = value
    return values
