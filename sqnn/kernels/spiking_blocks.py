"""Spiking blocks as one differentiable operation on groups of images, computed by compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from circuits import computing_in
from circuits.kernels import in_memory, is_plain, is_watched
from sqnn.kernels.library import kernels
from sqnn.kernels.packed import (
    NeuronRule,
    Pack,
    call,
    can_compute,
    memory_for,
    neurons_of,
    norm_is_plain,
    norm_of,
    over_groups,
    through_norm,
)

KERNEL = (3, 3)


def kind_of(conv: nn.Module, norm: nn.Module, neuron: nn.Module) -> NeuronRule | None:
    """Return the rule of the neurons of a block of a kind that the kernels compute, None of every other kind.

    They take a 3x3 convolution without bias, a batch norm with weights and running statistics, and neurons with numbers
    for decay and threshold and the arctan surrogate.
    """
    if not (type(conv) is nn.Conv2d and type(norm) is nn.BatchNorm2d and norm_is_plain(norm)):
        return None
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.bias, conv.padding_mode)
    if shape != (KERNEL, (1, 1), (1, 1), (1, 1), 1, None, "zeros"):
        return None
    return neurons_of(neuron)


def rule_of(conv: nn.Module, norm: nn.Module, neuron: nn.Module, training: bool = True) -> NeuronRule | None:
    """Return the rule of a block that kernels compute as it is: in training or not, float32, on the CPU, unhooked."""
    return kind_of(conv, norm, neuron) if can_compute((conv, norm, neuron), norm, training) else None


def pooled_rates(trains: Tensor, blocks: Sequence[tuple[nn.Conv2d, nn.BatchNorm2d, NeuronRule]]) -> Tensor | None:
    """Return the spikes of the last block, averaged over the image, [time, batch, channels]; None without kernels.

    `trains` are [time, batch, channels, height, width]. Each block convolves, norms over time and batch as a batch norm
    does in training, running statistics included, or in evaluation by these, fires, and pools spikes in windows of 2 x
    2. The gradient, in training, is that of the same layers in PyTorch, to rounding, and is differentiable once. None
    too where the images do not fit the blocks, which PyTorch says in its own words, and where somebody watches or
    compiles what PyTorch computes.
    """
    if is_watched() or not (is_plain(trains) and _fits(trains, blocks)) or kernels().library is None:
        return None
    batch, threads = trains.shape[1], torch.get_num_threads()
    # The kernels share their work among threads; between them PyTorch has a few numbers per channel.
    with computing_in(1):
        x = cast(Tensor, Pack.apply(trains, threads))
        for conv, norm, rule in blocks:
            x = cast(Tensor, _Block.apply(x, conv.weight, norm.weight, norm.bias, norm, batch, rule, threads))
        return cast(Tensor, _Rates.apply(x, batch))


def _fits(trains: Tensor, blocks: Sequence[tuple[nn.Conv2d, nn.BatchNorm2d, NeuronRule]]) -> bool:
    """Say whether every block gets as many channels as it takes, and a window to pool."""
    if trains.ndim != 5 or trains.numel() == 0:
        return False
    channels, height, width = trains.shape[2:]
    for conv, norm, _ in blocks:
        if conv.in_channels != channels or norm.num_features != conv.out_channels or min(height, width) < 2:
            return False
        channels, height, width = conv.out_channels, height // 2, width // 2
    return len(blocks) > 0


class _Rates(torch.autograd.Function):
    """The mean over pixels of packed spikes, [time, batch, channels].

    Its gradient, too, is computed in one thread: a worker of PyTorch's that waits for more work would keep a core from
    the kernels that come next.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, batch: int) -> Tensor:
        ctx.shape = x.shape
        rates = x.mean((3, 4)).permute(1, 0, 3, 2)
        return rates.reshape(rates.shape[0], -1, rates.shape[-1])[:, :batch].contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        groups, time, channels, height, width, lanes = ctx.shape
        with computing_in(1):
            (given,) = gradients
            rows = given.new_zeros(time, groups * lanes, channels)
            rows[:, : given.shape[1]] = given / (height * width)
            packed = rows.view(time, groups, lanes, channels).permute(1, 0, 3, 2)[:, :, :, None, None]
            return packed.expand(ctx.shape).contiguous(), None


class _Block(torch.autograd.Function):
    """Convolution, batch norm, neurons, max pool, on packed spikes."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        norm: nn.BatchNorm2d,
        batch: int,
        rule: NeuronRule,
        threads: int,
    ) -> Tensor:
        groups, time, channels, height, width, lanes = x.shape
        weight, outputs = weight.contiguous(), len(weight)
        y = memory_for(x, groups, time, outputs, height, width, lanes)
        sums = torch.empty(groups, outputs, dtype=torch.double, device=x.device)
        sides = (channels, outputs, height, width)
        call("sqnn_convolve", groups, threads, (x, weight, y, sums), time, batch, *sides)
        affine, statistics, count = norm_of(norm, gamma, beta, y, sums, batch, threads)
        pooled = memory_for(x, groups, time, outputs, height // 2, width // 2, lanes)
        maps = (y, affine[0], affine[1])
        call("sqnn_fire", groups, threads, (*maps, pooled), time, outputs, height, width, *rule.numbers)
        ctx.save_for_backward(x, weight, y, affine, statistics)
        ctx.batch, ctx.rule, ctx.threads, ctx.count = batch, rule, threads, count
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        with computing_in(1):
            return _backward(ctx, gradients[0])


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, y, affine, statistics = ctx.saved_tensors
    groups, time, channels, height, width, _ = x.shape
    outputs, rule = len(weight), ctx.rule
    currents = memory_for(y, *y.shape)
    sums = torch.empty(groups, 2, outputs, dtype=torch.double, device=y.device)
    tensors = (in_memory(gradient), y, affine[0], affine[1], currents, sums)
    sides = (time, ctx.batch, outputs, height, width)
    call(
        "sqnn_fire_backward",
        groups,
        ctx.threads,
        tensors,
        *sides,
        *rule.numbers,
        int(rule.detach_reset),
        rule.slope,
    )
    factors, grad_gamma, grad_beta = through_norm(sums, statistics, ctx.count)
    weights = x.new_empty(groups, *weight.shape)
    inputs = memory_for(x, *x.shape) if ctx.needs_input_grad[0] else None
    found = (currents, y, factors, x, weight, weights, inputs)
    call("sqnn_convolve_backward", groups, ctx.threads, found, time, ctx.batch, channels, *sides[2:])
    return inputs, over_groups(weights), grad_gamma, grad_beta, None, None, None, None
