"""What is recorded of each kind of neurons of this package: hooks on one module, and what they saw."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sqnn.conversion import SpikingNeuron
from sqnn.explain.recording.layers import LayerRecord, joined
from sqnn.neurons import Neuron, to_levels, to_values
from sqnn.plasticity import Competition

See = Callable[[LayerRecord], None]
Arguments = tuple[Any, ...]
Named = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What is kept of a layer beside its spikes, whether the graph of gradients is cut off, and where records go."""

    membranes: bool = True
    currents: bool = True
    detach: bool = True
    device: torch.device | None = None

    def keep(self, values: Tensor) -> Tensor:
        """Return values as they are kept: what the network does with them later does not change a detached record."""
        return values.detach().to(self.device or values.device, copy=True) if self.detach else values

    def made(self, values: Tensor) -> Tensor:
        """Return values that the recorder has made itself, as they are kept."""
        return values.detach().to(self.device or values.device)

    def current(self, values: Tensor) -> Tensor | None:
        """Return the currents as they are kept, if they are."""
        return self.keep(values) if self.currents else None

    def number(self, value: Tensor | float | None, features: int = 0) -> Tensor | float | None:
        """Return a constant of a neuron: numbers as they are, one per channel so that it broadcasts over a train.

        `features` are the dimensions of a train after time and batch.
        """
        if not isinstance(value, Tensor):
            return value
        value = value.detach().to(self.device or value.device, copy=True)
        return value.view(-1, *(1 for _ in range(features - 1))) if value.ndim == 1 else value


class Monitor(ABC):
    """Records one kind of neurons; the first monitor that knows a module records it."""

    @abstractmethod
    def knows(self, part: nn.Module) -> bool:
        """Say whether a module is of this kind."""

    @abstractmethod
    def watch(self, part: Any, wanted: Wanted, see: See, hooks: ExitStack) -> None:
        """Set hooks that hand on a record of every call; `hooks` removes them."""

    def combine(self, calls: Sequence[LayerRecord]) -> list[LayerRecord]:
        """Return the records of one forward pass: one per call, numbered from the second on."""
        return [replace(each, name=f"{each.name}#{n}" if n > 1 else each.name) for n, each in enumerate(calls, 1)]


class OwnNeurons(Monitor):
    """Layers of neurons that show their membranes in the same call."""

    def knows(self, part: nn.Module) -> bool:
        return isinstance(part, Neuron)

    def watch(self, part: Neuron, wanted: Wanted, see: See, hooks: ExitStack) -> None:
        signature = inspect.signature(part.forward)
        shows = wanted.membranes and "return_membrane" in signature.parameters
        asked = False

        def enter(part: nn.Module, args: Arguments, named: Named) -> tuple[Arguments, dict[str, Any]]:
            nonlocal asked
            given = signature.bind(*args, **named)
            asked = bool(given.arguments.get("return_membrane", False))
            if shows:
                given.arguments["return_membrane"] = True
            return given.args, given.kwargs

        def leave(part: Neuron, args: Arguments, named: Named, output: Any) -> Any:
            spikes, membranes = output if isinstance(output, tuple) else (output, None)
            currents = next(iter(signature.bind(*args, **named).arguments.values()))
            see(
                LayerRecord(
                    "",
                    wanted.keep(spikes),
                    None if membranes is None or not wanted.membranes else wanted.keep(membranes),
                    wanted.current(currents),
                    # A neuron of one's own states what it has.
                    threshold=wanted.number(getattr(part, "threshold", None), currents.ndim - 2),
                    beta=wanted.number(getattr(part, "beta", None), currents.ndim - 2),
                    initial_membrane=getattr(part, "initial_membrane", 0.0),
                    reset=getattr(part, "reset", None),
                    neuron=type(part).__name__,
                )
            )
            return output if asked else spikes

        hooks.callback(part.register_forward_pre_hook(enter, with_kwargs=True).remove)
        # Hooks of others see the output that the network asked for.
        hooks.callback(part.register_forward_hook(leave, prepend=True, with_kwargs=True).remove)


class ConvertedNeurons(Monitor):
    """Neurons of a converted network, whose trains have their steps in the batch, and whose spikes have heights."""

    def knows(self, part: nn.Module) -> bool:
        return isinstance(part, SpikingNeuron)

    def watch(self, part: SpikingNeuron, wanted: Wanted, see: See, hooks: ExitStack) -> None:
        code = part.code

        def leave(part: SpikingNeuron, args: Arguments, output: Tensor) -> None:
            (currents,) = args
            spikes = (output != 0).to(output.dtype).unflatten(0, (code.timesteps, -1))
            if part.takes_train:
                steps = currents.unflatten(0, (code.timesteps, -1))
            else:
                shares = [weight / sum(code.weights) for weight in code.weights]
                steps = torch.stack([currents * share for share in shares])
            membranes = None
            if wanted.membranes:
                whole = None if part.takes_train else currents
                membranes = wanted.made(_converted_membranes(part, steps, spikes, whole))
            level = to_values(torch.ones_like(currents[:1]), part.threshold_for(currents[:1]), code.steps)
            weights = level.new_tensor(code.weights).view(-1, *(1 for _ in level.shape))
            see(
                LayerRecord(
                    "",
                    wanted.made(spikes),
                    membranes,
                    wanted.current(steps),
                    threshold=wanted.made(weights * level),
                    initial_membrane=wanted.made(code.initial / weights),
                    neuron=type(part).__name__,
                    postponed=part.postponed,
                    heights=tuple(map(float, code.weights)),
                )
            )

        hooks.callback(part.register_forward_hook(leave).remove)

    def combine(self, calls: Sequence[LayerRecord]) -> list[LayerRecord]:
        return [joined(calls)]  # of the parts of a batch


def _converted_membranes(part: SpikingNeuron, steps: Tensor, spikes: Tensor, whole: Tensor | None) -> Tensor:
    """Return the membranes before each reset in the unit of the currents, by the neuron's own arithmetic."""
    code, threshold = part.code, part.threshold_for(steps[0])
    membrane = part.initial(steps[0])
    if part.postponed:
        membrane = to_levels(steps.sum(0) if whole is None else whole, threshold, code.steps, code.initial)
    charged = []
    for current, weight, fired in zip(steps, code.weights, spikes, strict=True):
        if not part.postponed:
            membrane = membrane + to_levels(current, threshold, code.steps, 0.0)
        charged.append(membrane)
        membrane = membrane - weight * fired
    return to_values(torch.stack(charged), threshold, code.steps)


class CompetingNeurons(Monitor):
    """Neurons of which the nearest to firing fire, and silence all."""

    def knows(self, part: nn.Module) -> bool:
        return isinstance(part, Competition)

    def watch(self, part: Competition, wanted: Wanted, see: See, hooks: ExitStack) -> None:
        signature = inspect.signature(part.forward)

        def leave(part: Competition, args: Arguments, named: Named, output: tuple[Tensor, Tensor]) -> None:
            given = signature.bind(*args, **named).arguments
            currents, thresholds, (winners, fired) = given["currents"], given["thresholds"], output
            membranes = None
            if wanted.membranes:
                v, charged = torch.zeros_like(currents[0]), []
                for current, fires in zip(currents, fired, strict=True):
                    charged.append(v * part.decay + current)
                    v = charged[-1] * ~fires[:, :1]
                membranes = wanted.made(torch.stack(charged))
            see(
                LayerRecord(
                    "",
                    wanted.made(torch.zeros_like(currents).scatter_(2, winners, fired.to(currents.dtype))),
                    membranes,
                    wanted.current(currents),
                    threshold=wanted.number(thresholds, 1),
                    beta=part.decay,
                    reset="all",
                    neuron=type(part).__name__,
                )
            )

        hooks.callback(part.register_forward_hook(leave, with_kwargs=True).remove)
