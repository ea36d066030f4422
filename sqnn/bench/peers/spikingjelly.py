"""SpikingJelly's conversion by rates and its STDP, run as its tutorials do.

Conversion: reset, then T times the whole network. STDP: a learner with the spikes of all steps, which it goes through
one by one. Neurons: all steps in one call, reset before each.
"""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module

import torch
from torch import Tensor, nn

from sqnn.bench.peers.peer import Fire, Peer, Run


def _convert(model: nn.Module, images: Tensor, timesteps: int) -> Run:
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # it compiles with torch.jit.script, which PyTorch discourages
        converter = import_module("spikingjelly.activation_based.ann2snn").Converter
        reset_net = import_module("spikingjelly.activation_based.functional").reset_net
        spiking: nn.Module = converter([(images, None)], mode="max")(copy.deepcopy(model))

    def run(batch: Tensor) -> Tensor:
        reset_net(spiking)
        outputs: Tensor = spiking(batch)
        for _ in range(1, timesteps):
            outputs = outputs + spiking(batch)
        return outputs

    return run


def _windows(weight: Tensor, pre: Tensor, post: Tensor) -> Mapping[str, Callable[[], Tensor]]:
    learning = import_module("spikingjelly.activation_based.learning")
    neuron = import_module("spikingjelly.activation_based.neuron")
    synapse = nn.Linear(weight.shape[1], weight.shape[0], bias=False).to(weight.device)
    learner = learning.STDPLearner(
        step_mode="m", synapse=synapse, sn=neuron.IFNode(step_mode="m"), tau_pre=20.0, tau_post=20.0
    )

    def window() -> Tensor:
        learner.reset()
        learner.in_spike_monitor.records[:] = [pre]
        learner.out_spike_monitor.records[:] = [post]
        with torch.no_grad():
            change: Tensor = learner.step(on_grad=False)
        return change

    return {"SpikingJelly STDPLearner": window}


def _neurons(device: str) -> Fire:
    surrogate = import_module("spikingjelly.activation_based.surrogate").ATan(alpha=2.0)
    layer = import_module("spikingjelly.activation_based.neuron").IFNode(
        v_reset=None, surrogate_function=surrogate, step_mode="m"
    )
    layer = layer.to(device)
    reset_net = import_module("spikingjelly.activation_based.functional").reset_net

    def fire(currents: Tensor) -> Tensor:
        reset_net(layer)
        spikes: Tensor = layer(currents)
        return spikes

    return fire


SPIKINGJELLY = Peer(
    *("spikingjelly", "spikingjelly", "spikingjelly", ("spikingjelly",)),
    convert=_convert,
    windows=_windows,
    neurons=_neurons,
)
