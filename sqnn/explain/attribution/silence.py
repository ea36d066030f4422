"""Silence: images that a spiking network answers as it answers a black one, since its neurons hand nothing on."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.core import counted
from sqnn.explain.attribution.places import Pixels, Spikes
from sqnn.explain.attribution.probe import Probe
from sqnn.explain.recording import neurons_of, record
from sqnn.models import logits_of

ROUNDING = 4.0
"""Units in the last place of the largest logit within which two logits are one: what changes less changes nothing."""
LEAK = 0.01
"""Share of the largest logit by which that of a smooth twin may move where the network itself does not."""
SILENT = "the network is silent, and answers as it answers a black image"
NO_ATTRIBUTION = f"no attribution: {SILENT}"
"""Why there is no map of an image for which the network is silent."""


def rounding(logits: Tensor) -> Tensor:
    """Return for each image [batch] what its logits [batch, classes] can differ by and still be the same."""
    return ROUNDING * torch.finfo(logits.dtype).eps * logits.abs().amax(1).double()


@torch.no_grad()
def silent_images(probe: Probe) -> Tensor:
    """Return for which images a network is silent, bool [batch]; for none where it has no spiking neurons.

    It gives the logits that it gives a black image, within `ROUNDING`, and a layer of neurons has no spike; where the
    image is black itself, no layer has one. Of other places than pixels and the encoder's trains, which lie before all
    neurons, none is silent.
    """
    images = probe.images
    quiet = torch.zeros(len(images), dtype=torch.bool, device=probe.plain.device)
    if not isinstance(probe.place, Pixels | Spikes) or not neurons_of(probe.model):
        return quiet
    black = logits_of(probe.model, torch.zeros_like(images[:1]), probe.generator())
    probe.passes.forwards += 1
    same = (black - probe.plain).abs().amax(1).double() <= rounding(probe.plain)
    if not same.any():
        return quiet
    chosen = same.nonzero()[:, 0]
    part, generator = images[chosen], probe.generator()
    seen = record(probe.model, part, membranes=False, currents=False, bloch=False, generator=generator)
    probe.passes.forwards += len(chosen) + 1  # one to find out how large the record is
    if not seen.layers:
        return quiet
    fires = torch.stack([(layer.spikes != 0).transpose(0, 1).flatten(1).any(1) for layer in seen.layers.values()])
    empty = (part == 0).flatten(1).all(1).to(fires.device)
    quiet[chosen] = torch.where(empty, ~fires.any(0), ~fires.all(0)).to(quiet.device)
    return quiet


def without_attribution(
    logits: Tensor, values: Tensor, difference: Tensor | None, silent: Tensor, by_gradient: bool
) -> Tensor:
    """Return for which images the `values` [batch, ...] of a method are no attribution but rounding, bool [batch].

    Where the method claims that they add up to `difference` [batch], neither is above the rounding of the `logits`
    [batch, classes] of the network. Where it claims no sum, the network is `silent` [batch] and no value is. Of methods
    `by_gradient`, values for which the network is silent count as nothing whatever their size, unless their sum is
    above `LEAK`: they come from the surrogates of neurons that do not fire.
    """
    least, silent = rounding(logits).to(values.device), silent.to(values.device)
    nothing = values.abs().flatten(1).amax(1) <= least
    if difference is None:
        return silent & nothing | silent & by_gradient
    size = difference.abs()
    leaks = silent & by_gradient & (size <= LEAK * logits.abs().amax(1).to(size))
    return nothing & (size <= least) | leaks


def silence_note(silent: Tensor) -> str:
    """Say of how many images a network is silent; nothing where it is of none."""
    count = int(silent.sum())
    if not count:
        return ""
    return SILENT if count == len(silent) else f"{SILENT}, for {count:,} of {counted(len(silent), 'image')}"
