"""A run of a graph that records what passes through some of its nodes."""

from __future__ import annotations

import torch
from torch import Tensor, fx

from sqnn.conversion.codes import levels_of
from sqnn.conversion.graph.nodes import activation_of, module_of, site_name
from sqnn.conversion.graph.watcher import Watcher
from sqnn.neurons import QCFS


def activation_sites(source: fx.GraphModule) -> dict[str, str]:
    """Return the names of the nodes that call a QCFS activation, and the activations' paths."""
    return {n.name: site_name(source, n) for n in source.graph.nodes if isinstance(module_of(source, n), QCFS)}


@torch.no_grad()
def source_levels(source: fx.GraphModule, images: Tensor) -> tuple[object, dict[str, Tensor]]:
    """Run a network of QCFS activations; return its output and, by path, the levels 0 .. Q of each of them."""
    sites = activation_sites(source)
    calls = {n.name: activation_of(source, n) for n in source.graph.nodes if n.name in sites}
    levels: dict[str, Tensor] = {}

    def see(name: str, activation: Tensor) -> None:
        layer = calls[name]
        levels[sites[name]] = levels_of(activation, layer.threshold_for(activation), layer.steps)

    output = Watcher(source, sites, see).run(images)
    return output, levels
