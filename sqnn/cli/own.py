"""`--model module:function`: a network of a user's own on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
import yaml

from sqnn.core import ConfigError, brief, read_yaml, reason
from sqnn.models import OwnModel

MEANING = "module:function or file.py:function that makes a network of your own, importable from the current folder"
OPTIONS_MEANING = "keyword argument of that function, such as width=8; may be given again"
ModelOption = Annotated[str | None, typer.Option("--model", help=MEANING)]
ModelOptions = Annotated[list[str] | None, typer.Option("--model-options", help=OPTIONS_MEANING)]


def own_model(where: str | None, options: Sequence[str] | None = None) -> OwnModel | None:
    """Return what the options --model and --model-options name; None where they name no network of the user's own."""
    if where is None or ":" not in where:
        if options:
            raise ConfigError(f"model_options: got {options[0]!r}, expected --model module:function, which takes them")
        return None
    return OwnModel(where, plain_values("model_options", options, "width=8"))


def plain_values(option: str, texts: Sequence[str] | None, example: str) -> dict[str, Any]:
    """Return the values of an option that is given as name=value, again and again; ConfigError on anything else."""
    values: dict[str, Any] = {}
    for each in texts or ():
        name, equals, text = each.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ConfigError(f"{option}: got {brief(each)}, expected name=value, such as {example}")
        try:
            values[name.strip()] = read_yaml(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{option}: got {brief(each)}, expected a plain value ({reason(error)})") from error
    return values


def given_own(where: str | None, options: Sequence[str] | None = None) -> OwnModel | None:
    """Return what the options name beside a stored network, which needs them where it is of the user's own."""
    own = own_model(where, options)
    if where is not None and own is None:
        raise ConfigError(f"model: got {where!r}, expected module:function; a network of the package needs none")
    return own
