"""SpikingJelly's conversion by rates, run as its tutorial ann2snn does: reset, then T times the whole network."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from importlib import import_module

from torch import Tensor, nn

from sqnn.bench.peers.peer import Peer, Run


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


SPIKINGJELLY = Peer("spikingjelly", "spikingjelly", "spikingjelly", ("spikingjelly",), convert=_convert)
