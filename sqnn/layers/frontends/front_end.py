"""A front-end of another library as a module from images to features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError
from sqnn.encoding import Direct, Encoder, Frames, make_encoder
from sqnn.layers.frontends.base import PAIR, Recorded
from sqnn.layers.frontends.registry import convention_of

POOLS: Choices[Callable[[Tensor], Tensor]] = Choices(
    "pool",
    {
        "rate": lambda steps: steps.mean(0),
        "membrane": lambda steps: steps[-1],
        "mean-membrane": lambda steps: steps.mean(0),
    },
)
"""How time is pooled: the mean over the steps of the spikes, the last of the membranes, or their mean."""
RECORDINGS = 5
"""Dimensions of recordings [batch, time, channels, height, width]."""
SPIKES = "rate"
"""The one that reads spikes."""


class FrontEnd(nn.Module):
    """Run a network of any spiking library on images, and pool its output over time: [batch, ...] -> [batch, features].

    With `timesteps`, `encoding` (a name or an `Encoder`) turns images into trains [time, batch, ...], which the network
    sees one step at a time or at once, as its library has it; of recordings [batch, time, channels, height, width] it
    sees frame t at step t. Without, it is called on images or recordings once, and makes its own steps. Its output is
    [batch, features], [time, batch, features] or a pair (spikes, membranes) of those. `pool` reads the
    first of a pair as `rate`, and the last as `membrane` and `mean-membrane`.

    `convention` is a name of `CONVENTIONS`; by default the library of the neurons within decides. Neurons with hidden
    state are reset before each call and after it. Random encoders draw from the `generator` passed to `forward`.

    Raises ConfigError on an output of another shape, and where a membrane is to be read and spikes alone came.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        pool: str = SPIKES,
        timesteps: int | None = None,
        encoding: str | Encoder = "direct",
        convention: str | None = None,
    ) -> None:
        super().__init__()
        POOLS.pick(pool, error=ConfigError)
        self.network = network
        self.pool = pool
        self.convention = convention_of(network, convention)
        self.encoder = _encoder(encoding, timesteps)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        with self._forgetting():
            if self.encoder is None:
                output = self.convention.once(self.network, images)
            else:
                output = self.convention.over_time(self.network, self._trains(self.encoder, images, generator))
        return self._pooled(output, len(images))

    def _trains(self, encoder: Encoder, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the trains [time, batch, ...] of images, and of recordings their frames."""
        if images.ndim == RECORDINGS and not isinstance(encoder, Frames):
            if not isinstance(encoder, Direct):
                raise ConfigError(f"encoding: got {encoder} for recordings, expected frames; leave it out")
            if images.shape[1] != encoder.timesteps:
                raise ConfigError(
                    f"timesteps: got {encoder.timesteps} for recordings of {images.shape[1]} frames, expected as many"
                )
            encoder = Frames(encoder.timesteps)
        return encoder.encode(images, generator)

    def extra_repr(self) -> str:
        return f"pool={self.pool!r}, convention={type(self.convention).__name__}"

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        self.convention.reset(self.network)
        try:
            yield
        finally:
            self.convention.reset(self.network)  # which lets the graph of the batch go

    def _pooled(self, output: Recorded, batch: int) -> Tensor:
        steps = output.spikes
        if self.pool != SPIKES:
            steps = output.spikes if output.membranes is None else output.membranes
            if output.membranes is None and bool(((steps == 0) | (steps == 1)).all() & (steps == 1).any()):
                raise ConfigError(
                    f"pool: got {self.pool!r} for a network that gives spikes alone, expected pool='rate', or a "
                    "network that gives (spikes, membranes)"
                )
        if steps.ndim == 2 and len(steps) == batch:
            return steps
        timesteps = len(steps) if self.encoder is None else self.encoder.timesteps
        if steps.ndim == 3 and tuple(steps.shape[:2]) == (timesteps, batch):
            return POOLS[self.pool](steps)
        raise ConfigError(
            f"frontend: got an output {list(steps.shape)} for {batch} images"
            f"{'' if self.encoder is None else f' and {timesteps} steps'}, expected {PAIR}; {_mend(steps, batch)}"
        )


def _encoder(encoding: str | Encoder, timesteps: int | None) -> Encoder | None:
    if isinstance(encoding, Encoder):
        if timesteps not in (None, encoding.timesteps):
            raise ConfigError(f"timesteps: got {timesteps} beside {encoding}, expected the encoder's, or None")
        return encoding
    if timesteps is None:
        if encoding != "direct":
            raise ConfigError(f"encoding: got {encoding!r} without timesteps, expected timesteps=25, for example")
        return None
    return make_encoder(encoding, timesteps)


def _mend(steps: Tensor, batch: int) -> str:
    """Say how an output of another shape becomes one that is read."""
    if steps.ndim == 3 and len(steps) == batch:
        return "time comes first, the batch second: return output.transpose(0, 1)"
    if steps.ndim > 3:
        return "flatten what comes after time and batch: nn.Flatten() within a step, output.flatten(2) of all steps"
    return f"keep the number of images, {batch} here, in every reshape"
