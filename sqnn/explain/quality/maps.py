"""Maps of the pixels: what makes one, and the maps that a method has to beat."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError, brief, no_exit
from sqnn.explain.attribution import Attribution

MapMaker = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor | Attribution]
"""What explains: (network, images, classes [batch], generator) -> a value per pixel, or per pixel and channel."""


class Maps(NamedTuple):
    """Maps [batch, (time,) height, width] of images, the larger the more important.

    `completeness` [batch] is the `shortfall` of the values; None where the method claims nothing. `seconds` are those
    of the whole batch; `silent` says that the maps are 0 since the network is silent for all images.
    """

    values: Tensor
    completeness: Tensor | None
    seconds: float
    silent: bool = False


def ink(images: Tensor) -> Tensor:
    """Return the pixels bool [batch, (time,) height, width] that are not black."""
    return (images != 0).any(-3)


def intensity(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images themselves, summed over their channels: the map that a method has to beat first."""
    return images.sum(-3)


def random_ink(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """Return random numbers, larger ones where there is ink."""
    return ink(images) + random_pixels(model, images, target, generator)


def random_pixels(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """Return random numbers in [0, 1)."""
    drawn = torch.rand(images.sum(-3).shape, generator=generator, dtype=images.dtype)
    return drawn.to(images.device)


INTENSITY, INK, RANDOM = "intensity", "random-ink", "random"
BASELINES: Choices[MapMaker] = Choices("methods", {INTENSITY: intensity, INK: random_ink, RANDOM: random_pixels})
"""Maps that know nothing of the network: on images of a black background a random one is no measure of anything."""


def shortfall(found: Attribution) -> Tensor | None:
    """Return |sum of values - (f(x) - f(baseline))| / |f(x) - f(baseline)|, [batch]; infinite where only that is 0.

    By the values alone: what a method books elsewhere, such as relevance to biases, is missing here. f is the network
    itself: where a method explains a twin, the error is no smaller than the distance of their logits. None where the
    method claims no sum.
    """
    if found.completeness_error is None:
        return None
    difference = found.output - found.reference
    error = (found.values.flatten(1).sum(1) - difference).abs()
    if found.twin is not None:
        error = error.maximum(found.twin.off(found.target).to(error))
    return torch.where(error == 0, 0.0, error / difference.abs())


def make_maps(make: MapMaker, model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Maps:
    """Return the maps of images that `make` gives for the classes `target` [batch].

    Raises ConfigError where it gives no tensor, numbers that are not finite, or not one for each pixel.
    """
    given = images.clone()  # what a method does to them is its own
    began = time.perf_counter()
    with no_exit("methods: a method"):
        made = make(model, given, target, generator)
    seconds = time.perf_counter() - began
    if not isinstance(made, Tensor | Attribution):
        raise ConfigError(f"method: got {type(made).__name__}, expected a tensor of values, or an Attribution")
    values = made if isinstance(made, Tensor) else made.values
    pixels = (*images.shape[:-3], *images.shape[-2:])
    if values.shape == images.shape:
        values = values.sum(-3)
    if values.shape != pixels:
        raise ConfigError(f"method: got values {list(values.shape)}, expected {list(pixels)}, one for each pixel")
    values = values.detach()
    if not torch.isfinite(values).all():
        bad = values[~torch.isfinite(values)][0].item()
        raise ConfigError(f"method: got {brief(bad)} for a pixel, expected finite numbers")
    error = None if isinstance(made, Tensor) else shortfall(made)
    silent = isinstance(made, Attribution) and made.silent is not None and bool(made.silent.all()) and not values.any()
    return Maps(values, None if error is None else error.detach(), seconds, silent)
