"""Other public code that converts networks into spiking ones, for side-by-side measurements, where it is installed."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from torch import Tensor, nn

Run = Callable[[Tensor], Tensor]
"""Everything that one batch of images takes, from images to summed outputs."""
Converter = Callable[[nn.Module, Tensor, int], Run]
"""Convert a ReLU network, calibrated on some images, and return how to run it for so many time steps."""


def installed_converters() -> dict[str, Converter]:
    """Return the peers that can be imported, by name."""
    return {"spikingjelly": _spikingjelly} if find_spec("spikingjelly") else {}


def _spikingjelly(model: nn.Module, images: Tensor, timesteps: int) -> Run:
    """SpikingJelly's conversion by rates, run as its tutorial ann2snn does: reset, then T times the whole network."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # it compiles with torch.jit.script, which PyTorch discourages
        converter = import_module("spikingjelly.activation_based.ann2snn").Converter
        spiking: nn.Module = converter([(images, None)], mode="max")(copy.deepcopy(model))

    def run(batch: Tensor) -> Tensor:
        for module in spiking.modules():
            neuron: Any = module
            if hasattr(neuron, "reset"):
                neuron.reset()
        outputs: Tensor = spiking(batch)
        for _ in range(1, timesteps):
            outputs = outputs + spiking(batch)
        return outputs

    return run
