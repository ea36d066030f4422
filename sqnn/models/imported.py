"""A network of a user's own by the place of the function that makes it: "module:function" or "file.py:function"."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqnn.core import ConfigError, reason
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
            make = getattr(_module_of(module), function)
        except (ImportError, AttributeError, SyntaxError, ValueError, OSError) as error:
            raise ConfigError(
                f"model: {self.where} cannot be imported from {here} ({reason(error)}); give module:function"
            ) from error
        try:
            network: nn.Module = make(**self.options)
        except TypeError as error:
            raise ConfigError(f"model: {self.name} makes no network ({reason(error)}); see --model-options") from error
        return network


def _module_of(name: str) -> ModuleType:
    """Import a module by its name, or by the path of its file, which is read once."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = str(Path(name).resolve())
    if path not in sys.modules:
        spec = importlib.util.spec_from_file_location(path, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path] = module  # before it is run: classes look for their module there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[path]
            raise
    return sys.modules[path]
