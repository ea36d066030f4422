"""Stages that are trained by their rates, as one differentiable operation each, computed by compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from circuits.kernels import is_watched
from sqnn.kernels.library import kernels
from sqnn.kernels.packed import NeuronRule, Pack, Unpack, call, is_plain, moments, through_norm

LARGEST_WINDOW = 5
"""Side of the largest window that the kernels are compiled for, in pixels."""


@dataclass(frozen=True)
class Stage:
    """An unpadded convolution, a batch norm and neurons.

    The convolution has weights [out, in, kernel, kernel]; or it is separable, has windows [in, kernel, kernel], and is
    computed as one convolution per channel, whose maps are summed by a `mixing` [out, in].
    """

    weight: Tensor
    mixing: Tensor | None
    stride: int
    norm: nn.BatchNorm2d
    neurons: NeuronRule


def stage_rates(images: Tensor, stages: Sequence[Stage], timesteps: int | None) -> Tensor | None:
    """Return the rates of the last stage, [batch, channels, height, width]; None without kernels.

    `images` are [batch, channels, height, width], shown at each of `timesteps` steps. Each stage convolves, norms by
    the statistics of the means over time, running statistics included, or in evaluation by the running statistics, and
    fires; without `timesteps` it passes on the currents, cut to [0, 1], in place of spikes. The gradient, in training,
    is that of the cut currents in both cases, to rounding, and is differentiable once. None too where the images do not
    fit the stages, which PyTorch says in its own words, and where somebody watches or compiles what PyTorch computes.
    """
    if not (is_plain(images) and _fits(images, stages)) or is_watched() or kernels().library is None:
        return None
    batch, threads = len(images), torch.get_num_threads()
    rates, spikes = cast(Tensor, Pack.apply(images[None], threads)), None
    for stage in stages:
        norm = stage.norm
        weights = stage.weight, stage.mixing, norm.weight, norm.bias
        rates, spikes = _Stage.apply(rates, spikes, *weights, stage, batch, timesteps, threads)
    return cast(Tensor, Unpack.apply(rates, batch, threads))[0]


def _fits(images: Tensor, stages: Sequence[Stage]) -> bool:
    """Say whether every stage gets as many channels as it takes, and pixels for a window of the compiled sizes."""
    if images.ndim != 4 or images.numel() == 0:
        return False
    channels, *sides = images.shape[1:]
    for stage in stages:
        kernel, width = stage.weight.shape[-2:]
        outputs, inputs = (stage.weight if stage.mixing is None else stage.mixing).shape[:2]
        if inputs != channels or stage.norm.num_features != outputs or kernel != width or kernel > LARGEST_WINDOW:
            return False
        if stage.mixing is not None and len(stage.weight) != inputs:
            return False
        if not all(is_plain(each) for each in (stage.weight, stage.mixing) if each is not None) or min(sides) < kernel:
            return False
        channels, sides = outputs, [(side - kernel) // stage.stride + 1 for side in sides]
        # In training a batch norm refuses one number per channel.
        if stage.norm.training and len(images) * sides[0] * sides[1] == 1:
            return False
    return len(stages) > 0


class _Stage(torch.autograd.Function):
    """Convolution, batch norm, neurons: packed rates, and spikes if there are any, to packed rates and spikes."""

    @staticmethod
    def forward(
        ctx: Any,
        rates: Tensor,
        spikes: Tensor | None,
        weight: Tensor,
        mixing: Tensor | None,
        gamma: Tensor,
        beta: Tensor,
        stage: Stage,
        batch: int,
        timesteps: int | None,
        threads: int,
    ) -> tuple[Tensor, Tensor | None]:
        groups, _, channels, height, width, lanes = rates.shape
        weight, mixing = weight.contiguous(), None if mixing is None else mixing.contiguous()
        outputs, kernel = len(weight if mixing is None else mixing), weight.shape[-1]
        high, wide = ((side - kernel) // stage.stride + 1 for side in (height, width))
        shown = rates if spikes is None else spikes
        steps = shown.shape[1]
        y = rates.new_empty(groups, steps, outputs, high, wide, lanes)
        means = y if steps == 1 else rates.new_empty(groups, 1, outputs, high, wide, lanes)
        sums = torch.empty(groups, outputs, dtype=torch.double, device=y.device)
        sides = (channels, outputs, height, width, kernel, stage.stride)
        call("sqnn_correlate", groups, threads, (shown, weight, mixing, y, means, sums), steps, batch, *sides)
        mean, variance, count = moments(stage.norm, means, sums, batch, threads)
        inverse = torch.rsqrt(variance + stage.norm.eps)
        scale = gamma.double() * inverse
        affine = torch.stack([scale, beta.double() - scale * mean]).float()
        found, fired = torch.empty_like(means), None
        if timesteps is None:
            call("sqnn_clip", groups, threads, (y, affine[0], affine[1], found), outputs, high * wide)
        else:
            fired = rates.new_empty(groups, timesteps, outputs, high, wide, lanes)
            numbers = (steps, timesteps, outputs, high * wide, *stage.neurons.numbers)
            call("sqnn_fire_steps", groups, threads, (y, affine[0], affine[1], fired, found), *numbers)
            ctx.mark_non_differentiable(fired)
        ctx.save_for_backward(rates, weight, mixing, means, affine, torch.stack([mean, inverse, scale]))
        ctx.sides, ctx.batch, ctx.threads, ctx.count = sides, batch, threads, count
        ctx.set_materialize_grads(False)
        return found, fired

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        nothing = (None,) * 10
        if gradients[0] is None:
            return nothing
        rates, weight, mixing, means, affine, (mean, inverse, scale) = ctx.saved_tensors
        groups, outputs, area = len(rates), means.shape[2], means[0, 0, 0, ..., 0].numel()
        currents = torch.empty_like(means)
        sums = torch.empty(groups, 2, outputs, dtype=torch.double, device=means.device)
        tensors = (gradients[0].contiguous(), means, affine[0], affine[1], currents, sums)
        call("sqnn_clip_backward", groups, ctx.threads, tensors, ctx.batch, outputs, area)
        factors, grad_gamma, grad_beta = through_norm(sums.sum(0), mean, inverse, scale, ctx.count)
        sizes = [each.numel() for each in (weight, mixing) if each is not None]
        weights = rates.new_empty(groups, sum(sizes))
        inputs = torch.empty_like(rates) if ctx.needs_input_grad[0] else None
        maps = (currents, means, factors, rates, weight, mixing, weights, inputs)
        call("sqnn_correlate_backward", groups, ctx.threads, maps, ctx.batch, *ctx.sides)
        grad_weight, *rest = weights.sum(0).split(sizes)
        grad_weight, grad_mixing = grad_weight.view_as(weight), None if mixing is None else rest[0].view_as(mixing)
        return inputs, None, grad_weight, grad_mixing, grad_gamma, grad_beta, *nothing[6:]
