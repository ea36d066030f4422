"""Spike trains stored as the places of their spikes, for products that cost one row per spike."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from sqnn.core import Trains


class SparseTrains:
    """Bernoulli spike trains s [time, batch, features] in {0, 1}, drawn and multiplied where the rate is not zero.

    P(s_t = 1) = rate, independently, for `rates` [batch, features] in [0, 1], as `Rate` draws them. Numbers are drawn
    only for rates above 0: `images` and `features` [places] say where these are, `fired` [time, places] which of them
    spike. `sums` and `correlations` are the two products of a linear layer with such an input; each adds up the rows of
    a matrix that the spikes point to. With `alike` one number per step and feature is drawn, the same for all images.
    Raises ValueError where `rates` have another shape.
    """

    def __init__(self, rates: Tensor, timesteps: int, generator: torch.Generator, alike: bool = False) -> None:
        if rates.ndim != 2:
            raise ValueError(
                f"rates: got shape {list(rates.shape)}, expected [batch, features]; flatten(1) makes it so"
            )
        self.shape = torch.Size((timesteps, *rates.shape))
        self.images, self.features = rates.nonzero(as_tuple=True)
        place = generator.device
        count = rates.shape[1] if alike else len(self.features)
        drawn = torch.rand((timesteps, count), generator=generator, device=place, dtype=torch.float32).to(rates.device)
        self.fired = (drawn[:, self.features] if alike else drawn) < rates[self.images, self.features]

    def sums(self, weights: Tensor) -> Trains:
        """Return sum_i s_tbi weights_i for `weights` [features, n], as [time, batch, n]."""
        return _row_sums(weights, *self._by_step).unflatten(0, self.shape[:2])

    def correlations(self, trains: Trains) -> Tensor:
        """Return sum_tb s_tbi trains_tb for `trains` [time, batch, n], as [features, n]."""
        return _row_sums(trains.flatten(0, 1), *self._by_feature)

    def dense(self, dtype: torch.dtype | None = None) -> Trains:
        """Return the trains as zeros and ones, [time, batch, features]."""
        dtype = torch.get_default_dtype() if dtype is None else dtype
        trains = torch.zeros(self.shape, dtype=dtype, device=self.fired.device)
        trains[:, self.images, self.features] = self.fired.to(dtype)
        return trains

    @cached_property
    def _by_step(self) -> tuple[Tensor, Tensor]:
        """The features of all spikes, step by step and image by image, and where each of these begins."""
        steps, batch, _ = self.shape
        first = torch.arange(steps, device=self.images.device)[:, None] * len(self.images)
        return _places(self.fired, self.features.repeat(steps), first + _begins(self.images, batch))

    @cached_property
    def _by_feature(self) -> tuple[Tensor, Tensor]:
        """The rows time * batch + image of all spikes, feature by feature, and where each of these begins."""
        steps, batch, features = self.shape
        order = self.features.argsort(stable=True)
        rows = self.images[order, None] + batch * torch.arange(steps, device=order.device)
        return _places(self.fired.t()[order], rows, _begins(self.features, features) * steps)


def _begins(numbers: Tensor, count: int) -> Tensor:
    """Return how many of `numbers` are smaller than 0, 1, ... count - 1."""
    sizes = torch.bincount(numbers, minlength=count)
    return sizes.cumsum(0) - sizes


def _places(fired: Tensor, values: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values where a mask holds, and how many of them come before each place of the flattened mask."""
    places = fired.flatten().nonzero()[:, 0]
    found = values.flatten().to(torch.int32)[places]
    return found, torch.searchsorted(places, begins.flatten(), out_int32=True)


def _row_sums(matrix: Tensor, rows: Tensor, begins: Tensor) -> Tensor:
    """Return the sums of the rows of a matrix over consecutive groups, which `begins` separates."""
    return F.embedding_bag(rows, matrix.contiguous(), begins, mode="sum")
