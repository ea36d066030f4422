"""Names of the last release that have moved: they still answer, with a warning that says where they are now.

Each answers for one release. The three packages share this one table, which is why it lies in the lowest of them.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import MappingProxyType, ModuleType

MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "circuits.cone_figure": ("circuits.plotting",),
        "circuits.device": ("circuits.pennylane_device",),
        "circuits.drawing": ("circuits.plotting",),
        "circuits.figure": ("circuits.plotting",),
        "circuits.resolve": ("circuits",),
        "noise_models.devices": ("noise_models",),
        "noise_models.library": ("noise_models",),
        "noise_models.specification": ("noise_models",),
        "sqnn.experiments": ("sqnn.studies", "sqnn.bench", "circuits.diagnostics"),
        "sqnn.files": ("sqnn.core",),
        "sqnn.frontends": ("sqnn.layers",),
        "sqnn.hybrid": ("sqnn.layers",),
        "sqnn.memory_format": ("sqnn.core",),
        "sqnn.models.source": ("sqnn.models",),
    }
)
"""Modules that have moved, and the doors that have their names now."""

NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "sqnn.conversion": dict.fromkeys(
            ("ENERGY_MODELS", "OPERATIONS", "OperationCount", "Score", "count_operations", "score"), "sqnn.metrics"
        )
        | {"BitPenalty": "sqnn.training"},
        "sqnn.models": dict.fromkeys(("ConfigError", "option", "read_yaml", "require", "require_one_of"), "sqnn.core"),
    }
)
"""Names that have moved from doors that stay, and the doors that have them now."""


def _answer(
    module: str, homes: Callable[[str], Sequence[str]], own: Callable[[str], object] | None = None
) -> Callable[[str], object]:
    """Return a `__getattr__` of a module: names that moved from their homes, with a warning, others from its `own`."""

    def __getattr__(name: str) -> object:  # noqa: N807
        for home in homes(name):
            try:
                value: object = getattr(importlib.import_module(home), name)
            except AttributeError:
                continue
            text = f"{module}.{name} has moved: `from {home} import {name}`; the old place goes with the next release"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return value
        if own is not None:
            return own(name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__


class _OldModule(Loader):
    """Makes a module that holds nothing and answers from its new homes."""

    def exec_module(self, module: ModuleType) -> None:
        homes = MODULES[module.__name__]
        text = f"{module.__name__} has moved to {', '.join(homes)}; the old place goes with the next release"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        module.__doc__ = f"Moved to {', '.join(homes)}."
        vars(module)["__getattr__"] = _answer(module.__name__, lambda name: () if name.startswith("__") else homes)


class _Door(SourceFileLoader):
    """Loads a door as ever, and has it answer for the names that have moved away."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        homes = NAMES[module.__name__]
        own = vars(module).get("__getattr__")
        moved = _answer(module.__name__, lambda name: (homes[name],) if name in homes else (), own)
        vars(module)["__getattr__"] = moved
        vars(module)["__all__"] = [*vars(module)["__all__"], *homes]


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in MODULES:
            # A package, so that importing a name that is not there asks for it here.
            return ModuleSpec(name, _OldModule(), is_package=True)
        parent, _, last = name.rpartition(".")
        if parent in MODULES:
            homes = ", ".join(MODULES[parent])
            raise ImportError(f"{parent} has moved to {homes}, where there is no {last}", name=name)
        spec = PathFinder.find_spec(name, path) if name in NAMES else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Door(name, spec.loader.path)
        return spec


sys.meta_path.insert(0, _Finder())
