"""The convention of a spiking library: how its networks are called over time, and how they forget the batch before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from sqnn.core import ConfigError

PAIR = "features [batch, features], spikes or membranes [time, batch, features], or (spikes, membranes)"


class Recorded(NamedTuple):
    """What a network gave: both [time, batch, features], or [batch, features] where it has read out time itself."""

    spikes: Tensor
    membranes: Tensor | None = None


class Convention:
    """How networks of a library are called; this one is that of modules without state, which see all steps at once.

    Subclass it to add a library, and name it in `CONVENTIONS`. `library` is the top-level name of its package, `mend`
    what its users write to forget a batch, and `forget` the method of its neurons that does so.
    """

    library: ClassVar[str] = ""
    mend: ClassVar[str] = ""
    forget: ClassVar[str] = ""

    def reset(self, network: nn.Module) -> None:
        """Let every neuron of the library within a network forget what it has seen."""
        if self.forget:
            for part in network.modules():
                if is_of(part, self.library) and hasattr(part, self.forget):
                    getattr(part, self.forget)()

    def once(self, network: nn.Module, images: Tensor) -> Recorded:
        """Call a network that makes its own time steps on images [batch, ...]."""
        return recorded(network(images))

    def over_time(self, network: nn.Module, trains: Tensor) -> Recorded:
        """Call a network on spike trains [time, batch, ...], once per step or on all of them."""
        return recorded(network(trains))


def is_of(part: nn.Module, library: str) -> bool:
    """Say whether a module's class, or one that it is made from, belongs to a library; the library is not imported."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(part).__mro__)


def recorded(output: object) -> Recorded:
    """Read an output: spikes alone or (spikes, ..., membranes); a list holds time steps. ConfigError on others."""
    if isinstance(output, tuple) and len(output) > 1:
        return Recorded(_steps(output[0]), _steps(output[-1]))
    return Recorded(_steps(output[0] if isinstance(output, tuple) and output else output))


def stepwise(call: Callable[[Tensor], object], trains: Tensor) -> Recorded:
    """Call once per step on [batch, ...], and stack what each step gives."""
    steps = [recorded(call(step)) for step in trains]
    membranes = [step.membranes for step in steps if step.membranes is not None]
    return Recorded(_stack([step.spikes for step in steps]), _stack(membranes) if membranes else None)


def _steps(output: object) -> Tensor:
    if isinstance(output, list) and output and all(isinstance(step, Tensor) for step in output):
        return _stack(output)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        given = output.dtype if isinstance(output, Tensor) else type(output).__name__
        raise ConfigError(f"frontend: got an output of {given}, expected {PAIR} of floating point")
    return output


def _stack(steps: Sequence[Tensor]) -> Tensor:
    if len({step.shape for step in steps}) > 1:
        shapes = " and ".join(str(list(step.shape)) for step in steps[:2])
        raise ConfigError(f"frontend: got steps of shapes {shapes}, expected one shape [batch, features] at every step")
    return torch.stack(list(steps))
