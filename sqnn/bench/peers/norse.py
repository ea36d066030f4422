"""Norse's integrate-and-fire step, called once per step; its spikes take off all of the membrane."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Fire, Peer


def _neurons() -> Fire:
    iaf = import_module("norse.torch.functional.iaf")
    rule = iaf.IAFParameters(v_th=torch.tensor(1.0), v_reset=torch.tensor(0.0), method="super", alpha=torch.tensor(2.0))

    def fire(currents: Tensor) -> Tensor:
        state, spikes = iaf.IAFFeedForwardState(v=torch.zeros_like(currents[0])), []
        for current in currents:
            fired, state = iaf.iaf_feed_forward_step(current, state, rule)
            spikes.append(fired)
        return torch.stack(spikes)

    return fire


NORSE = Peer("norse", "Norse", "norse", ("norse",), neurons=_neurons, subtracts=False)
