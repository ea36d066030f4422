"""Other public code for layer-wise hybrid networks, for side-by-side measurements; used only where it is installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from torch import nn


@dataclass(frozen=True)
class Peer:
    """How to build another library's parts, and how to make their neurons forget the batch before.

    `block(in_channels, out_channels, surrogate)` is one convolutional fusion block that halves the image, rounding
    down; `network(in_channels, num_classes, width, surrogate)` is the VGG form with its five of them. `surrogates` are
    the gradients of the bit planes that both take.
    """

    block: Callable[[int, int, str], nn.Module]
    network: Callable[[int, int, int, str], nn.Module]
    reset: Callable[[nn.Module], object]
    surrogates: tuple[str, ...]


def installed_peers() -> dict[str, Peer]:
    """Return the peers that can be imported, by name."""
    if any(find_spec(package) is None for package in ("has_8", "spikingjelly")):
        return {}
    return {"has_8": _has_8()}


def _has_8() -> Peer:
    """The code published with HAS-8, arXiv 2509.24411 (github.com/luutn2002/has-8), as it is, on SpikingJelly."""
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

    return Peer(
        lambda inputs, outputs, surrogate: encoded(vgg.ConvFusionBlock(inputs, outputs), surrogate),
        lambda inputs, classes, width, surrogate: encoded(
            vgg.HAS8VGG(inputs, classes, internal_channel_count=width), surrogate
        ),
        reset_net,
        tuple(encoders),
    )
