"""Rate encoding: brightness is the chance of a spike."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.encoding.base import Encoder, check_images, check_spikes


class Rate(Encoder):
    """Draw an independent Bernoulli spike per pixel and step.

    P(s_t = 1) = x, decoded as the mean over time with standard error sqrt(x (1 - x) / T).

    Images `[batch, *features]` in [0, 1] give spikes in {0, 1}, `[time, batch, *features]`.
    Draws come from the caller's `torch.Generator` alone, on its own device, never from the global one.
    Spikes are discrete: no gradient reaches the images.

    Raises `ValueError` without a generator, on `timesteps` below 1 and on images outside [0, 1].
    """

    def encode(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if generator is None:
            raise ValueError(
                "generator: got None, expected a torch.Generator, such as torch.Generator().manual_seed(0)"
            )
        check_images(images)
        shape = (self.timesteps, *images.shape)
        # A half-precision draw is so coarse that it would bias small probabilities.
        dtype = torch.promote_types(images.dtype, torch.float32)
        draws = torch.rand(shape, generator=generator, device=generator.device, dtype=dtype)
        return (draws.to(images.device) < images.detach()).to(images.dtype)

    def decode(self, spikes: Tensor) -> Tensor:
        check_spikes(spikes, self.timesteps)
        return spikes.mean(0)

    def standard_error(self, images: Tensor) -> Tensor:
        """Standard deviation of the decoded value, sqrt(x (1 - x) / T), per pixel `[batch, *features]`."""
        check_images(images)
        return (images * (1 - images) / self.timesteps).sqrt()
