"""Command-line options made from the fields of a configuration, so that each choice is declared once."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from sqnn.models import MODELS, ConfigError, ModelConfig, read_yaml
from sqnn.training import TrainingConfig

Parameters = list[inspect.Parameter]


def option(name: str, kind: Any, help: str, panel: str = "Options", default: Any = None) -> inspect.Parameter:
    """Return one keyword option `--name` that is `default` where the user says nothing."""
    flag = "--" + name.replace("_", "-")
    declarations = [f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]
    annotation = Annotated[kind | None, typer.Option(*declarations, help=help, rich_help_panel=panel)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def config_options(config_class: Any, panel: str, skip: Iterable[str] = ()) -> Parameters:
    """Return one option for each field of a configuration, its default told in the help."""
    hints = typing.get_type_hints(config_class)
    found = []
    for field in dataclasses.fields(config_class):
        if field.name in skip:
            continue
        kind = _scalar(hints[field.name])
        default = "" if field.default is None or field.default == () else f" (default: {_shown(field.default)})"
        found.append(option(field.name, kind, f"{field.metadata['help']}{default}", panel))
    return found


def model_options() -> Parameters:
    """Return the options of every model; one that several models share appears once."""
    merged: dict[str, inspect.Parameter] = {}
    for name, network in MODELS.items():
        for parameter in config_options(network.config_class, f"Model: {name}", skip=ModelConfig.data_fields):
            merged.setdefault(parameter.name, parameter)
    return list(merged.values())


def training_options() -> Parameters:
    """Return the options of the training loop."""
    return config_options(TrainingConfig, "Training")


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
    return {name: parse_widths(name, value) for name, value in values.items() if value is not None}


def parse_widths(name: str, value: Any) -> Any:
    """Return a text such as "2,4,8" as whole numbers where the option is a list of widths."""
    if name not in ("channels", "mlp_hidden") or not isinstance(value, str):
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
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return hint if hint in (int, float, bool, str, Path) else str


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
