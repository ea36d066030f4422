"""Spiking layers of a network, found by their paths, and what passes through them in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from noise_models import unknown
from sqnn.core import ConfigError, require
from sqnn.encoding import SparseTrains
from sqnn.layers import LIBRARIES, is_of
from sqnn.neurons import Neuron
from sqnn.plasticity.connections import Connection, Recurrent, connection_of

CONNECTIONS = (nn.Linear, nn.Conv1d, nn.Conv2d)
"""The layers whose weights are synapses."""
RECURRENT = "recurrent"
"""The name of a layer that feeds spikes back to the neurons that fired them."""


@dataclass
class Site:
    """A layer with weights and the neurons that it drives; within a training pass, what entered and left them.

    `spikes_in` are what the layer received, [time x batch, ...] or [time, batch, ...], `spikes_out` are
    [time, batch, ...], `error` is the gradient of the loss by the currents of the neurons, shaped as `spikes_out`.
    """

    path: str
    layer: nn.Linear | nn.Conv1d | nn.Conv2d
    neuron: nn.Module
    recurrent: bool = False
    """Whether the layer feeds the spikes of the neurons back to them, one step later."""
    _always: bool = False
    _inputs: list[Tensor | SparseTrains] = field(default_factory=list)
    _outputs: list[Tensor] = field(default_factory=list)
    _currents: list[Tensor] = field(default_factory=list)
    _hooks: list[RemovableHandle] = field(default_factory=list)

    def watch(self, always: bool = False) -> None:
        """Record from now on what passes with gradients, or always, and forget what passed before."""
        self.release()
        self._always = always
        self._hooks = [
            self.layer.register_forward_hook(self._connected),
            self.neuron.register_forward_hook(self._fired),
        ]

    def release(self) -> None:
        """Take every hook off, and forget what passed."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        for kept in (self._inputs, self._outputs, self._currents):
            kept.clear()

    @property
    def passed(self) -> bool:
        """Whether anything has passed since `watch`."""
        return bool(self._outputs)

    @property
    def spikes_out(self) -> Tensor:
        """The spikes of the neurons, [time, batch, ...]; ConfigError before any has passed."""
        self._require_passed("spikes_out")
        return self._over_time(self._outputs, self._outputs[0])

    @property
    def connection(self) -> Connection:
        """How the weights lie between the spikes that come in and those that go out."""
        return Recurrent() if self.recurrent else connection_of(self.layer)

    @property
    def spikes_in(self) -> Tensor | SparseTrains:
        """What the layer received, [time, batch, ...]; of a recurrent one, what its neurons fired.

        ConfigError before any has passed.
        """
        self._require_passed("spikes_in")
        if self.recurrent:
            return self.spikes_out
        timesteps, batch = self.spikes_out.shape[:2]
        if len(self._inputs) != len(self._outputs):
            raise ConfigError(
                f"layers: {self.path} is called {len(self._inputs)} times and its neurons "
                f"{len(self._outputs)} times per pass, expected as many of each, so that every step has its spikes"
            )
        first = self._inputs[0]
        if isinstance(first, SparseTrains):
            return first
        if len(self._inputs) > 1:
            return torch.stack([step for step in self._inputs if isinstance(step, Tensor)])
        if tuple(first.shape[:2]) == (timesteps, batch) and first.ndim == self._rank:
            return first
        if len(first) != timesteps * batch:
            raise ConfigError(
                f"layers: {self.path} received {list(first.shape)}, expected the inputs of "
                f"{timesteps} steps of {batch} samples, [time x batch, ...]"
            )
        return first.unflatten(0, (timesteps, batch))

    @property
    def error(self) -> Tensor:
        """The gradient of the loss by the currents of the neurons, [time, batch, ...]; zeros where none arrived."""
        self._require_passed("error")
        gradients = [torch.zeros_like(c) if c.grad is None else c.grad for c in self._currents]
        return self._over_time(gradients, self._outputs[0])

    def _require_passed(self, name: str) -> None:
        if not self.passed:
            raise ConfigError(
                f"{name}: nothing has passed through {self.path or 'the layer'}; call watch(), and then the network "
                "with gradients, or watch(always=True)"
            )

    @property
    def _rank(self) -> int:
        """Dimensions of a window [time, batch, ...] of inputs."""
        return {nn.Linear: 3, nn.Conv1d: 4, nn.Conv2d: 5}[_kind(self.layer)]

    def _over_time(self, parts: Sequence[Tensor], like: Tensor) -> Tensor:
        return torch.stack(list(parts)) if len(self._outputs) > 1 else parts[0].view(like.shape)

    def _connected(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if self._always or torch.is_grad_enabled():
            self._inputs.append(inputs[0].detach() if isinstance(inputs[0], Tensor) else inputs[0])

    def _fired(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor | tuple[Tensor, ...]) -> None:
        if not (self._always or torch.is_grad_enabled()):
            return
        spikes = output if isinstance(output, Tensor) else output[0]
        self._outputs.append(spikes.detach())
        if inputs[0].requires_grad:
            inputs[0].retain_grad()
        self._currents.append(inputs[0])


def sites(model: nn.Module, paths: Sequence[str] = (), argument: str = "layers") -> list[Site]:
    """Return the spiking layers of a network below these paths, in its own order; all of them where there are no paths.

    A spiking layer is a linear or convolutional layer and the neurons that come next among the modules of the network:
    neurons of this package, or of a library of LIBRARIES. A linear layer called `recurrent` feeds the spikes of these
    neurons back to them.

    Raises ConfigError, naming the argument, where a path leads to no module or to no spiking layer.
    """
    require(isinstance(model, nn.Module), "model", model, "a network, a torch.nn.Module")
    modules = dict(model.named_modules())
    found: list[Site] = []
    waiting: list[tuple[str, Any]] = []
    for path, module in modules.items():
        if isinstance(module, CONNECTIONS):
            waiting = [*(waiting if _fed_back(path) else ()), (path, module)]
        elif waiting and is_neuron(module):
            found += [Site(name, layer, module, _fed_back(name)) for name, layer in waiting]
            waiting = []
    names = [site.path for site in found]
    for path in paths:
        if path not in modules:
            raise ConfigError(unknown("layers", path, names))
        if not any(_below(name, path) for name in names):
            raise ConfigError(
                f"layers: got {path}, expected a path to a linear or convolutional layer with neurons after it: "
                f"{', '.join(names) or 'this network has none'}"
            )
    chosen = [site for site in found if not paths or any(_below(site.path, path) for path in paths)]
    if not chosen:
        raise ConfigError(
            f"{argument}: {type(model).__name__} has no spiking layer, which is a linear or convolutional layer with "
            "neurons after it"
        )
    return chosen


def is_neuron(module: nn.Module) -> bool:
    """Say whether a module is a layer of spiking neurons, of this package or of another library."""
    if isinstance(module, Neuron):
        return True
    return not any(module.children()) and any(is_of(module, library) for library in LIBRARIES)


def _below(name: str, path: str) -> bool:
    return path in ("", name) or name.startswith(f"{path}.")


def _fed_back(path: str) -> bool:
    return path.rpartition(".")[2] == RECURRENT


def _kind(layer: nn.Module) -> type[nn.Module]:
    return next(kind for kind in CONNECTIONS if isinstance(layer, kind))
