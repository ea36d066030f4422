"""Settings of a training, by name as in Python and as text: those of `sqnn train`."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import shlex
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from noise_models import did_you_mean
from sqnn.core import Config, ConfigError, brief, is_whole, read_yaml, require
from sqnn.data import ImageData
from sqnn.models import MODELS, ModelConfig, create_model, model_class
from sqnn.training import TERMS, RunSettings, TrainingConfig, term_options

VARIED: Mapping[str, str] = types.MappingProxyType({"seed": "seeds", "threads": "threads"})
"""Settings of a training that are no part of a variant, and the options of the study that list them for all."""
DIGITS = 16
"""Hexadecimal digits of a digest of images."""
MOST_SEEDS = 1_000_000
"""Seeds of one study; a mistyped number of them would fill the memory."""
Settings = Mapping[str, object]


class Plan(NamedTuple):
    """What a variant is: the name of its network, the network's options, and the arguments of `fit`."""

    model: str
    network: dict[str, Any]
    training: dict[str, Any]

    def resolve(self, data: ImageData) -> RunSettings:
        """Return all settings of a run on `data`, defaults included; ConfigError on those that build no network."""
        model = create_model(self.model, data, **self.network)
        own, weights = _without_terms(self.training)
        terms = tuple(TERMS[name.replace("_", "-")](float(weight)) for name, weight in weights.items() if weight)
        training = TrainingConfig.for_model(model_class(self.model), own)
        return RunSettings(
            model=self.model,
            config=model.config,
            training=training,
            data={"name": data.name},
            data_sha256=data.fingerprint,
            terms=terms,
        )


def plan(settings: Settings) -> Plan:
    """Sort settings into those of the network and those of the training; ConfigError on one that is neither."""
    values = dict(settings)
    model = str(values.pop("model"))
    loop = training_names()
    training = {name: values.pop(name) for name in settings if name in loop}
    TrainingConfig.for_model(model_class(model), _without_terms(training)[0])
    for name in values:
        check_name(name, of=f"{model} or of its training")
    if "rule" in values and "rule" not in _options(model_class(model).config_class):
        raise ConfigError(
            "rule: this study trains by the gradient, or snn-wta by its own; `sqnn study plasticity` compares "
            "learning rules"
        )
    return Plan(model, values, training)


def training_names() -> list[str]:
    """Return the names of the settings of a training, loss terms among them."""
    fields = [field.name for field in dataclasses.fields(TrainingConfig)]
    return [name for name in (*fields, *term_options()) if name not in VARIED]


def check_name(name: str, others: Sequence[str] = (), of: str = "this study") -> None:
    """Raise ConfigError unless this is a setting of a training or of some network; `others` are known as well.

    `of` says whose setting was asked for.
    """
    if name in VARIED:
        raise ConfigError(f"{name}: is no setting of a variant; give the study's option {VARIED[name]}")
    known = [*others, "model", *training_names(), *dict.fromkeys(n for m in MODELS for n in _hints(m))]
    if name not in known:
        near = did_you_mean(name, known) or "; sqnn train --help lists them"
        raise ConfigError(f"{name}: no such option of {of}{near}")


def parse_variants(value: object, base: str) -> dict[str, dict[str, object]]:
    """Return the settings of each variant by its name, from such a mapping or from texts `NAME: setting=value ...`.

    A text without a name is its own name; where there is none at all, the one variant is called `base`, the network.
    """
    if isinstance(value, Mapping):
        return {str(name): dict(settings) for name, settings in value.items()}
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"vary: got {value!r}, expected texts such as 'slow: learning_rate=0.01 readout=membrane'")
    variants: dict[str, dict[str, object]] = {}
    for text in texts:
        name, colon, rest = text.partition(":")
        if not colon or "=" in name:
            name, rest = text, text
        require(bool(name.strip()) and name.strip() not in variants, "vary", text, "variants with names of their own")
        variants[name.strip()] = parse_settings(shlex.split(rest), base, "vary")
    return variants or {base: {}}


def parse_seeds(value: object) -> tuple[int, ...]:
    """Return the seeds of a count (5: 0 to 4), a list, or a text: 5, 0:10 (0 to 9), 0,3,7, or several with commas."""
    if isinstance(value, list | tuple) and not all(isinstance(word, str) for word in value):
        return tuple(dict.fromkeys(value))
    text = (
        str(value) if is_whole(value) or isinstance(value, str) else ",".join(value if isinstance(value, tuple) else ())
    )
    parts = [part.strip().partition(":") for part in (f"0:{text}" if text.isdecimal() else text).split(",")]
    shown = brief((text or value) if isinstance(value, tuple) else value)
    spans: list[range] = []
    with contextlib.suppress(ValueError):
        spans = [range(int(first), int(last) if colon else int(first) + 1) for first, colon, last in parts]
    if sum(max(0, span.stop - span.start) for span in spans) > MOST_SEEDS:
        raise ConfigError(f"seeds: got {shown}, expected at most {MOST_SEEDS:,} seeds, such as 5 or 0:10")
    if any(spans):
        return tuple(dict.fromkeys(itertools.chain(*spans)))
    raise ConfigError(f"seeds: got {shown}, expected how many (5), from:to (0:10 is 0 to 9), or a list (0,3,7)")


def as_text(settings: RunSettings) -> str:
    """Return all settings of a run but for seed and threads, and a digest of its images, as `from_text` splits it."""
    own = {name: value for name, value in settings.config.to_dict().items() if name not in ModelConfig.data_fields}
    training = {name: value for name, value in settings.training.to_dict().items() if name not in VARIED}
    terms = {term.name.replace("-", "_"): term.weight for term in settings.terms}
    images = {} if settings.data_sha256 is None else {"images": settings.data_sha256[:DIGITS]}
    return as_words(
        {"model": settings.model, **own, **training, **dict.fromkeys(term_options(), 0.0), **terms, **images}
    )


def as_words(settings: Settings) -> str:
    """Return settings as `name=value name=value`."""
    return " ".join(f"{name}={shlex.quote(plain(value))}" for name, value in settings.items())


def from_text(text: str) -> dict[str, str]:
    """Return settings by name, the values as text."""
    return dict(word.split("=", 1) for word in shlex.split(text))


def as_flags(settings: Settings) -> str:
    """Return settings as options of a command."""
    flags = []
    for name, value in settings.items():
        flag = name.replace("_", "-")
        switch = isinstance(value, bool)
        flags.append(
            f"--{'' if value or not switch else 'no-'}{flag}" + ("" if switch else f" {shlex.quote(plain(value))}")
        )
    return " ".join(flags)


def plain(value: object) -> str:
    """Return a value as it is written on the command line, numbers to the last digit."""
    if isinstance(value, list | tuple):
        return ",".join(map(plain, value))
    return "none" if value is None else str(value)


def _without_terms(training: Settings) -> tuple[dict[str, object], dict[str, Any]]:
    """Separate the weights of loss terms from the other settings of a training."""
    terms = {name: value for name, value in training.items() if name in term_options()}
    return {name: value for name, value in training.items() if name not in terms}, terms


def parse_settings(words: Sequence[str], model: str, argument: str) -> dict[str, object]:
    """Return the settings in words `name=value`, each as the type that it has in the network or in the training.

    ConfigError, which begins with `argument`, on a word of another form.
    """
    parts = [(word, *word.partition("=")) for word in words]
    for word, name, equals, _ in parts:
        require(bool(name and equals), argument, word, "settings such as learning_rate=0.01")
    values = {name.replace("-", "_"): value for _, name, _, value in parts}
    hints = {**_hints(values.get("model", model)), **typing.get_type_hints(TrainingConfig)}
    return {
        name: _typed(value, hints.get(name, float if name in term_options() else str)) for name, value in values.items()
    }


def _hints(model: str) -> dict[str, object]:
    """Return the types of the options of a network by name."""
    config: type[Config] = model_class(model).config_class
    return {n: hint for n, hint in typing.get_type_hints(config).items() if n in _options(config)}


def _options(config: type[Config]) -> list[str]:
    return [field.name for field in dataclasses.fields(config) if field.name not in ModelConfig.data_fields]


def _typed(text: str, hint: object) -> object:
    """Return a text as a value of this type; one that is none stays text, which the configuration refuses."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if text == "none":
            return None
        hint = next(kind for kind in typing.get_args(hint) if kind is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        kind = typing.get_args(hint)[0]
        return tuple(_typed(part, kind) for part in text.split(",") if part)
    if hint is bool:
        return read_yaml(text)
    if hint in (int, float):
        with contextlib.suppress(ValueError):
            return hint(text)
    return text
