"""Cascading randomisation: networks whose weights are shuffled from the output downwards."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from sqnn.core import ConfigError, require
from sqnn.explain.attribution import copy_of
from sqnn.models import shown_name


def randomised(model: nn.Module, generator: torch.Generator, stages: int = 3) -> Iterator[tuple[str, nn.Module]]:
    """Yield copies of a network with the weights of ever more layers shuffled, and the name of the lowest of them.

    Of L layers with weights, stage k of `stages` shuffles the k L / stages that are nearest the output, the last one
    all. The values of each tensor change places, so that every layer keeps the distribution of its weights. A map that
    does not change says nothing of what the network has learned.

    Raises ConfigError where there is no weight to shuffle, or the network cannot be copied. Source: Adebayo et al.,
    NeurIPS 2018.
    """
    require(stages >= 1, "stages", stages, "a whole number of at least 1")
    layers = [name for name, part in model.named_modules() if _weights(part)]
    if not layers:
        raise ConfigError(f"model: got {shown_name(model)} without weights, expected some to shuffle")
    stages = min(stages, len(layers))
    changed, done = copy_of(model), 0
    for stage in range(1, stages + 1):
        last = round(stage * len(layers) / stages)
        for name in layers[::-1][done:last]:
            for weight in _weights(changed.get_submodule(name)):
                order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
                weight.data = weight.data.flatten()[order].view(weight.shape)
        done = last
        yield layers[len(layers) - last], copy_of(changed)


def _weights(part: nn.Module) -> list[nn.Parameter]:
    """Return the weights of a module itself that have values to change places."""
    return [weight for weight in part.parameters(recurse=False) if weight.numel() > 1]
