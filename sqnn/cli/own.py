"""`--model module:function`: a network of a user's own on the command line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from sqnn.core import ConfigError, brief, read_yaml, reason

if TYPE_CHECKING:
    from torch import nn

MEANING = "module:function that makes a network of your own, importable from the current folder"
OPTIONS_MEANING = "keyword argument of that function, such as width=8; may be given again"
ModelOption = Annotated[str | None, typer.Option("--model", help=MEANING)]
ModelOptions = Annotated[list[str] | None, typer.Option("--model-options", help=OPTIONS_MEANING)]


@dataclass(frozen=True)
class OwnModel:
    """A function of the user's, by its place, and the keyword arguments that it is called with."""

    where: str
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What runs and files call its network: "module:function(width=8)"."""
        given = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.where}({given})" if given else self.where

    def __call__(self) -> nn.Module:
        """Import the function and call it; ConfigError where there is none, or where it does not take the arguments."""
        module, _, function = self.where.partition(":")
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        try:
            make = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, SyntaxError, ValueError) as error:
            raise ConfigError(
                f"model: {self.where} cannot be imported from {here} ({reason(error)}); give module:function"
            ) from error
        try:
            network: nn.Module = make(**self.options)
        except TypeError as error:
            raise ConfigError(f"model: {self.name} makes no network ({reason(error)}); see --model-options") from error
        return network


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
