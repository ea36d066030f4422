"""Execution step by step: the whole network at the first time step, then at the second, and so on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import Target

from sqnn.conversion.graph.watcher import Watcher
from sqnn.conversion.max_pool import SpikingMaxPool
from sqnn.conversion.neuron import Decode, SpikingNeuron
from sqnn.core import ConfigError


def run_steps(
    graph: fx.GraphModule, images: Tensor, timesteps: int, record: Collection[str] = ()
) -> tuple[object, dict[str, Tensor]]:
    """Run a spiking graph one time step after the other; return its summed output and the trains of some nodes.

    Membranes, candidates of max pools and sums are all that is carried from step to step; what does not spike is
    computed in every step. Trains are [timesteps * batch, ...], by the names of the nodes in `record`.
    """
    trains: dict[str, list[Tensor]] = {name: [] for name in record}
    runner = _Steps(graph, record, lambda name, spikes: trains[name].append(spikes))
    for runner.t in range(timesteps):
        result = runner.run(images)
    return result, {name: torch.cat(steps) for name, steps in trains.items()}


def require_steps(graph: fx.GraphModule) -> None:
    """Raise ConfigError where a spiking graph needs a sum over all time steps before its last layer."""
    for node in graph.graph.nodes:
        inner = [user for user in node.users if user.op != "output"]
        if node.op == "call_module" and isinstance(graph.get_submodule(str(node.target)), Decode) and inner:
            raise ConfigError(
                f"order: got 'step', but {inner[0].name} needs the sum over all time steps of what comes before it; "
                "use 'layer'"
            )


class _Steps(Watcher):
    """One pass of the graph at step `t`; `states` and `sums` live from pass to pass."""

    def __init__(self, graph: fx.GraphModule, names: Collection[str], see: Callable[[str, Tensor], None]) -> None:
        super().__init__(graph, names, see)
        self.t = 0
        self.states: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}

    def call_module(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, object]) -> object:
        path = str(target)
        module = self.fetch_attr(path)
        if isinstance(module, Decode):
            self.sums[path] = self.sums[path] + args[0] if self.t else args[0]
            return self.sums[path]
        if isinstance(module, SpikingNeuron | SpikingMaxPool):
            state = self.states[path] if self.t else module.initial(args[0])
            spikes, self.states[path] = module.step(args[0], state, self.t)
            return spikes
        return super().call_module(target, args, kwargs)
