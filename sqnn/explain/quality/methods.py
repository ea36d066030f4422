"""Methods by name, as functions that make maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqnn.core import ConfigError, brief
from sqnn.explain.quality.maps import BASELINES, MapMaker


def makers_of(methods: str | Sequence[str] | Mapping[str, MapMaker] | None) -> dict[str, MapMaker]:
    """Return what makes maps by name, the baselines first; ConfigError where a name is unknown."""
    if isinstance(methods, Mapping):
        for name, make in methods.items():
            if name in BASELINES or not isinstance(name, str) or not callable(make):
                raise ConfigError(f"methods: got {brief(name)}: {brief(make)}, expected a name of its own: a function")
        return {**BASELINES, **methods}
    names = [name.strip() for name in methods.split(",")] if isinstance(methods, str) else list(methods or ())
    return {**BASELINES, **{name: BASELINES.pick(name, error=ConfigError) for name in names}}
