"""The quantum circuits within any network, and the network with others in their place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from sqnn.core import ConfigError, brief
from sqnn.models.create import known_name, require_network

if TYPE_CHECKING:
    from circuits import QuantumLayer, ReuploadLayer

Module = TypeVar("Module", bound=nn.Module)


def circuits_of(model: nn.Module) -> list[ReuploadLayer | QuantumLayer]:
    """Return the quantum circuits of a network, each once, in the order of its parts."""
    from circuits import QuantumLayer, ReuploadLayer

    return [part for part in model.modules() if isinstance(part, ReuploadLayer | QuantumLayer)]


def require_circuit(model: nn.Module, name: str, value: object) -> None:
    """Raise ConfigError unless the network has a quantum circuit, which alone the argument called `name` is about."""
    if not circuits_of(require_network(model)):
        called = known_name(model) or type(model).__name__
        raise ConfigError(
            f"{name}: got {brief(value)}, expected a network with a quantum circuit (a ReuploadLayer or QuantumLayer "
            f"among its parts); {called} has none"
        )


def change_circuits(model: Module, change: Callable[[ReuploadLayer | QuantumLayer], nn.Module]) -> Module:
    """Return a network that shares all weights with `model` and has `change(circuit)` in place of each circuit.

    Both are usable side by side. Where forward reaches a circuit by another way than the modules that hold it (a
    list, a closure), it meets the one that it met before.
    """
    changed: dict[int, nn.Module] = {id(circuit): change(circuit) for circuit in circuits_of(model)}

    def rebuilt(part: nn.Module) -> nn.Module:
        if id(part) not in changed:
            inner = {name: child if child is None else rebuilt(child) for name, child in part._modules.items()}
            other = part
            if any(inner[name] is not child for name, child in part._modules.items()):
                other = copy.copy(part)
                other._modules = inner
            changed[id(part)] = other
        return changed[id(part)]

    return rebuilt(model)  # type: ignore[return-value]
