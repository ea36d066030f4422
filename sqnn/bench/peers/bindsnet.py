"""BindsNET's rule of pairs of spikes, PostPre, run step by step as its networks do.

It is published under the AGPL: it takes part where the user has installed it, and nothing of it is in this package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Peer


def _part(name: str) -> Any:
    """Import a part of it; its own door imports torchvision, OpenCV and others, which no rule needs."""
    spec = find_spec("bindsnet")
    if "bindsnet" not in sys.modules and spec is not None:
        sys.modules["bindsnet"] = module_from_spec(spec)
    return import_module(f"bindsnet.{name}")


def _windows(weight: Tensor, pre: Tensor, post: Tensor) -> Mapping[str, Callable[[], Tensor]]:
    return {
        "BindsNET PostPre, sum over the batch": _window(weight, pre, post, torch.sum),
        "BindsNET PostPre, mean over the batch": _window(weight, pre, post, torch.mean),
    }


def _window(weight: Tensor, pre: Tensor, post: Tensor, reduction: Callable[..., Tensor]) -> Callable[[], Tensor]:
    nodes = _part("network.nodes")
    layer = partial(nodes.Input, traces=True, traces_additive=True, tc_trace=20.0)
    source, target = layer(weight.shape[1]).to(weight.device), layer(weight.shape[0]).to(weight.device)
    for part in (source, target):
        part.set_batch_size(pre.shape[1])
        part.compute_decays(1.0)
    synapse = (
        _part("network.topology")
        .Connection(
            source,
            target,
            nu=(0.0105, 0.01),
            reduction=reduction,
            update_rule=_part("learning").PostPre,
            w=torch.zeros_like(weight.t()),
        )
        .to(weight.device)
    )

    def window() -> Tensor:
        synapse.w.zero_()  # of no account for its changes, which do not depend on it
        for part in (source, target):
            part.x.zero_()  # their own reset would write into the spikes of the last step, which they hold as they are
        for before, after in zip(pre, post, strict=True):
            source.forward(before)
            target.forward(after)
            synapse.update(learning=True)
        change: Tensor = synapse.w.t()
        return change

    return window


BINDSNET = Peer("bindsnet", "BindsNET", "bindsnet", ("bindsnet",), windows=_windows)
