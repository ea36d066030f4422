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
from sqnn.explain.recording.probes import Arguments, Probe, See, Wanted
from sqnn.layers import is_of


class StepNeurons(Probe):
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
                    threshold=part.threshold.detach().clone(),
                    beta=part.beta.detach().clone() if hasattr(part, "beta") else 1.0,
                    reset=part.reset_mechanism,
                    neuron=type(part).__name__,
                )
            )

        hooks.callback(part.register_forward_hook(leave).remove)


class SpikingJellyNeurons(StepNeurons):
    """Neurons of SpikingJelly in both step modes: a copy that is run step by step shows their membranes."""

    def knows(self, part: nn.Module) -> bool:
        return is_of(part, "spikingjelly") and hasattr(part, "v_threshold") and hasattr(part, "surrogate_function")

    def watch(self, part: Any, wanted: Wanted, see: See, hooks: ExitStack) -> None:
        shown: list[Tensor] = []
        twin = copy.deepcopy(part)
        twin.step_mode = "s"
        if wanted.membranes:
            twin.surrogate_function.register_forward_pre_hook(lambda function, args: shown.append(args[0]))

        def enter(part: Any, args: Arguments) -> None:
            shown.clear()
            if not isinstance(part.v, Tensor):
                twin.reset()

        def leave(part: Any, args: Arguments, spikes: Tensor) -> None:
            several = part.step_mode == "m"
            currents, fired = (args[0], spikes) if several else (args[0][None], spikes[None])
            if wanted.membranes:
                for current in currents:
                    twin(current)
            complete = len(shown) == len(currents)
            see(
                LayerRecord(
                    "",
                    wanted.keep(fired),
                    wanted.keep(torch.stack(shown)) + part.v_threshold if wanted.membranes and complete else None,
                    wanted.current(currents),
                    threshold=part.v_threshold,
                    beta=1 - 1 / part.tau if hasattr(part, "tau") else 1.0,
                    reset="subtract" if part.v_reset is None else "zero",
                    neuron=type(part).__name__,
                )
            )

        hooks.callback(part.register_forward_pre_hook(enter).remove)
        hooks.callback(part.register_forward_hook(leave).remove)
