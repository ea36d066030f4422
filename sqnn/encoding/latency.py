"""Latency encoding: the brighter the pixel, the earlier its one spike."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.encoding.base import Encoder, check_images, check_spikes


class Latency(Encoder):
    """Encode each pixel in the time of a single spike, linear in brightness.

    l = round(x (T - 1)), spike at step T - 1 - l; decoded from the first spike t as (T - 1 - t) / (T - 1).

    Images `[batch, *features]` in [0, 1] give spikes in {0, 1}, `[time, batch, *features]`, exactly one
    per pixel: a black pixel fires at the last step, which keeps the code unique. The T levels are
    `step` = 1 / (T - 1) apart; halves round to even. No gradient reaches the images.

    Raises `ValueError` on `timesteps` below 2, on images outside [0, 1], and, when decoding, on a pixel
    that never spikes.
    """

    min_timesteps = 2

    @property
    def step(self) -> float:
        return 1 / (self.timesteps - 1)

    def encode(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_images(images)
        last = self.timesteps - 1
        times = last - (images.detach() * last).round().long()
        spikes = images.new_zeros(self.timesteps, *images.shape)
        return spikes.scatter_(0, times.unsqueeze(0), 1)

    def decode(self, spikes: Tensor) -> Tensor:
        check_spikes(spikes, self.timesteps)
        fired = spikes > 0
        if not fired.any(0).all():
            silent = int((~fired.any(0)).sum())
            raise ValueError(f"spikes: got {silent} pixels that never fire, expected a spike for every pixel")
        last = self.timesteps - 1
        # argmax returns the first of equal maxima, which is the first spike.
        first = fired.to(torch.uint8).argmax(0)
        return (last - first).to(spikes.dtype) / last
