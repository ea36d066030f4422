"""Command-line options made from the fields of a configuration, so that each choice is declared once."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from noise_models import did_you_mean
from sqnn.cli.clock import Clock
from sqnn.core import (
    Config,
    ConfigError,
    Limits,
    brief,
    check_kernels,
    limits_of,
    meaning,
    read_text,
    read_yaml,
    reason,
    shown,
)
from sqnn.data import FRAMED, SYNTHETIC, Framing

if TYPE_CHECKING:
    from sqnn.models import Network

Field = dataclasses.Field[Any]
Parameters = list[inspect.Parameter]
Progress = Annotated[bool, typer.Option(help="show a progress bar, or lines where the output is no terminal")]
ThreadsOption = Annotated[
    str, typer.Option("--threads", help="threads on the CPU: a number, or auto: one for small work, more for large")
]
NOTHING: Mapping[str, Any] = types.MappingProxyType({})
DEFAULT_MODEL = "sqdr-cnn"
"""The network where the user names none."""
LONGEST = 60
"""Characters of a name that a message repeats whole."""
IMAGES = "images: {}, or a path of yours: a folder of pictures or event recordings by class, .npz, IDX or CIFAR files"
"""The help of the option `--data`."""
TIMESTEPS, SIMULATED = "timesteps", "synthetic"
"""Options that are the frames of recordings, and otherwise a network's time steps, and what recordings are made by."""
OWN_CHANNELS = ("--channels",)
"""A further flag of the channels of pictures, where no network's widths are called so."""
MOST_NAMED = 4
"""Most networks in the title of a panel, which has one line."""
EXPECTED = {str: "a name", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}


def option(
    name: str, kind: object, help: str, panel: str = "Options", default: object = None, also: Iterable[str] = ()
) -> inspect.Parameter:
    """Return one keyword option `--name` that is `default` where the user says nothing.

    `kind` is a type, or a tuple of types, which is written as text and which `read_settings` parses: with commas where
    it has any length (`tuple[int, ...]`: 2,4,8), else with x (`tuple[int, int]`: 28x28), or types by network where
    networks differ, or one of several types (`int | str`), which its configuration tells apart. `also` are further
    flags.
    """
    flag = "--" + name.replace("_", "-")
    declarations = [f"{flag}/--no-{flag[2:]}" if kind is bool else flag, *also]
    as_text = typing.get_origin(kind) is tuple or isinstance(kind, Mapping | types.UnionType)
    read_as: Any = str if as_text else kind
    shape = typer.Option(*declarations, help=help, rich_help_panel=panel)
    annotation = Annotated[read_as | None, shape, kind, tuple(also)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def config_options(
    config: type[Config],
    panel: str = "Options",
    *,
    leave_out: Collection[str] = (),
    kinds: Mapping[str, object] = NOTHING,
    also: Mapping[str, Iterable[str]] = NOTHING,
) -> Parameters:
    """Return one option per field of a configuration, with the field's help, limits and default.

    `leave_out` names fields without an option, `kinds` those that are read as another type than the field's (str: the
    configuration parses the text itself; list[str]: the flag may be given again), `also` those with further flags.
    """
    hints = typing.get_type_hints(config)
    return [
        option(
            field.name,
            kinds.get(field.name, _kind(hints[field.name])),
            _help({"": field}),
            panel,
            also=also.get(field.name, ()),
        )
        for field in dataclasses.fields(config)
        if field.name not in leave_out
    ]


def model_options(models: Mapping[str, type[Network]] | None = None) -> Parameters:
    """Return the options of every network, those of most networks first.

    One that several networks have appears once, in a panel that names them; its help says where they differ.
    """
    models = _networks() if models is None else models
    owners: dict[str, dict[str, Field]] = {}
    kinds: dict[str, dict[str, object]] = {}
    for model, network in models.items():
        hints = typing.get_type_hints(network.config_class)
        for field in dataclasses.fields(network.config_class):
            if field.name not in network.config_class.data_fields:
                owners.setdefault(field.name, {})[model] = field
                kinds.setdefault(field.name, {})[model] = _kind(hints[field.name])
    return [
        option(name, _common(kinds[name]), _help(fields), _panel(fields, models))
        for name, fields in sorted(owners.items(), key=lambda item: -len(item[1]))
    ]


def training_options(models: Mapping[str, type[Network]] | None = None) -> Parameters:
    """Return the options of the training loop; the help says where a network has a default of its own."""
    from sqnn.training import TrainingConfig

    models = _networks() if models is None else models
    hints = typing.get_type_hints(TrainingConfig)
    options = []
    for field in dataclasses.fields(TrainingConfig):
        own = {
            model: network.training_defaults[field.name]
            for model, network in models.items()
            if field.name in network.training_defaults
        }
        options.append(option(field.name, _kind(hints[field.name]), _sentence(field, own), "Training"))
    return options


def term_weights() -> Parameters:
    """Return the options that give loss terms their weights."""
    from sqnn.training import term_options

    fields = term_options().items()
    return [option(name, float, f"{meaning(field)} (default: 0)", "Training") for name, field in fields]


def run_options(leave_out: Collection[str] = ()) -> Parameters:
    """Return the options of training, loss terms and networks, but for those in `leave_out`."""
    options = [*training_options(), *term_weights(), *model_options()]
    return [parameter for parameter in options if parameter.name not in leave_out]


def with_options(*groups: Parameters) -> Callable[[Callable[..., Clock | None]], Callable[..., Clock | None]]:
    """Give a command that takes **values the listed options; each is None where the user says nothing."""

    def decorate(command: Callable[..., Clock | None]) -> Callable[..., Clock | None]:
        own = [
            p
            for p in inspect.signature(command, eval_str=True).parameters.values()
            if p.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        added = [parameter for group in groups for parameter in group]

        def run(**values: object) -> Clock | None:
            check_kernels()
            return command(**values)

        run.__name__ = command.__name__
        run.__doc__ = "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(command) or "").split("\n\n"))
        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
        return run

    return decorate


def read_settings(config: Path | None, flags: Mapping[str, object], *groups: Parameters) -> dict[str, Any]:
    """Return what the user chose, by option: the YAML file `config`, and over it the flags that were given.

    Texts of lists and sizes are parsed, paths are paths; what is None or an empty list was not given. ConfigError on a
    name in the file that no option has, and on a value of another kind than the option's.
    """
    kinds = {parameter.name: _kind_of(parameter) for group in groups for parameter in group}
    names = {name: parameter.name for group in groups for parameter in group for name in _names_of(parameter)}
    settings: dict[str, Any] = {}
    for name, value in read_config(config).items():
        if name not in names:
            near = did_you_mean(name, kinds) or f"; it has {', '.join(kinds)}"
            raise ConfigError(f"{_short(name)}: no such option of this command{near}")
        settings[names[name]] = value
    settings |= {name: value for name, value in flags.items() if value not in (None, [])}
    if "recipe" in settings:
        # A command that trains nothing has no option for what a recipe says of the training.
        whole = _with_recipe(settings.pop("recipe"), settings)
        settings = {name: value for name, value in whole.items() if name in kinds}
    model = str(settings.get("model", DEFAULT_MODEL))
    return {name: _value(name, value, kinds[name], model) for name, value in settings.items() if value is not None}


def image_options(panel: str = "Options", also: Iterable[str] = ()) -> Parameters:
    """Return the options of images and recordings of a user's own; `also` are further flags of their channels."""
    return [
        option("size", tuple[int, int], "your own pictures: height and width, such as 28x28 (default: theirs)", panel),
        option("in_channels", int, "your own pictures: 1 grey, 3 colour (default: by the pictures)", panel, also=also),
        *event_options(panel),
    ]


def event_options(panel: str = "Options") -> Parameters:
    """Return the options of event recordings, but for the number of frames: the time steps of the network."""
    kinds = ", ".join(SYNTHETIC)
    return [
        option(SIMULATED, str, f"take synthetic recordings of events that are made of the pictures: {kinds}", panel),
        *config_options(Framing, panel, leave_out={TIMESTEPS}),
    ]


def recordings_in(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are about event recordings."""
    return {name: settings[name] for name in (SIMULATED, *FRAMED) if name in settings}


def recipe_option(panel: str = "Options") -> inspect.Parameter:
    """Return the option `--recipe`, whose settings `read_settings` puts beneath those that the user chose."""
    from sqnn.training import RECIPES

    known = "; ".join(f"{name}: {recipe.title}" for name, recipe in RECIPES.items())
    return option("recipe", str, f"network, images and training in one; other options override them. {known}", panel)


def _with_recipe(name: object, settings: Mapping[str, object]) -> dict[str, object]:
    """Return settings over those of a recipe; ConfigError where there is none such, or where it is of another model."""
    from sqnn.training import RECIPES

    recipe = RECIPES.pick(name, error=ConfigError)
    if settings.get("model", recipe.model) != recipe.model:
        raise ConfigError(
            f"recipe: {name} is one of {recipe.model}, got model {settings['model']!r} beside it; leave one out"
        )
    return {**recipe.settings, **settings}


def read_config(path: Path | None) -> dict[str, Any]:
    """Return the settings in a YAML file, their names spelled as in Python; ConfigError where it is not a mapping."""
    if path is None:
        return {}
    try:
        values = read_yaml(read_text(path))
    except FileNotFoundError as error:
        raise ConfigError(
            f"config: no file {path}, expected a YAML file of options; check the spelling and the current folder"
        ) from error
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise ConfigError(f"config: {path} is not readable YAML ({reason(error)})") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"config: {path} holds {type(values).__name__}, expected a mapping of option names to values")
    return {key.replace("-", "_"): value for key, value in values.items()}


def _short(name: str) -> str:
    """Return a name as it stands in a message; one that is too long for a name is cut."""
    return name if len(name) <= LONGEST else brief(name)


def _networks() -> Mapping[str, type[Network]]:
    from sqnn.models import MODELS

    return MODELS


def _kind(hint: object) -> object:
    """Return the type that a field's option has: int for int | None, and text for what the command line has no type."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        kinds = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _kind(kinds[0]) if len(kinds) == 1 else hint
    values = set(typing.get_args(hint)) - {...} if typing.get_origin(hint) is tuple else {hint}
    return hint if len(values) == 1 and values <= EXPECTED.keys() else str


def _common(kinds: Mapping[str, object]) -> object:
    """Return the type that an option has in all networks, or the types by network where they differ."""
    first = next(iter(kinds.values()))
    return first if all(kind == first for kind in kinds.values()) else kinds


def _value(name: str, value: object, kind: object, model: str) -> object:
    """Return the value of an option, which for one whose type depends on the network is text on the command line."""
    if not isinstance(kind, Mapping):
        return _parse(name, value, kind)
    own = kind.get(model)
    if own in (int, float, bool) and isinstance(value, str):
        try:
            value = read_yaml(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"{name}: got {brief(value)}, expected {EXPECTED[own]}") from error
    return _parse(name, value, own)


def _kind_of(parameter: inspect.Parameter) -> object:
    return typing.get_args(parameter.annotation)[2]


def _names_of(parameter: inspect.Parameter) -> list[str]:
    """Return the names that a file may give an option: its own, and those of its further flags."""
    return [parameter.name, *(flag.lstrip("-").replace("-", "_") for flag in typing.get_args(parameter.annotation)[3])]


def _parse(name: str, value: object, kind: object) -> object:
    """Return the value of an option of this type; ConfigError where it is of another, or where a text does not parse.

    Lists in a file are left to the configuration that they are for.
    """
    if typing.get_origin(kind) is tuple:
        first, second, *_ = kinds = typing.get_args(kind)
        parse = _parse_list if second is ... else _parse_size
        return parse(name, value, first, len(kinds)) if isinstance(value, str) else value
    if kind not in EXPECTED:
        return value
    fits = {Path: (str, Path), float: (int, float)}.get(kind, kind)
    if not isinstance(value, fits) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{name}: got {brief(value)}, expected {EXPECTED[kind]}")
    return Path(value) if kind is Path and isinstance(value, str) else value


def _parse_list(name: str, text: str, kind: type, _: int = 0) -> tuple[Any, ...]:
    try:
        return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        expected = "whole numbers with commas, such as 2,4,8" if kind is int else "numbers with commas, such as 0.1,0.5"
        raise ConfigError(f"{name}: got {brief(text)}, expected {expected}") from error


def _parse_size(name: str, text: str, kind: type, length: int) -> tuple[Any, ...]:
    """Return a text such as 1x28x28 as whole numbers; a height alone is the width too."""
    parts = text.lower().split("x")
    if not all(part.isascii() and part.isdigit() for part in parts) or len(parts) not in (
        length,
        length - (length == 2),
    ):
        example = "height and width such as 28x28" if length == 2 else "channels, height and width such as 1x28x28"
        raise ConfigError(f"{name}: got {brief(text)}, expected {example}")
    return tuple(int(part) for part in (parts * 2 if len(parts) < length else parts))


def _panel(owners: Iterable[str], models: Iterable[str]) -> str:
    """Return the title of the panel for options of these networks: it names the owners, or the others if fewer."""
    owners, models = list(owners), list(models)
    others = [model for model in models if model not in owners]
    if len(models) > 1 and not others:
        return "Every model"
    if len(owners) > MOST_NAMED and len(others) < len(owners):
        return f"Every model but {', '.join(others)}"
    return f"Model: {', '.join(owners)}"


def _help(fields: Mapping[str, Field]) -> str:
    """Return the help of one option of several networks: one sentence, or one for each group that has its own."""
    groups: dict[tuple[str, str], dict[str, Field]] = {}
    for model, field in fields.items():
        groups.setdefault((meaning(field), limits_of(field)), {})[model] = field
    sentences = {
        ", ".join(group): _sentence(next(iter(group.values())), {model: f.default for model, f in group.items()})
        for group in groups.values()
    }
    if len(sentences) == 1:
        return next(iter(sentences.values()))
    return ". ".join(f"{models}: {sentence}" for models, sentence in sentences.items())


def _sentence(field: Field, own: Mapping[str, object]) -> str:
    """Return a field's help, and after it limits and defaults: "qubits (1 to 30; default: 9; has8-vgg: 4)".

    `own` are the defaults by network, where they differ from the field's.
    """
    groups: dict[str, list[str]] = {}
    for model, value in own.items():
        if value != field.default:
            groups.setdefault(shown(field, value), []).append(model)
    remarks = [limits_of(field)] if limits_of(field) else []
    if groups or field.default not in (None, (), ""):  # else the sentence itself says what happens
        limits: Limits | None = field.metadata.get("limits")
        everything = limits is not None and field.default == tuple(limits.among or ())
        remarks.append(f"default: {'all' if everything else shown(field, field.default)}")
    remarks += [f"{', '.join(models)}: {value}" for value, models in groups.items()]
    return f"{meaning(field)} ({'; '.join(remarks)})" if remarks else meaning(field)
