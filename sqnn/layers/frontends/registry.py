"""Conventions by name, and the one that a network follows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import nn

from sqnn.core import Choices, ConfigError
from sqnn.layers.frontends.base import Convention, is_of
from sqnn.layers.frontends.norse import Norse
from sqnn.layers.frontends.sinabs import Sinabs
from sqnn.layers.frontends.snntorch import SnnTorch
from sqnn.layers.frontends.spikingjelly import SpikingJelly

PLAIN = "plain"
"""Name of the convention of modules without state."""
CONVENTIONS: Choices[Convention] = Choices(
    "convention",
    {PLAIN: Convention(), **{kind.library: kind() for kind in (SnnTorch, SpikingJelly, Norse, Sinabs)}},
)
LIBRARIES: Mapping[str, str] = MappingProxyType({name: kind.mend for name, kind in CONVENTIONS.items() if kind.library})
"""Libraries of spiking neurons, and how a network of theirs forgets the batch before."""


def libraries_of(model: nn.Module) -> list[str]:
    """Return the libraries of spiking neurons, of those that are known, that parts of a network come from."""
    return [library for library in LIBRARIES if any(is_of(part, library) for part in model.modules())]


def convention_of(network: nn.Module, name: str | None = None) -> Convention:
    """Return the convention of this name, or the one of the library whose neurons are within; ConfigError on two."""
    if name is not None:
        return CONVENTIONS.pick(name, error=ConfigError)
    used = libraries_of(network)
    if len(used) > 1:
        raise ConfigError(
            f"convention: got None for a network with parts of {' and '.join(used)}, expected the name of the one that "
            f"it is called as: {', '.join(CONVENTIONS)}"
        )
    return CONVENTIONS[used[0] if used else PLAIN]
