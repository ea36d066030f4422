"""The quantised activation whose values are whole numbers of spikes: the ordinary twin of a spiking neuron."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from sqnn.core import MAX_PLANES, Choices, is_whole, number_of
from sqnn.neurons.positive import learned_threshold, raw_threshold

INITIAL_THRESHOLD = 4.0
"""Where a learned threshold begins: normalised currents seldom exceed it, and training brings it down."""
THRESHOLDS: Choices[str] = Choices("thresholds", {"layer": "one for a whole layer", "channel": "one for each channel"})
"""What has one learned threshold."""


def to_levels(values: Tensor, threshold: Tensor, steps: int, initial: float = 0.5) -> Tensor:
    """Count values in steps of threshold / `steps`: v = z Q / lambda + initial, of the shape of `values`.

    With a half as the beginning, the whole part of v, kept within 0 .. Q, is the level that z rounds to. Source and
    spiking network share this one expression, so that equal currents give equal levels to the last bit.
    """
    return torch.mul(values, steps / threshold).add_(initial)


def to_values(levels: Tensor, threshold: Tensor, steps: int) -> Tensor:
    """Return what levels stand for: L lambda / Q, of the shape of `levels`."""
    return levels * (threshold / steps)


def qcfs(values: Tensor, threshold: Tensor, steps: int) -> Tensor:
    """Quantise: a = (lambda / Q) clip(floor(z Q / lambda + 1/2), 0, Q), of the shape of `values`.

    Backward, rounding counts as the identity: da/dz = 1 where 0 <= z <= lambda and 0 elsewhere; da/dlambda = 1 above
    lambda, (a - z) / lambda from 0 to lambda, 0 below. `threshold` is lambda, broadcast over `values`; `steps` is Q.

    Source: Bu et al., ICLR 2022; Datta et al. (error-free conversion), equation 2.
    """
    return _QCFS.apply(values, threshold, steps)


class QCFS(nn.Module):
    """Quantise-clip-floor-shift activation of T bits, with a learnable positive threshold.

    a = (lambda / Q) clip(floor(z Q / lambda + 1/2), 0, Q) with Q = 2^T - 1, so that T bits hold every level 0 .. Q (the
    paper's 2^T steps need one level more than T bits have). The gradient is that of `qcfs`.

    `values` are [batch, ...] in the units of lambda. `channels` gives one threshold per channel, counted along
    `channel_axis`, instead of one per layer. The threshold is 0.001 + softplus(raw).

    Raises ValueError where `timesteps` is not a whole number from 1 to 16, `threshold` is not above 0.001, or the
    channels of the input are not `channels`.

    Source: Datta et al., "When SNN meets ANN", section 3.1.
    """

    def __init__(
        self,
        timesteps: int = 4,
        threshold: float = INITIAL_THRESHOLD,
        *,
        channels: int | None = None,
        channel_axis: int = 1,
    ) -> None:
        super().__init__()
        if not is_whole(timesteps) or not 1 <= timesteps <= MAX_PLANES:
            raise ValueError(f"timesteps: got {timesteps!r}, expected a whole number from 1 to {MAX_PLANES}")
        threshold = number_of("threshold", threshold)
        if not math.isfinite(threshold):
            raise ValueError(f"threshold: got {threshold}, expected a positive finite number")
        if channels is not None and not (is_whole(channels) and channels >= 1):
            raise ValueError(f"channels: got {channels}, expected at least 1, or None for one threshold per layer")
        self.timesteps = int(timesteps)
        self.channels = channels
        self.channel_axis = channel_axis
        shape = () if channels is None else (channels,)
        self.raw_threshold = nn.Parameter(torch.full(shape, raw_threshold(threshold)))

    @property
    def steps(self) -> int:
        """Q = 2^T - 1, the highest level."""
        return int(2**self.timesteps - 1)

    @property
    def threshold(self) -> Tensor:
        """lambda, above 0: `[]` or `[channels]`."""
        return learned_threshold(self.raw_threshold)

    def forward(self, values: Tensor) -> Tensor:
        return qcfs(values, self.threshold_for(values), self.steps)

    def threshold_for(self, values: Tensor) -> Tensor:
        """Return lambda in a shape that broadcasts over `values`; ValueError where the channels differ."""
        return along_channels(self.threshold, values, self.channel_axis)

    @torch.no_grad()
    def set_threshold(self, threshold: Tensor | float) -> None:
        """Set lambda, a number or one per channel; ValueError where one is not above 0.001, or they are too many."""
        values, shape = torch.as_tensor(threshold, dtype=torch.float64), self.raw_threshold.shape
        if values.ndim and values.shape != shape:
            raise ValueError(f"threshold: got shape {list(values.shape)}, expected a number or shape {list(shape)}")
        if not torch.isfinite(values).all():
            raise ValueError("threshold: got NaN or an infinite value, expected positive finite numbers")
        wanted = values.expand(shape)
        raw = [raw_threshold(float(value)) for value in wanted.flatten()]
        self.raw_threshold.copy_(torch.tensor(raw, dtype=torch.float64).reshape(wanted.shape))

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}, steps={self.steps}, channels={self.channels}"


def along_channels(threshold: Tensor, values: Tensor, axis: int) -> Tensor:
    """Return `[]` as it is and `[channels]` shaped to broadcast along `axis` of `values`."""
    if threshold.ndim == 0:
        return threshold
    if not -values.ndim <= axis < values.ndim or values.shape[axis] != len(threshold):
        raise ValueError(
            f"values: got shape {list(values.shape)}, expected {len(threshold)} channels along dimension {axis}"
        )
    shape = [1] * values.ndim
    shape[axis] = -1
    return threshold.view(shape)


class _Saved(FunctionCtx):
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _QCFS(torch.autograd.Function):
    """One node for five elementwise operations; backward needs input and output, which the next layer keeps anyway."""

    @staticmethod
    def forward(ctx: _Saved, values: Tensor, threshold: Tensor, steps: int) -> Tensor:
        levels = to_levels(values, threshold, steps).floor_().clamp_(0, steps)
        quantised = levels.mul_(threshold / steps)
        ctx.save_for_backward(values, threshold, quantised)
        return quantised

    @staticmethod
    def backward(ctx: _Saved, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (gradient,) = gradients
        values, threshold, quantised = ctx.saved_tensors
        to_input = torch.where((values >= 0) & (values <= threshold), gradient, 0)
        if not ctx.needs_input_grad[1]:
            return to_input, None, None
        # a is lambda above lambda and 0 below 0, where to_input is 0: one expression holds on all three parts.
        to_threshold = (gradient * quantised).sub_(to_input * values).div_(threshold)
        return to_input, to_threshold.sum_to_size(threshold.shape), None
