"""Norse's integrate-and-fire step, called once per step; its spikes take off all of the membrane."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Fire, Peer


def _neurons(device: str) -> Fire:
    iaf = import_module("norse.torch.functional.iaf")
    threshold, reset, slope = (torch.tensor(value, device=device) for value in (1.0, 0.0, 2.0))
    rule = iaf.IAFParameters(v_th=threshold, v_reset=reset, method="super", alpha=slope)

    def fire(currents: Tensor) -> Tensor:
        state, spikes = iaf.IAFFeedForwardState(v=torch.zeros_like(currents[0])), []
        for current in currents:
            fired, state = iaf.iaf_feed_forward_step(current, state, rule)
            spikes.append(fired)
        return torch.stack(spikes)

    return fire


NORSE = Peer("norse", "Norse", "norse", ("norse",), neurons=_neurons, subtracts=False)
