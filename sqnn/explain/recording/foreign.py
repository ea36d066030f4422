"""What is recorded of neurons of snnTorch and SpikingJelly, which are called once per step or on all steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from sqnn.explain.recording.layers import TRAINS, LayerRecord
from sqnn.explain.recording.monitors import Arguments, Monitor, See, Wanted
from sqnn.layers import is_of

NEVER = 1e30
"""A threshold that no membrane reaches."""


class StepNeurons(Monitor):
    """Neurons that keep their state from call to call: the calls of a forward pass follow each other in time."""

    def combine(self, calls: Sequence[LayerRecord]) -> list[LayerRecord]:
        first = calls[0]
        trains = {name: [vars(call)[name] for call in calls] for name in TRAINS}
        kept = {name: torch.cat(each) for name, each in trains.items() if all(train is not None for train in each)}
        return [replace(first, **{"membranes": None, **kept})]  # type: ignore[arg-type]


class SnnTorchNeurons(StepNeurons):
    """Neurons of snnTorch: membranes are those that its spikes come from, which the next step resets.

    Those of a neuron with `reset_delay=False` are None: it shows what is left after the reset.
    """

    def knows(self, part: nn.Module) -> bool:
        return is_of(part, "snntorch") and hasattr(part, "reset_mechanism")

    def watch(self, part: nn.Module, wanted: Wanted, see: See, hooks: ExitStack) -> None:
        def leave(part: Any, args: Arguments, output: Any) -> None:
            spikes = output[0] if isinstance(output, tuple) else output
            shown = output[-1] if isinstance(output, tuple) else getattr(part, "mem", None)
            shows = wanted.membranes and getattr(part, "reset_delay", True)
            see(
                LayerRecord(
                    "",
                    wanted.keep(spikes)[None],
                    wanted.keep(shown)[None] if shows and shown is not None else None,
                    None if (current := wanted.current(args[0])) is None else current[None],
                    threshold=wanted.number(part.threshold, args[0].ndim - 1),
                    beta=wanted.number(getattr(part, "beta", None), args[0].ndim - 1),
                    reset=part.reset_mechanism,
                    neuron=type(part).__name__,
                )
            )

        hooks.callback(part.register_forward_hook(leave).remove)


LEAKLESS = ("IFNode", "SimpleIFNode", "HalfThresholdIFNode", "TernaryIFNode")
LEAKY = ("LIFNode", "SimpleLIFNode", "TernaryLIFNode")
LEARNED = "ParametricLIFNode"
"""Classes of SpikingJelly whose membranes decay by 0, by 1 / tau and by the learned sigmoid(w) of themselves a step."""


def spikingjelly_decay(part: Any) -> float | None:
    """Return what a step leaves of the membrane: 1, 1 - 1 / tau or 1 - sigmoid(w); None of other equations."""
    kinds = {kind.__name__ for kind in type(part).__mro__}
    if kinds.intersection(LEAKY):
        return 1 - 1 / float(part.tau)
    if LEARNED in kinds:
        return 1 - float(part.w.sigmoid())
    return 1.0 if kinds.intersection(LEAKLESS) else None


class SpikingJellyNeurons(StepNeurons):
    """Neurons of SpikingJelly in both step modes: a copy that never fires shows what each step charges them to.

    Membranes of neurons with another state beside `v` are None, and so are the decay of those that are no leaky sums
    of their currents and a reset to another value than 0.
    """

    def knows(self, part: nn.Module) -> bool:
        return is_of(part, "spikingjelly") and hasattr(part, "v_threshold") and hasattr(part, "v_reset")

    def watch(self, part: Any, wanted: Wanted, see: See, hooks: ExitStack) -> None:
        shows = wanted.membranes and [name for name, _ in part.named_memories()] == ["v"]
        twin = copy.deepcopy(part)
        twin.step_mode, twin.v_threshold = "s", NEVER
        begin: Any = 0.0

        def enter(part: Any, args: Arguments) -> None:
            nonlocal begin
            begin = part.v

        def charged(currents: Tensor, fired: Tensor) -> Tensor:
            membranes, twin.v = [], begin
            for current, spikes in zip(currents, fired, strict=True):
                twin(current)
                u = twin.v
                membranes.append(u)
                twin.v = u - part.v_threshold * spikes if part.v_reset is None else u.where(spikes == 0, part.v_reset)
            return torch.stack(membranes)

        def leave(part: Any, args: Arguments, spikes: Tensor) -> None:
            several = part.step_mode == "m"
            currents, fired = (args[0], spikes) if several else (args[0][None], spikes[None])
            see(
                LayerRecord(
                    "",
                    wanted.keep(fired),
                    wanted.made(charged(currents, fired)) if shows else None,
                    wanted.current(currents),
                    threshold=part.v_threshold,
                    beta=spikingjelly_decay(part),
                    reset={None: "subtract", 0: "zero"}.get(part.v_reset),
                    neuron=type(part).__name__,
                )
            )

        hooks.callback(part.register_forward_pre_hook(enter).remove)
        hooks.callback(part.register_forward_hook(leave).remove)
