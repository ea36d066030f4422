"""The base of encoders: the verbs `encode`, `emit` and `decode`, the gradient, and checks where data enters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from sqnn.core import Trains, Values, whole

Pull = Callable[[Tensor, Tensor], Tensor]
"""Maps the gradients of spikes `[time, batch, *features]` and the values to the gradient `[batch, *features]`."""


class Encoder(nn.Module, ABC):
    """Turn images into spike trains over `timesteps` steps.

    Shapes: images `[batch, *features]` in [0, 1], spikes `[time, batch, *features]`.
    An encoder holds neither parameters nor state. Subclass it to add a code, and name it in `ENCODERS`; the class says

    - `digits`: whether the steps are binary digits, so that gradients take the smooth surrogates and `rescaling`;
    - `surrogates`: names of the gradients that its option `surrogate` takes, the one that suits a network first; none
      where there is no such option;
    - `unit_height`: options with which every spike has the height 1, as those that neurons send;
    - `min_timesteps`: fewest steps.

    Raises `ValueError` when `timesteps` is not a whole number of at least `min_timesteps`.
    """

    digits: ClassVar[bool] = False
    surrogates: ClassVar[tuple[str, ...]] = ()
    unit_height: ClassVar[Mapping[str, bool | float]] = MappingProxyType({})
    min_timesteps: ClassVar[int] = 1

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.timesteps = whole("timesteps", timesteps, self.min_timesteps)

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

    def encode(self, images: Tensor, generator: torch.Generator | None = None) -> Trains:
        """Images `[batch, *features]` in [0, 1] to spikes `[time, batch, *features]`.

        `generator` is read by random encoders only. Raises `ValueError` on images outside [0, 1].
        """
        check_images(images)
        return self.emit(images, generator)

    @abstractmethod
    def emit(self, unit: Values, generator: torch.Generator | None = None) -> Trains:
        """Same as `encode` for values `[batch, *features]` that are in [0, 1] already: nothing looks at them.

        Networks use it on what their own layers make.
        """

    def decode(self, spikes: Tensor) -> Values:
        """Spikes `[time, batch, *features]` back to images `[batch, *features]` in [0, 1].

        Raises `ValueError` when the first dimension is not `timesteps`.
        """
        check_spikes(spikes, self.timesteps)
        return weighted_mean(spikes, self.weights, self.weight_total)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Trains:
        """Same as `encode`."""
        return self.encode(images, generator)

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}"


def check_images(images: Tensor) -> None:
    """Raise `ValueError` unless `images` is a non-empty floating batch with every value in [0, 1]."""
    if not images.is_floating_point():
        raise ValueError(
            f"images: got dtype {images.dtype}, expected floating point in [0, 1]; levels are images.float() / 255"
        )
    if images.ndim < 1 or images.numel() == 0:
        raise ValueError(f"images: got shape {list(images.shape)}, expected a non-empty [batch, *features]")
    low, high = (bound.item() for bound in torch.aminmax(images.detach()))
    # A NaN anywhere makes both bounds NaN, and every comparison with it false.
    if not (low >= 0 and high <= 1):
        held = "NaN" if math.isnan(low) else f"values in [{low:g}, {high:g}]"
        raise ValueError(f"images: got {held}, expected finite values in [0, 1]")


def check_spikes(spikes: Tensor, timesteps: int) -> None:
    """Raise `ValueError` unless `spikes` is floating and `[timesteps, batch, *features]`."""
    if not spikes.is_floating_point() or spikes.ndim < 2 or spikes.shape[0] != timesteps:
        raise ValueError(
            f"spikes: got {spikes.dtype} of shape {list(spikes.shape)}, "
            f"expected floating point of shape [{timesteps}, batch, *features]"
        )


def weighted_mean(spikes: Trains, weights: Sequence[float], total: float) -> Values:
    """Return sum_t w_t s_t / total for spikes `[time, batch, *features]`, as `[batch, *features]`.

    One product of a vector and a matrix, in whatever memory format the spikes have, so that nothing of their size is
    made. Where weights and spikes are whole numbers the sum is exact (below 2^24 in float32), and the quotient is the
    only rounding. Half-precision spikes are summed in float32.
    """
    with torch.autocast(spikes.device.type, enabled=False):  # which would round the sums to half precision
        return _weighted_mean(spikes, weights, total)


def _weighted_mean(spikes: Tensor, weights: Sequence[float], total: float) -> Tensor:
    exact = torch.promote_types(spikes.dtype, torch.float32)
    # With dimensions in their order in memory, flattening makes no copy.
    order = sorted(range(1, spikes.ndim), key=spikes.stride, reverse=True)
    rows = spikes.permute(0, *order)
    sums = torch.tensor(weights, dtype=exact, device=spikes.device) @ rows.flatten(1).to(exact)
    # Divided by a tensor: CUDA multiplies by the reciprocal of a Python number, which is not correctly rounded.
    means = sums / torch.tensor(total, dtype=exact, device=spikes.device)
    back = [order.index(dim) for dim in range(1, spikes.ndim)]
    return means.view(rows.shape[1:]).permute(back).to(spikes.dtype)


def emit_spikes(unit: Values, spikes: Callable[[Tensor], Tensor], pull: Pull | None) -> Trains:
    """Return `spikes(unit)`; backward, the gradient that reaches `unit` is `pull(grads, unit)`, or none without it.

    Values `[batch, *features]` give `[time, batch, *features]`. Only `unit` is kept for the backward pass, and that
    is differentiable again where `pull` is.
    """
    if pull is None:
        return spikes(unit.detach())
    return _Emit.apply(unit, spikes, pull)


class _Saved(FunctionCtx):
    pull: Pull
    saved_tensors: tuple[Tensor, ...]


class _Emit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Saved, unit: Tensor, spikes: Callable[[Tensor], Tensor], pull: Pull) -> Tensor:
        ctx.save_for_backward(unit)
        ctx.pull = pull
        return spikes(unit)

    @staticmethod
    def backward(ctx: _Saved, *grads: Tensor) -> tuple[Tensor, None, None]:
        (unit,) = ctx.saved_tensors
        return ctx.pull(grads[0], unit), None, None
