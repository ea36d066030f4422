"""snnTorch's leaky neuron without leak, called once per step."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Fire, Peer


def _neurons(device: str) -> Fire:
    surrogate = import_module("snntorch.surrogate").atan(alpha=2.0)
    layer = import_module("snntorch").Leaky(beta=1.0, threshold=1.0, spike_grad=surrogate, reset_mechanism="subtract")
    layer = layer.to(device)

    def fire(currents: Tensor) -> Tensor:
        membrane, spikes = layer.init_leaky(), []
        for current in currents:
            fired, membrane = layer(current, membrane)
            spikes.append(fired)
        return torch.stack(spikes)

    return fire


SNNTORCH = Peer("snntorch", "snnTorch", "snntorch", ("snntorch",), neurons=_neurons)
