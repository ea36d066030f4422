"""Everything that can evaluate a `DataReupload` circuit: `engine(inputs, weights) -> <Z>`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from torch import Tensor

from circuits.engines.aer import AerEngine
from circuits.engines.heisenberg import n_dead_turns
from circuits.engines.lightcone import OBSERVABLES, LightConeEngine
from circuits.engines.pennylane import DIFF_METHODS, PennyLaneEngine
from circuits.reupload import DataReupload


class Engine(Protocol):
    """A way to evaluate one circuit: inputs [batch, 3 n], weights [L, n, 3], both in radians -> <Z> [batch, n]."""

    name: str
    circuit: DataReupload

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor: ...


_MAKERS: Mapping[str, Callable[..., Engine]] = MappingProxyType(
    {"lightcone": LightConeEngine, "pennylane": PennyLaneEngine, "aer": AerEngine}
)
ENGINES: tuple[str, ...] = tuple(_MAKERS)


def make_engine(name: str, circuit: DataReupload, **options: Any) -> Engine:
    """Build the named engine; `options` go to its constructor. ValueError on an unknown name or option."""
    if name not in _MAKERS:
        raise ValueError(f"engine: got {name!r}, expected one of {', '.join(ENGINES)}")
    allowed = list(inspect.signature(_MAKERS[name]).parameters)[1:]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise ValueError(f"engine: {name} takes {', '.join(allowed)}, got {', '.join(unknown)}")
    return _MAKERS[name](circuit, **options)


__all__ = [
    "DIFF_METHODS",
    "ENGINES",
    "OBSERVABLES",
    "AerEngine",
    "Engine",
    "LightConeEngine",
    "PennyLaneEngine",
    "make_engine",
    "n_dead_turns",
]
