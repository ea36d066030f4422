"""The code published with HAS-8, arXiv 2509.24411 (github.com/luutn2002/has-8), as it is, on SpikingJelly."""

from __future__ import annotations

import warnings
from importlib import import_module

from torch import nn

from sqnn.bench.peers.peer import Layerwise, Peer


def _layerwise() -> Layerwise:
    with warnings.catch_warnings():  # it compiles with torch.jit.script, which PyTorch discourages
        warnings.simplefilter("ignore")
        vgg = import_module("has_8.has_8_vgg")
        codes = import_module("has_8.surrogate_spk_fn")
        branch = import_module("has_8.has_8_base").SpikingEncodeDecodeBase
        reset_net = import_module("spikingjelly.activation_based.functional").reset_net
    encoders = {"sigmoid-sine": codes.SigSine, "tanh-sine": codes.TanhSine, "fourier-sine": codes.FourierSine}

    def encoded(module: nn.Module, surrogate: str) -> nn.Module:
        for part in module.modules():
            if isinstance(part, branch):
                part.encoder_block = encoders[surrogate]()
        return module

    return Layerwise(
        lambda inputs, outputs, surrogate: encoded(vgg.ConvFusionBlock(inputs, outputs), surrogate),
        lambda inputs, classes, width, surrogate: encoded(
            vgg.HAS8VGG(inputs, classes, internal_channel_count=width), surrogate
        ),
        reset_net,
        tuple(encoders),
    )


HAS8 = Peer("has8", "has_8", "has_8", ("has_8", "spikingjelly"), layerwise=_layerwise)
