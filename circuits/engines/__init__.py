"""Everything that can evaluate a `DataReupload` circuit: `engine(inputs, weights) -> <Z>`."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from circuits.engines.lightcone import OBSERVABLES, LightConeEngine
from circuits.engines.pennylane import DIFF_METHODS, PennyLaneEngine
from circuits.reupload import DataReupload


class Engine(Protocol):
    """A way to evaluate one circuit: inputs [batch, 3 n], weights [L, n, 3], both in radians -> <Z> [batch, n]."""

    name: str
    circuit: DataReupload

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor: ...


ENGINES: tuple[str, ...] = ("lightcone", "pennylane")


def make_engine(name: str, circuit: DataReupload, **options: Any) -> Engine:
    """Build the named engine; `options` go to its constructor. ValueError on an unknown name or option."""
    if name == "lightcone":
        allowed = {"observable", "shots", "generator", "memory_budget"}
        unknown = sorted(set(options) - allowed)
        if unknown:
            raise ValueError(f"engine: lightcone takes {', '.join(sorted(allowed))}, got {', '.join(unknown)}")
        return LightConeEngine(circuit, **options)
    if name == "pennylane":
        unknown = sorted(set(options) - {"device", "diff_method", "gradient_options"})
        if unknown:
            raise ValueError(f"engine: pennylane takes device, diff_method, gradient_options, got {', '.join(unknown)}")
        return PennyLaneEngine(circuit, **options)
    raise ValueError(f"engine: got {name!r}, expected one of {', '.join(ENGINES)}")


__all__ = ["DIFF_METHODS", "ENGINES", "OBSERVABLES", "Engine", "LightConeEngine", "PennyLaneEngine", "make_engine"]
