"""Spiking blocks as one differentiable operation on batches of 16 images, computed by compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sqnn.kernels.library import kernels, run
from sqnn.neurons import IF, LIF, ATan

LANES = 16
"""Images of a group: they lie side by side in the vectors that the kernels compute with."""
RESET_CODES = {"subtract": 0, "zero": 1, "none": 2}
KERNEL = (3, 3)


@dataclass(frozen=True)
class BlockRule:
    """What does not change along a sequence, and is the same for all neurons of a block."""

    decay: float
    threshold: float
    initial_membrane: float
    reset: str
    detach_reset: bool
    slope: float

    @property
    def numbers(self) -> tuple[float, float, float, int]:
        """Decay, threshold, initial membrane and reset, as the kernels take them."""
        return self.decay, self.threshold, self.initial_membrane, RESET_CODES[self.reset]


def kind_of(conv: nn.Module, norm: nn.Module, neuron: nn.Module) -> BlockRule | None:
    """Return the rule of a block of a kind that the kernels compute, None of every other kind.

    They take a 3x3 convolution without bias, a batch norm with weights and running statistics, and neurons with numbers
    for decay and threshold and the arctan surrogate.
    """
    if not (type(conv) is nn.Conv2d and type(norm) is nn.BatchNorm2d and type(neuron) in (LIF, IF)):
        return None
    neurons = cast(LIF, neuron)
    beta, threshold = neurons.beta, neurons.threshold
    if isinstance(beta, Tensor) or isinstance(threshold, Tensor) or type(neurons.surrogate) is not ATan:
        return None
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.bias, conv.padding_mode)
    if shape != (KERNEL, (1, 1), (1, 1), (1, 1), 1, None, "zeros"):
        return None
    if not (norm.affine and norm.track_running_stats and norm.momentum is not None and neurons.fused):
        return None
    numbers = float(beta), float(threshold), neurons.initial_membrane
    return BlockRule(*numbers, neurons.reset, neurons.detach_reset, neurons.surrogate.slope)


def rule_of(conv: nn.Module, norm: nn.Module, neuron: nn.Module) -> BlockRule | None:
    """Return the rule of a block that the kernels compute as it is: in training, in float32, on the CPU, unhooked."""
    held = (*conv.parameters(), *norm.parameters(), *norm.buffers())
    plain = all(_is_plain(each) for each in held if each.is_floating_point())
    if not (norm.training and plain) or any(is_hooked(part) for part in (conv, norm, neuron)):
        return None
    return kind_of(conv, norm, neuron)


def pooled_rates(trains: Tensor, blocks: Sequence[tuple[nn.Conv2d, nn.BatchNorm2d, BlockRule]]) -> Tensor | None:
    """Return the spikes of the last block, averaged over the image, [time, batch, channels]; None without kernels.

    `trains` are [time, batch, channels, height, width]. Each block convolves, norms over time and batch as a batch norm
    in training does, running statistics included, fires, and pools spikes in windows of 2 x 2. The gradient is that of
    the same layers in PyTorch, to rounding, and is differentiable once. None too where the images do not fit the
    blocks, which PyTorch says in its own words, and where somebody watches or compiles what PyTorch computes.
    """
    if not (_is_plain(trains) and _fits(trains, blocks)) or _is_watched() or kernels().library is None:
        return None
    batch, threads = trains.shape[1], torch.get_num_threads()
    x = cast(Tensor, _Pack.apply(trains, threads))
    for conv, norm, rule in blocks:
        x = cast(Tensor, _Block.apply(x, conv.weight, norm.weight, norm.bias, norm, batch, rule, threads))
    rates = x.mean((3, 4)).permute(1, 0, 3, 2)
    return rates.reshape(len(trains), -1, rates.shape[-1])[:, :batch]


def _is_plain(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32


def _fits(trains: Tensor, blocks: Sequence[tuple[nn.Conv2d, nn.BatchNorm2d, BlockRule]]) -> bool:
    """Say whether every block gets as many channels as it takes, and a window to pool."""
    if trains.ndim != 5 or trains.numel() == 0:
        return False
    channels, height, width = trains.shape[2:]
    for conv, norm, _ in blocks:
        if conv.in_channels != channels or norm.num_features != conv.out_channels or min(height, width) < 2:
            return False
        channels, height, width = conv.out_channels, height // 2, width // 2
    return len(blocks) > 0


def _is_watched() -> bool:
    """Say whether a compiler, autocast, other derivatives, a mode of dispatch or hooks on all modules are at work."""
    module = torch.nn.modules.module
    hooks = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
    return (
        torch.compiler.is_compiling()
        or torch.is_autocast_enabled("cpu")
        or torch.autograd.forward_ad._current_level >= 0
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or any(getattr(module, name) for name in hooks)
    )


def is_hooked(part: nn.Module) -> bool:
    """Say whether somebody watches what a part of a network takes or gives."""
    kinds: Sequence[str] = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(part, kind) for kind in kinds)


def _call(name: str, groups: int, threads: int, tensors: Sequence[Tensor | None], *numbers: float) -> None:
    addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
    run(getattr(kernels().library, name), groups, threads, *addresses, *numbers)


class _Pack(torch.autograd.Function):
    """[time, batch, channels, height, width] -> [groups, time, channels, height, width, 16]."""

    @staticmethod
    def forward(ctx: Any, trains: Tensor, threads: int) -> Tensor:
        trains = trains.contiguous()
        time, batch, *rest = trains.shape
        packed = trains.new_empty(-(-batch // LANES), time, *rest, LANES)
        ctx.threads, ctx.shape = threads, trains.shape
        _call("sqnn_pack", len(packed), threads, (trains, packed), time, batch, trains[0, 0].numel())
        return packed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        packed = gradients[0].contiguous()
        trains = packed.new_empty(ctx.shape)
        time, batch = ctx.shape[:2]
        _call("sqnn_unpack", len(packed), ctx.threads, (packed, trains), time, batch, trains[0, 0].numel())
        return trains, None


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
        rule: BlockRule,
        threads: int,
    ) -> Tensor:
        groups, time, channels, height, width, _ = x.shape
        weight, outputs = weight.contiguous(), len(weight)
        y = x.new_empty(groups, time, outputs, height, width, LANES)
        sums = torch.empty(groups, outputs, dtype=torch.double, device=x.device)
        sides = (channels, outputs, height, width)
        _call("sqnn_convolve", groups, threads, (x, weight, y, sums), time, batch, *sides)
        count = time * batch * height * width
        mean = sums.sum(0) / count
        _call("sqnn_spread", groups, threads, (y, mean.float(), sums), time, batch, outputs, height * width)
        variance = sums.sum(0) / count
        _follow(norm, mean, variance, count)
        inverse = torch.rsqrt(variance + norm.eps)
        scale = gamma.double() * inverse
        shift = beta.double() - scale * mean
        affine = torch.stack([scale, shift]).float()
        pooled = x.new_empty(groups, time, outputs, height // 2, width // 2, LANES)
        maps = (y, affine[0], affine[1])
        _call("sqnn_fire", groups, threads, (*maps, pooled), time, outputs, height, width, *rule.numbers)
        ctx.save_for_backward(x, weight, y, affine, torch.stack([mean, inverse, scale]))
        ctx.batch, ctx.rule, ctx.threads, ctx.count = batch, rule, threads, count
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y, affine, (mean, inverse, scale) = ctx.saved_tensors
        groups, time, channels, height, width, _ = x.shape
        outputs, rule = len(weight), ctx.rule
        currents = torch.empty_like(y)
        sums = torch.empty(groups, 2, outputs, dtype=torch.double, device=y.device)
        tensors = (gradients[0].contiguous(), y, affine[0], affine[1], currents, sums)
        sides = (time, ctx.batch, outputs, height, width)
        _call(
            "sqnn_fire_backward",
            groups,
            ctx.threads,
            tensors,
            *sides,
            *rule.numbers,
            int(rule.detach_reset),
            rule.slope,
        )
        # Through the batch norm, with z = scale y + shift and n numbers per channel:
        # dy = scale (dz - mean(dz) - (y - mean) inverse mean(dz (y - mean) inverse)).
        grad_beta, products = sums.sum(0)
        grad_gamma = (products - mean * grad_beta) * inverse
        slope = -scale * inverse * grad_gamma / ctx.count
        factors = torch.stack([scale, slope, -scale * grad_beta / ctx.count - slope * mean]).float()
        weights = x.new_empty(groups, *weight.shape)
        inputs = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        found = (currents, y, factors, x, weight, weights, inputs)
        _call("sqnn_convolve_backward", groups, ctx.threads, found, time, ctx.batch, channels, *sides[2:])
        return inputs, weights.sum(0), grad_gamma.float(), grad_beta.float(), None, None, None, None


@torch.no_grad()
def _follow(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Move the running statistics as `nn.BatchNorm2d` does."""
    share = cast(float, norm.momentum)
    cast(Tensor, norm.num_batches_tracked).add_(1)
    cast(Tensor, norm.running_mean).lerp_(mean.float(), share)
    cast(Tensor, norm.running_var).lerp_((variance * (count / max(count - 1, 1))).float(), share)
