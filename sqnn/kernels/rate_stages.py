"""Stages that are trained by their rates, as one differentiable operation, computed by compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from circuits import computing_in
from circuits.kernels import in_memory, is_plain, is_watched
from sqnn.kernels.library import kernels
from sqnn.kernels.packed import NeuronRule, Pack, Unpack, call, memory_for, norm_of, over_groups, through_norm

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
    if is_watched() or not (is_plain(images) and _fits(images, stages)) or kernels().library is None:
        return None
    run = _Run(len(images), timesteps, torch.get_num_threads())
    weights = [each for s in stages for each in (s.weight, s.mixing, s.norm.weight, s.norm.bias)]
    # The kernels share their work among threads; between them PyTorch has a few numbers per channel.
    with computing_in(1):
        packed = Pack.apply(images[None], run.threads)
        rates = _Stages.apply(packed, run, stages, *weights)
        # A view, as is its gradient: an operation on all numbers would call PyTorch's workers onto the kernels' cores.
        return cast(Tensor, Unpack.apply(rates, run.batch, run.threads)).squeeze(0)


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


class _Maps(NamedTuple):
    """What a convolution gives: maps of each step, their means over time, and sums of these per group and channel."""

    y: Tensor
    means: Tensor
    sums: Tensor


class _Run(NamedTuple):
    """How many images are computed, how many steps they are shown for, and by how many threads."""

    batch: int
    timesteps: int | None
    threads: int

    def convolve(self, rates: Tensor, stage: Stage) -> _Maps:
        """Return the maps of a stage for what does not change along time, packed."""
        maps = self._maps(rates, stage, 1)
        tensors = (rates, *_contiguous(stage.weight, stage.mixing), maps.y, maps.sums)
        call("sqnn_correlate", len(rates), self.threads, tensors, self.batch, *_sides(rates, stage))
        return maps

    def fire(self, y: Tensor, affine: Tensor, rule: NeuronRule, following: Stage | None) -> tuple[Tensor, _Maps | None]:
        """Return the packed rates of neurons on the currents scale * y + shift, and the maps of the following stage."""
        groups, steps, channels, height, width, lanes = y.shape
        rates = memory_for(y, groups, 1, channels, height, width, lanes)
        if self.timesteps is None:
            call("sqnn_clip", groups, self.threads, (y, *affine, rates), channels, height * width)
            return rates, None if following is None else self.convolve(rates, following)
        maps = None if following is None else self._maps(rates, following, self.timesteps)
        further = (
            (None,) * 5
            if maps is None or following is None
            else (*_contiguous(following.weight, following.mixing), *maps)
        )
        sides = (channels, 0, height, width, 1, 1) if following is None else _sides(rates, following)
        numbers = (steps, self.timesteps, self.batch, *sides, *rule.numbers)
        call("sqnn_fire_steps", groups, self.threads, (y, *affine, rates, *further), *numbers)
        return rates, maps

    def _maps(self, rates: Tensor, stage: Stage, steps: int) -> _Maps:
        """Return room for the maps of a stage."""
        _, outputs, height, width, kernel, stride = _sides(rates, stage)
        high, wide = ((side - kernel) // stride + 1 for side in (height, width))
        y = memory_for(rates, len(rates), steps, outputs, high, wide, rates.shape[-1])
        means = y if steps == 1 else memory_for(y, len(y), 1, *y.shape[2:])
        return _Maps(y, means, torch.empty(len(rates), outputs, dtype=torch.double, device=y.device))


def _sides(rates: Tensor, stage: Stage) -> tuple[int, ...]:
    """Return channels in and out, height, width, window and stride of a stage, as the kernels take them."""
    outputs = len(stage.weight if stage.mixing is None else stage.mixing)
    return (rates.shape[2], outputs, *rates.shape[3:5], stage.weight.shape[-1], stage.stride)


def _contiguous(weight: Tensor, mixing: Tensor | None) -> tuple[Tensor, Tensor | None]:
    return weight.contiguous(), None if mixing is None else mixing.contiguous()


class _Stages(torch.autograd.Function):
    """Packed images to the packed rates of the last stage, with the gradients of four weights per stage."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, run: _Run, stages: Sequence[Stage], *weights: Tensor | None) -> Tensor:
        rates, maps, saved = images, run.convolve(images, stages[0]), []
        ctx.run, ctx.stages, ctx.counts = run, stages, []
        for stage, following in zip(stages, (*stages[1:], None), strict=True):
            norm = stage.norm
            given = norm, norm.weight, norm.bias, maps.means, maps.sums
            affine, statistics, count = norm_of(*given, run.batch, run.threads)
            saved += [rates, maps.means, affine, statistics, stage.weight, stage.mixing]
            ctx.counts.append(count)
            rates, following_maps = run.fire(maps.y, affine, stage.neurons, following)
            maps = maps if following_maps is None else following_maps
        ctx.save_for_backward(*saved)
        ctx.set_materialize_grads(False)
        return rates

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        gradient, found = gradients[0], cast(list[Tensor | None], [])
        if gradient is None:
            return (None,) * (3 + 4 * len(ctx.stages))
        saved = ctx.saved_tensors  # once: a checkpoint computes them again for whoever asks
        with computing_in(1):
            for k in reversed(range(len(ctx.stages))):
                needed = k > 0 or ctx.needs_input_grad[0]
                gradient, *weights = _backward(cast(Tensor, gradient), saved[6 * k : 6 * k + 6], ctx, k, needed)
                found = weights + found
        return gradient, None, None, *found


def _backward(
    gradient: Tensor, saved: Sequence[Tensor], ctx: Any, k: int, needs_inputs: bool
) -> tuple[Tensor | None, ...]:
    """Return the gradients of what stage k convolves, where they are needed, and of its four weights."""
    run, stage = ctx.run, ctx.stages[k]
    rates, means, affine, statistics, weight, mixing = saved
    groups, _, outputs, high, wide, _ = means.shape
    currents = memory_for(means, *means.shape)
    sums = torch.empty(groups, 2, outputs, dtype=torch.double, device=means.device)
    tensors = (in_memory(gradient), means, *affine, currents, sums)
    call("sqnn_clip_backward", groups, run.threads, tensors, run.batch, outputs, high * wide)
    factors, grad_gamma, grad_beta = through_norm(sums, statistics, ctx.counts[k])
    sizes = [each.numel() for each in (weight, mixing) if each is not None]
    weights = rates.new_empty(groups, sum(sizes))
    inputs = memory_for(rates, *rates.shape) if needs_inputs else None
    maps = (currents, means, factors, rates, *_contiguous(weight, mixing), weights, inputs)
    call("sqnn_correlate_backward", groups, run.threads, maps, run.batch, *_sides(rates, stage))
    grad_weight, *rest = over_groups(weights).split(sizes)
    grad_mixing = None if mixing is None else rest[0].view_as(mixing)
    return inputs, grad_weight.view_as(weight), grad_mixing, grad_gamma, grad_beta
