"""A network of a user's own by the place of the function that makes it, and a digest of its code.

A place is "module:function" or "file.py:function".
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from noise_models import did_you_mean
from sqnn.core import RAISED, ConfigError, digest, raised, reason
from sqnn.models.own import SEPARATOR

if TYPE_CHECKING:
    from torch import nn


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
        module, _, function = self.where.rpartition(SEPARATOR)
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        try:
            known = _module_of(module)
        except RAISED as error:
            why = reason(error) if isinstance(error, ImportError | SyntaxError | OSError) else raised(error)
            raise ConfigError(
                f"model: {self.where} cannot be imported from {here} ({why}); give module:function"
            ) from error
        if not hasattr(known, function):
            raise ConfigError(f"model: {module} has no {function}{_instead(known, function)}")
        make = getattr(known, function)
        try:
            network: nn.Module = make(**self.options)
        except TypeError as error:
            raise ConfigError(
                f"model: {self.name} makes no network ({reason(error)}); give it the arguments that it takes"
            ) from error
        except RAISED as error:
            raise ConfigError(
                f"model: {self.name} makes no network: {raised(error)}; give it arguments that it can take, or mend it"
            ) from error
        return network


def _instead(module: ModuleType, name: str) -> str:
    """Say which function or class of a module is near to a name that it has not, or else which there are."""
    own = [each for each, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    makers = [each for each in own if callable(vars(module)[each]) and not each.startswith("_")]
    return did_you_mean(name, makers) or f"; it has {', '.join(makers) or 'no function'}"


def code_of(make: object) -> str | None:
    """Return the SHA-256 of the code that makes a network, and of the arguments it is called with.

    Of an `OwnModel` it is the text of the whole file, of anything else that of the function or class alone: not of what
    they import or find in variables outside. None where Python knows no text, as of code that was typed into a console.
    """
    try:
        if isinstance(make, OwnModel):
            return _digest(inspect.getsource(_module_of(make.where.rpartition(SEPARATOR)[0])), (), make.options)
        arguments = (make.args, make.keywords) if isinstance(make, functools.partial) else ((), {})
        known = inspect.unwrap(make.func if isinstance(make, functools.partial) else make)  # type: ignore[arg-type]
        code = known if inspect.isroutine(known) or inspect.isclass(known) else type(known)
        return _digest(inspect.getsource(code), *arguments)
    except (OSError, TypeError):  # Python knows no text of it
        return None


def _digest(text: str, positional: Sequence[object], named: Mapping[str, object]) -> str:
    arguments = {name: _plain(value) for name, value in named.items()}
    return digest({"text": text, "positional": [*map(_plain, positional)], "named": arguments})


def _plain(value: object) -> object:
    """Return a plain value as text, and of another the name of its type, since its own text may hold an address."""
    if isinstance(value, list | tuple):
        return [*map(_plain, value)]
    plain = value is None or isinstance(value, str | int | float)
    return repr(value) if plain else str(getattr(value, "__qualname__", type(value).__qualname__))


class _Reader(SourceFileLoader):
    """A loader of a text that was read already, never of older bytecode."""

    text = b""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.text, self.path)


def _module_of(name: str) -> ModuleType:
    """Import a module by its name, or by the path of its file, which is run anew where its text has changed."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = str(Path(name).resolve())
    text, known = Path(path).read_bytes(), sys.modules.get(path)
    if known is not None and getattr(known.__loader__, "text", None) == text:
        return known
    loader = _Reader(path, path)
    loader.text = text
    spec = importlib.util.spec_from_file_location(path, path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path] = module  # before it is run: classes look for their module there
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[path]
        raise
    return module
