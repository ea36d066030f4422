"""Decoders: spike trains, or whatever a spiking block makes of them, become values."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from sqnn.core import Choices, Values, whole
from sqnn.encoding.base import Encoder, check_spikes, weighted_mean


class Decoder(nn.Module, ABC):
    """A linear map from trains `[time, batch, *features]` to values `[batch, *features]`, the same for every feature.

    The trains may hold sums and pooled values as well as spikes. A decoder has neither parameters nor state.

    Raises `ValueError` when the first dimension is not `timesteps`.
    """

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.timesteps = whole("timesteps", timesteps)

    @abstractmethod
    def forward(self, spikes: Tensor) -> Values:
        """Trains `[time, batch, *features]` to values `[batch, *features]`."""

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}"


class ByWeight(Decoder):
    """Weigh every step as its code does: y = sum_t w_t s_t / total.

    With the `weights` and `weight_total` of an encoder it inverts that encoder's spikes. Shapes and errors are those of
    `Decoder`; also raises `ValueError` on weights that are not finite, on none at all, and on a total that is not
    positive. Source: arXiv 2509.24411, whose code encodes planes least significant first and decodes them the other
    way round, so that level 1 comes back as 128.
    """

    def __init__(self, weights: Sequence[float], total: float) -> None:
        super().__init__(len(weights))
        if not all(math.isfinite(weight) for weight in weights):
            raise ValueError(f"weights: got {list(weights)}, expected finite numbers")
        if not (math.isfinite(total) and total > 0):
            raise ValueError(f"total: got {total}, expected a positive finite number")
        self.weights = tuple(float(weight) for weight in weights)
        self.total = float(total)

    def forward(self, spikes: Tensor) -> Values:
        check_spikes(spikes, self.timesteps)
        return weighted_mean(spikes, self.weights, self.total)

    def extra_repr(self) -> str:
        return f"weights={self.weights}, total={self.total:g}"


class ByRate(Decoder):
    """Count spikes, whatever the code: y = mean_t s_t. Shapes and errors are those of `Decoder`."""

    def forward(self, spikes: Tensor) -> Values:
        check_spikes(spikes, self.timesteps)
        return spikes.mean(0)


DECODERS: Choices[Callable[[Encoder], Decoder]] = Choices(
    "decoder",
    {
        "weight": lambda encoder: ByWeight(encoder.weights, encoder.weight_total),
        "rate": lambda encoder: ByRate(encoder.timesteps),
    },
)
"""What makes a decoder for the trains of an encoder."""


def make_decoder(name: str, encoder: Encoder) -> Decoder:
    """Build the decoder called `name` in `DECODERS` for the trains of `encoder`.

    Raises `ValueError` when the name is unknown.
    """
    return DECODERS.pick(name)(encoder)
