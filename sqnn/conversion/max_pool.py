"""The max pool of bit planes: the largest value of each window, found digit by digit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.conversion.neuron import decode
from sqnn.conversion.pools import returning_indices, spatial_dimensions, windows


class SpikingMaxPool(nn.Module):
    """Max pool of a train of bit planes, most significant first, whose output is the planes of the maximum.

    All places of a window begin as candidates. At step t the window fires if a candidate does, and then the candidates
    that are silent drop out: o_t = OR_k (c_k AND s_k,t), and c_k <- c_k AND s_k,t where o_t = 1.

    Of two numbers of T digits the larger is the one that has a 1 at the first digit in which they differ, so the order
    of levels is that of their digits read from the front. After step t the candidates are therefore the places whose
    first t digits, o_1 .. o_t, are the largest of the window, and after step T those that hold the maximum: this is
    exact for every T, for the first planes of a longer code, and for neurons that fire while they integrate.

    Input: weighted spikes [timesteps * batch, ...] of height 2^(T-t) lambda / Q or 0, with one lambda in each window.
    Output: the same for the windows; padding never fires.

    Cost per window of K places: a step looks once at each candidate left, K T times at most, at one bit a time, and
    keeps K bits. Decoding first takes K (T - 1) additions and K - 1 comparisons of whole numbers, gives nothing before
    step T, and its value makes the next layer multiply instead of add.

    `step` does just that, with the candidates as the state. `forward`, which has all steps at once, lets the places of
    the largest sums send their planes, which are the same bits in less memory and time.
    """

    def __init__(self, timesteps: int, pool: nn.Module) -> None:
        super().__init__()
        self.timesteps = timesteps
        self.pool = returning_indices(pool)
        self.dimensions = spatial_dimensions(pool)

    def forward(self, train: Tensor) -> Tensor:
        images = self.dimensions == 2 and train.is_contiguous(memory_format=torch.channels_last)
        winners: Tensor = self.pool(decode(train, self.timesteps))[1]
        shape = winners.shape[-self.dimensions :]
        if images:
            train, winners = train.movedim(1, -1).flatten(1, 2), winners.movedim(1, -1).flatten(1, 2)
            places = 1
        else:
            train, winners = train.flatten(-self.dimensions), winners.flatten(-self.dimensions)
            places = winners.ndim - 1
        steps = train.unflatten(0, (self.timesteps, -1))
        largest = steps.gather(places + 1, winners.expand(self.timesteps, *winners.shape)).flatten(0, 1)
        largest = largest.unflatten(places, shape)
        return largest.movedim(-1, 1) if images else largest

    def step(self, spikes: Tensor, candidates: Tensor, t: int) -> tuple[Tensor, Tensor]:
        """Advance by step `t`: (spikes of the windows [batch, ...], candidates left [batch, ..., windows, places])."""
        places, _, shape = self._windows(spikes)
        firing = spikes.flatten(-self.dimensions)[..., places] * candidates
        fired = firing.amax(-1)
        left = torch.where(fired.unsqueeze(-1) != 0, firing != 0, candidates)
        return fired.unflatten(-1, shape), left

    def initial(self, like: Tensor) -> Tensor:
        """Return the candidates before the first step, of which padding is none, for spikes of the shape of `like`."""
        _, inside, _ = self._windows(like)
        return inside.expand(*like.shape[: -self.dimensions], *inside.shape)

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}"

    def _windows(self, spikes: Tensor) -> tuple[Tensor, Tensor, torch.Size]:
        size = spikes.shape[-self.dimensions :]
        shape = self.pool(spikes.new_zeros(1, 1, *size))[0].shape[2:]
        places, inside = windows(self.pool, size, shape)
        return places.to(spikes.device), inside.to(spikes.device), shape
