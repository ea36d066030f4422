"""Rate encoding: brightness is the chance of a spike."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import Trains, Values
from sqnn.encoding.base import Encoder, check_images, emit_spikes
from sqnn.encoding.plane_surrogates import PLAIN_SURROGATES, PlaneSurrogate, make_plain_surrogate
from sqnn.encoding.sparse import SparseTrains


class Rate(Encoder):
    """Draw an independent Bernoulli spike per pixel and step.

    P(s_t = 1) = x, decoded as the mean over time with standard error sqrt(x (1 - x) / T).

    Images `[batch, *features]` in [0, 1] give spikes in {0, 1}, `[time, batch, *features]`.
    Draws come from the caller's `torch.Generator` alone, on its own device, never from the global one.
    With `surrogate` "straight-through" every step has slope 1, the exact derivative of its expectation; with
    "detached" (the default) no gradient reaches the images.

    Raises `ValueError` without a generator, on `timesteps` below 1, on another surrogate and on images outside [0, 1].
    """

    surrogates: ClassVar[tuple[str, ...]] = PLAIN_SURROGATES
    alike: bool = False
    """Whether all images are compared with the same numbers, one per step and pixel, whatever else is in the batch."""

    def __init__(self, timesteps: int, *, surrogate: str | PlaneSurrogate = "detached") -> None:
        super().__init__(timesteps)
        self.surrogate = make_plain_surrogate(surrogate)

    def emit(self, unit: Values, generator: torch.Generator | None = None) -> Trains:
        generator = _given(generator)

        def draw(unit: Tensor) -> Tensor:
            # A half-precision draw is so coarse that it would bias small probabilities.
            dtype = torch.promote_types(unit.dtype, torch.float32)
            shape = (self.timesteps, 1 if self.alike else len(unit), *unit.shape[1:])
            draws = torch.rand(shape, generator=generator, device=generator.device, dtype=dtype)
            return (draws.to(unit.device) < unit).to(unit.dtype)

        return emit_spikes(unit, draw, _pull if self.surrogate.has_gradient else None)

    def sparse(self, images: Tensor, generator: torch.Generator | None = None) -> SparseTrains:
        """Return trains of the same law as those of `encode`, features in one line: numbers drawn for pixels above 0.

        No gradient reaches the images. Raises as `encode` does.
        """
        check_images(images)
        return SparseTrains(images.detach().flatten(1), self.timesteps, _given(generator), alike=self.alike)

    def standard_error(self, images: Tensor) -> Tensor:
        """Standard deviation of the decoded value, sqrt(x (1 - x) / T), per pixel `[batch, *features]`."""
        check_images(images)
        return (images * (1 - images) / self.timesteps).sqrt()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, surrogate={self.surrogate!r}"


def _given(generator: torch.Generator | None) -> torch.Generator:
    if generator is None:
        raise ValueError("generator: got None, expected a torch.Generator, such as torch.Generator().manual_seed(0)")
    return generator


def _pull(grads: Tensor, unit: Tensor) -> Tensor:
    return grads.sum(0)
