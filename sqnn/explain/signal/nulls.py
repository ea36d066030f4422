"""Shuffled trains: what spikes look like when one kind of order is taken from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from sqnn.core import Choices

Null: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]


def permute_steps(trains: Tensor, generator: torch.Generator) -> Tensor:
    """Permute the steps of each train `[time, batch, neurons]` by itself: its count stays."""
    order = torch.rand(trains.shape, generator=generator).argsort(0)
    return trains.gather(0, order)


def shift_steps(trains: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate each train by a lag of its own: its count and, but for the seam, its intervals stay."""
    lags = torch.randint(len(trains), (1, *trains.shape[1:]), generator=generator)
    return trains.gather(0, (torch.arange(len(trains))[:, None, None] + lags) % len(trains))


def permute_images(trains: Tensor, generator: torch.Generator) -> Tensor:
    """Permute the images of each neuron by itself: its trains stay, what neurons fire together does not."""
    order = torch.rand(trains.shape[1:], generator=generator).argsort(0)
    return trains.gather(1, order.expand(trains.shape))


NULLS: Choices[Null] = Choices("null", {"steps": permute_steps, "shift": shift_steps, "images": permute_images})
"""Shuffles by what they permute."""
