"""Noise on images in three conventions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sqnn.core import Choices
from sqnn.data import Split
from sqnn.encoding import SparseTrains
from sqnn.metrics import run_batches
from sqnn.models import SNNMLP
from sqnn.plasticity import sites

CONVENTIONS: Choices[str] = Choices(
    "convention",
    {
        "clipped": "image + N(0, sigma), cut to [0, 1], then drawn as spikes",
        "steps": "real noise N(0, sigma) on the spikes of every step, drawn anew",
        "image": "one image of real noise N(0, sigma) on the spikes of every step",
    },
)
"""Where noise of standard deviation sigma enters. The first brightens a black background; the others have mean 0."""
SEED = 0
"""Seed of the noise and of the spikes."""


def noisy_accuracy(model: SNNMLP, split: Split, sigma: float, convention: str) -> float:
    """Return the accuracy (a fraction) on the images of a split with noise, `sigma` in the unit of a pixel's range."""
    CONVENTIONS.pick(convention, "convention")
    generator = torch.Generator().manual_seed(SEED)

    def call(images: Tensor) -> Tensor:
        if convention == "clipped":
            drawn = torch.randn(images.shape, generator=generator).to(images)
            return model((images + sigma * drawn).clamp(0, 1), generator)
        with _noise_on_spikes(model, sigma, convention == "image", generator):
            return model(images, generator)

    logits = run_batches(model, split, call)
    return float((logits.argmax(-1) == split.labels).double().mean())


@contextmanager
def _noise_on_spikes(model: SNNMLP, sigma: float, same: bool, generator: torch.Generator) -> Iterator[None]:
    """Within the block, the first layer receives spikes with real noise, the same at every step or not."""

    def add(layer: object, inputs: tuple[Tensor | SparseTrains]) -> tuple[Tensor]:
        (trains,) = inputs
        dense = trains.dense(model.output.linear.weight.dtype) if isinstance(trains, SparseTrains) else trains
        shape = (1, *dense.shape[1:]) if same else dense.shape
        return (dense + sigma * torch.randn(shape, generator=generator).to(dense),)

    first = sites(model)[0].layer
    handle = first.register_forward_pre_hook(add)
    try:
        yield
    finally:
        handle.remove()
