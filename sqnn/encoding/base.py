"""What every encoder shares: the verbs `encode`, `emit` and `decode`, and the checks where data enters."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from sqnn.encoding.weighting import weighted_mean


class Encoder(nn.Module, ABC):
    """Turn images into spike trains over `timesteps` steps.

    Shapes: images `[batch, *features]` in [0, 1], spikes `[time, batch, *features]`.
    An encoder holds neither parameters nor state.

    Raises `ValueError` when `timesteps` is not a whole number of at least `min_timesteps`.
    """

    min_timesteps = 1

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.timesteps = check_count("timesteps", timesteps, self.min_timesteps)

    @property
    def step(self) -> float | None:
        """Distance between neighbouring decodable values (0: continuous; None: decoding is random)."""
        return None

    @property
    def weights(self) -> tuple[float, ...]:
        """What each step counts, `timesteps` numbers: images = sum_t weights[t] s_t / `weight_total`."""
        return (1.0,) * self.timesteps

    @property
    def weight_total(self) -> float:
        """What the weighted steps of a white pixel add up to."""
        return float(self.timesteps)

    def encode(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Images `[batch, *features]` in [0, 1] to spikes `[time, batch, *features]`.

        `generator` is read by random encoders only. Raises `ValueError` on images outside [0, 1].
        """
        check_images(images)
        return self.emit(images, generator)

    @abstractmethod
    def emit(self, unit: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Same as `encode` for values `[batch, *features]` that are in [0, 1] already: nothing looks at them.

        Networks use it on what their own layers make.
        """

    def decode(self, spikes: Tensor) -> Tensor:
        """Spikes `[time, batch, *features]` back to images `[batch, *features]` in [0, 1].

        Raises `ValueError` when the first dimension is not `timesteps`.
        """
        check_spikes(spikes, self.timesteps)
        return weighted_mean(spikes, self.weights, self.weight_total)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Same as `encode`."""
        return self.encode(images, generator)

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}"


def check_count(name: str, value: int, minimum: int) -> int:
    """Return `value` if it is a whole number of at least `minimum`, else raise `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{name}: got {value!r}, expected a whole number of at least {minimum}")
    return value


def check_images(images: Tensor) -> None:
    """Raise `ValueError` unless `images` is a non-empty floating batch with every value in [0, 1]."""
    if not images.is_floating_point():
        raise ValueError(f"images: got dtype {images.dtype}, expected floating point in [0, 1]")
    if images.ndim < 1 or images.numel() == 0:
        raise ValueError(f"images: got shape {list(images.shape)}, expected a non-empty [batch, *features]")
    low, high = (bound.item() for bound in torch.aminmax(images.detach()))
    # A NaN anywhere makes both bounds NaN, and every comparison with it false.
    if not (low >= 0 and high <= 1):
        raise ValueError(f"images: got values in [{low:g}, {high:g}], expected finite values in [0, 1]")


def check_spikes(spikes: Tensor, timesteps: int) -> None:
    """Raise `ValueError` unless `spikes` is floating and `[timesteps, batch, *features]`."""
    if not spikes.is_floating_point() or spikes.ndim < 2 or spikes.shape[0] != timesteps:
        raise ValueError(
            f"spikes: got {spikes.dtype} of shape {list(spikes.shape)}, "
            f"expected floating point of shape [{timesteps}, batch, *features]"
        )
