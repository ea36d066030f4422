"""Command-line options made from the fields of a configuration, so that each choice is declared once."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from sqnn.core import ConfigError, read_yaml
from sqnn.models import MODELS, ModelConfig
from sqnn.training import TrainingConfig

Parameters = list[inspect.Parameter]
MOST_NAMED = 4
"""Most networks in the title of a panel, which has one line."""


def option(name: str, kind: Any, help: str, panel: str = "Options", default: Any = None) -> inspect.Parameter:
    """Return one keyword option `--name` that is `default` where the user says nothing."""
    flag = "--" + name.replace("_", "-")
    declarations = [f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]
    annotation = Annotated[kind | None, typer.Option(*declarations, help=help, rich_help_panel=panel)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def model_options(models: Mapping[str, Any] = MODELS) -> Parameters:
    """Return the options of every network, those of most networks first.

    One that several networks have appears once, in a panel that names them; its help tells where they differ.
    """
    owners: dict[str, dict[str, Any]] = {}
    kinds: dict[str, Any] = {}
    for model, network in models.items():
        hints = typing.get_type_hints(network.config_class)
        for field in dataclasses.fields(network.config_class):
            if field.name not in ModelConfig.data_fields:
                owners.setdefault(field.name, {})[model] = field
                kinds.setdefault(field.name, _scalar(hints[field.name]))
    found = []
    for name, fields in sorted(owners.items(), key=lambda item: -len(item[1])):
        found.append(option(name, kinds[name], _help(fields), _panel(fields, models)))
    return found


def training_options(models: Mapping[str, Any] = MODELS) -> Parameters:
    """Return the options of the training loop; the help tells where a network has a default of its own."""
    hints = typing.get_type_hints(TrainingConfig)
    found = []
    for field in dataclasses.fields(TrainingConfig):
        own = {
            model: network.training_defaults[field.name]
            for model, network in models.items()
            if field.name in getattr(network, "training_defaults", {})
        }
        text = f"{field.metadata['help']}{_defaults(field.default, own)}"
        found.append(option(field.name, _scalar(hints[field.name]), text, "Training"))
    return found


def with_options(*groups: Parameters) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command that takes **values the listed options."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            p
            for p in inspect.signature(command, eval_str=True).parameters.values()
            if p.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        added = [parameter for group in groups for parameter in group]

        def run(**values: Any) -> None:
            command(**values)

        run.__name__ = command.__name__
        run.__doc__ = command.__doc__
        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
        return run

    return decorate


def read_config(path: Path | None) -> dict[str, Any]:
    """Return the settings in a YAML file, their names spelled as in Python; ConfigError where it is not a mapping."""
    if path is None:
        return {}
    try:
        values = read_yaml(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"config: no file {path}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"config: {path} is not readable YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"config: {path} holds {type(values).__name__}, expected a mapping of option names to values")
    return {key.replace("-", "_"): value for key, value in values.items()}


def check_kinds(settings: dict[str, Any], options: Parameters) -> None:
    """Raise ConfigError where a configuration file gives one of these options a value of another kind."""
    expected = {str: "a name", int: "a whole number", Path: "a path"}
    for parameter in options:
        kind = _scalar(typing.get_args(parameter.annotation)[0])
        kinds = (str, Path) if kind is Path else (kind,)
        value = settings.get(parameter.name)
        if value is not None and (not isinstance(value, kinds) or isinstance(value, bool)):
            raise ConfigError(f"{parameter.name}: got {value!r}, expected {expected[kind]}")


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the user gave, lists of numbers parsed."""
    lists = list_names()
    return {
        name: parse_widths(name, value) if name in lists else value
        for name, value in values.items()
        if value is not None
    }


def list_names(models: Mapping[str, Any] = MODELS) -> frozenset[str]:
    """Return the names of the options that are lists of whole numbers, of any length, in some network."""
    return frozenset(
        name
        for network in models.values()
        for name, hint in typing.get_type_hints(network.config_class).items()
        if _required(hint) == tuple[int, ...]
    )


def parse_widths(name: str, value: Any) -> Any:
    """Return a text such as "2,4,8" as whole numbers; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(int(part) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"{name}: got {value!r}, expected whole numbers with commas, such as 2,4,8") from error


def split_training(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate the settings of the training loop from those of the model."""
    names = {field.name for field in dataclasses.fields(TrainingConfig)}
    return (
        {name: value for name, value in values.items() if name in names},
        {name: value for name, value in values.items() if name not in names},
    )


def _scalar(hint: Any) -> Any:
    """Return the type that the command line reads for a field; lists of numbers come as text."""
    hint = _required(hint)
    return hint if hint in (int, float, bool, str, Path) else str


def _required(hint: Any) -> Any:
    """Return the type that a value has where there is one: int for int | None."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return hint


def _panel(owners: Iterable[str], models: Iterable[str]) -> str:
    """Return the title of the panel for options of these networks: it names the owners, or the others if fewer."""
    owners, models = list(owners), list(models)
    others = [model for model in models if model not in owners]
    if len(models) > 1 and not others:
        return "Every model"
    if len(owners) > MOST_NAMED and len(others) < len(owners):
        return f"Every model but {', '.join(others)}"
    return f"Model: {', '.join(owners)}"


def _help(fields: Mapping[str, Any]) -> str:
    """Return the help of one option of several networks: one sentence, or one for each group that has its own."""
    texts: dict[str, dict[str, Any]] = {}
    for model, field in fields.items():
        texts.setdefault(field.metadata["help"], {})[model] = field.default
    told = {text: f"{text}{_defaults(next(iter(defaults.values())), defaults)}" for text, defaults in texts.items()}
    if len(told) == 1:
        return next(iter(told.values()))
    return ". ".join(f"{', '.join(texts[text])}: {sentence}" for text, sentence in told.items())


def _defaults(common: Any, own: Mapping[str, Any]) -> str:
    """Return the default in words, and behind it those of the networks that have another: (default: 1; a, b: 2)."""
    groups: dict[str, list[str]] = {}
    for model, value in own.items():
        if value != common:
            groups.setdefault(_shown(value), []).append(model)
    if not groups and common in (None, ()):
        return ""  # the sentence itself says what happens
    others = [f"; {', '.join(models)}: {value}" for value, models in groups.items()]
    return f" (default: {_shown(common)}{''.join(others)})"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, ()):
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
