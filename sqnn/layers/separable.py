"""A spiking front-end of separable convolutions that is trained by its rates, and read place by place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.kernels import (
    LARGEST_WINDOW,
    NeuronRule,
    Stage,
    are_wanted,
    can_compute,
    is_hooked,
    neurons_of,
    norm_is_plain,
    stage_rates,
)
from sqnn.layers.spiking import stepwise
from sqnn.neurons import IF

INITIAL_SCALE = 0.5
INITIAL_SHIFT = 0.25
"""Norms begin with these, so that rates fill the middle of [0, 1]."""


class Activity(NamedTuple):
    """Output of a stage: rates [batch, ...], and the spike trains [time, batch, ...] whose means they are."""

    rates: Tensor
    trains: Tensor | None = None


class _Rates(torch.autograd.Function):
    """Rates of neurons as a function of their mean currents: the value of the one, the slope of clip(current, 0, 1)."""

    @staticmethod
    def forward(ctx: Any, currents: Tensor, rates: Tensor) -> Tensor:
        ctx.save_for_backward((currents > 0) & (currents < 1))
        return rates.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None


class SeparableConv(nn.Module):
    """Convolution of rank one for each pair of channels: weight[o, i, y, x] = pointwise[o, i] depthwise[i, y, x].

    It has in_channels (kernel^2 + out_channels) weights, no bias and no padding, and takes [batch, in_channels, height,
    width]. One convolution with the product adds up a weight per spike and synapse, where two in a row would pass real
    numbers from the one to the other.

    Source: Chollet, CVPR 2017.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = (kernel, kernel), (stride, stride)
        self.depthwise = nn.Parameter(torch.zeros(in_channels, kernel, kernel))
        self.pointwise = nn.Parameter(torch.zeros(out_channels, in_channels))

    @property
    def weight(self) -> Tensor:
        """The weights of the ordinary convolution that this one is, [out_channels, in_channels, kernel, kernel]."""
        return self.pointwise[:, :, None, None] * self.depthwise

    def forward(self, images: Tensor) -> Tensor:
        return F.conv2d(images, self.weight, stride=self.stride)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"


class FixedScaleNorm(nn.BatchNorm2d):
    """Batch norm with one given scale for all channels, so that a channel has a trained shift alone."""

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__(channels)
        del self.weight
        self.register_buffer("weight", torch.full((channels,), scale))


class RateTrainedStage(nn.Module):
    """Convolution, batch norm, integrate-and-fire neurons, whose gradient is that of their rates.

    With z the mean over time of the currents after the norm, whose statistics are those of the means:

    - spiking: the neurons fire on the currents of each step, and pass on spikes and their mean; the gradient is that of
      clip(z, 0, 1), to which the rate of neurons that begin at half a threshold tends as 1 / time steps;
    - otherwise: they pass on clip(z, 0, 1) itself, without time.

    The convolution sees the spikes of each step, and the means once more for the gradient: memory and time of the
    backward pass do not grow with the number of steps. The norm's scale is trained, or `scale` for every channel.

    Source: rate-based backpropagation, Yu et al., NeurIPS 2024 (arXiv 2410.11488), and ReLU networks hardened into
    spikes, Rueckauer et al., Front. Neurosci. 11 (2017), in one network.
    """

    def __init__(self, conv: nn.Module, out_channels: int, timesteps: int, scale: float | None = None) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(out_channels) if scale is None else FixedScaleNorm(out_channels, scale)
        self.neuron = IF(initial_membrane=0.5)
        self.timesteps = timesteps

    def forward(self, activity: Activity, spiking: bool) -> Activity:
        means = self.conv(activity.rates)
        currents = self.norm(means)
        if not spiking:
            return Activity(currents.clamp(0, 1))
        with torch.no_grad():
            if activity.trains is None:
                steps = currents.expand(self.timesteps, *currents.shape)
            else:
                scale, shift = self._norm(means)
                steps = torch.addcmul(shift, stepwise(self.conv, activity.trains), scale)
            spikes = self.neuron(steps)
            rates = spikes.mean(0)
        return Activity(_Rates.apply(currents, rates), spikes)

    def neurons(self) -> NeuronRule | None:
        """Return the rule of the neurons where the compiled kernels compute such a stage, None where they do not."""
        conv, norm = self.conv, self.norm
        known = type(norm) in (nn.BatchNorm2d, FixedScaleNorm) and norm_is_plain(norm)
        if not (known and (type(conv) is SeparableConv or _is_plain(conv))):
            return None
        shape = cast(SeparableConv, conv)
        fits = max(shape.kernel_size) <= LARGEST_WINDOW and len({*shape.kernel_size}) == len({*shape.stride}) == 1
        return neurons_of(self.neuron) if fits else None

    @torch.no_grad()
    def _norm(self, means: Tensor) -> tuple[Tensor, Tensor]:
        """Return factor and summand of the norm, [channels, 1, 1], for these means."""
        norm = self.norm
        if norm.training:
            variance, mean = torch.var_mean(means, (0, 2, 3), correction=0)
        else:
            variance, mean = cast(Tensor, norm.running_var), cast(Tensor, norm.running_mean)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        return scale[:, None, None], (norm.bias - scale * mean)[:, None, None]


class PlaceReadout(nn.Module):
    """A weight for each row and one for each column: f_c = sum_yx rate[c, y, x] row[c, y] column[c, x] + bias[c]."""

    def __init__(self, channels: int, side: tuple[int, int]) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(channels, side[0]))
        self.columns = nn.Parameter(torch.zeros(channels, side[1]))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, rates: Tensor) -> Tensor:
        weights = self.rows[:, :, None] * self.columns[:, None, :]
        return (rates * weights).sum((-2, -1)) + self.bias


class SeparableCNN(nn.Module):
    """Spiking stages on images shown as constant currents, read place by place: [batch, channels, ...] -> [batch, n].

    The first stage is an ordinary convolution, all others are separable; none pads. `channels` are the widths of all of
    them, the last is the number n of features. The rates of the last stage are read by a `PlaceReadout`. All norms
    have this `scale`; where None, each channel's is trained. In training, and within
    `sqnn.kernels.evaluating_by_kernels`, the stages are computed by the compiled kernels where these can, unless
    `compiled` is set to False; they are differentiable once.
    """

    compiled = True

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        channels: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        timesteps: int,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        convs: list[nn.Module] = [nn.Conv2d(in_channels, channels[0], kernels[0], strides[0], bias=False)]
        for (before, after), kernel, stride in zip(pairwise(channels), kernels[1:], strides[1:], strict=True):
            convs.append(SeparableConv(before, after, kernel, stride))
        stages = [RateTrainedStage(conv, width, timesteps, scale) for conv, width in zip(convs, channels, strict=True)]
        self.stages = nn.ModuleList(stages)
        height, width = (sides_after(side, kernels, strides)[-1] for side in image_size)
        self.readout = PlaceReadout(channels[-1], (height, width))

    def forward(self, images: Tensor, spiking: bool = True) -> Tensor:
        features: Tensor = self.readout(self.rates(images, spiking))
        return features

    def rates(self, images: Tensor, spiking: bool = True) -> Tensor:
        """Return the rates of the last stage, [batch, channels, height, width]."""
        if self.compiled and are_wanted(self.training):
            found = self._compiled_rates(images, spiking)
            if found is not None:
                return found
        activity = Activity(images)
        for stage in self.stages:
            activity = stage(activity, spiking)
        return activity.rates

    @property
    def takes_kernels(self) -> bool:
        """Whether the compiled kernels compute stages of this kind."""
        stages = cast(Iterable[RateTrainedStage], self.stages)
        return self.compiled and all(stage.neurons() is not None for stage in stages)

    def _compiled_rates(self, images: Tensor, spiking: bool) -> Tensor | None:
        """Return the rates by the compiled kernels, None where they do not compute these stages."""
        parts = []
        for stage in cast(Iterable[RateTrainedStage], self.stages):
            rule, conv, norm = stage.neurons(), stage.conv, stage.norm
            if rule is None or is_hooked(stage) or not can_compute((conv, norm, stage.neuron), norm, self.training):
                return None
            if isinstance(conv, SeparableConv):
                parts.append(Stage(conv.depthwise, conv.pointwise, conv.stride[0], norm, rule))
            else:
                plain = cast(nn.Conv2d, conv)
                parts.append(Stage(plain.weight, None, plain.stride[0], norm, rule))
        steps = cast(RateTrainedStage, self.stages[0]).timesteps
        return stage_rates(images, parts, steps if spiking else None)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw the weights: uniform with variance 1 / fan-in, of depthwise and pointwise factors each for itself."""
        for stage in cast(Iterable[RateTrainedStage], self.stages):
            for weight in stage.conv.parameters():
                _uniform(weight, weight[0].numel(), generator)
            if isinstance(stage.norm.weight, nn.Parameter):
                nn.init.constant_(stage.norm.weight, INITIAL_SCALE)
            nn.init.constant_(stage.norm.bias, INITIAL_SHIFT)
        for weight in (self.readout.rows, self.readout.columns):
            _uniform(weight, weight.shape[1], generator)


def sides_after(side: int, kernels: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Return the side of an image in pixels after each stage; below 1 where an image is too small."""
    sides = []
    for kernel, stride in zip(kernels, strides, strict=True):
        side = (side - kernel) // stride + 1 if side >= kernel else 0
        sides.append(side)
    return sides


def _is_plain(conv: nn.Module) -> bool:
    """Say whether a module is a convolution without padding, gaps, groups and bias."""
    if type(conv) is not nn.Conv2d:
        return False
    return (conv.padding, conv.dilation, conv.groups, conv.bias) == ((0, 0), (1, 1), 1, None)


def _uniform(weight: nn.Parameter, fan_in: int, generator: torch.Generator) -> None:
    bound = math.sqrt(3 / fan_in)
    nn.init.uniform_(weight, -bound, bound, generator=generator)
