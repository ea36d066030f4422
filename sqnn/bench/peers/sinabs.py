"""sinabs' integrate-and-fire layer, which takes all steps, batch first."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Fire, Peer


def _neurons(device: str) -> Fire:
    activation = import_module("sinabs.activation")
    layer = import_module("sinabs.layers").IAF(
        spike_threshold=torch.tensor(1.0), spike_fn=activation.SingleSpike, reset_fn=activation.MembraneSubtract()
    )
    layer = layer.to(device)

    def fire(currents: Tensor) -> Tensor:
        layer.reset_states()
        spikes: Tensor = layer(currents.transpose(0, 1)).transpose(0, 1)
        return spikes

    return fire


SINABS = Peer("sinabs", "sinabs", "sinabs", ("sinabs",), neurons=_neurons)
