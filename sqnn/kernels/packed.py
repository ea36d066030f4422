"""Feature maps whose images lie side by side in vectors, and what all kernels need to know of a layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from circuits.kernels import in_memory, is_plain, is_watched
from sqnn.kernels.library import kernels
from sqnn.neurons import IF, LIF, RESET_CODES

LARGE = 2**25
"""Bytes from which glibc maps memory anew for every tensor; mallopt(3)."""


@dataclass(frozen=True)
class NeuronRule:
    """What does not change along a sequence, and is the same for all neurons of a layer."""

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


def neurons_of(neuron: nn.Module) -> NeuronRule | None:
    """Return the rule of neurons with numbers for decay and threshold and the arctan surrogate, None of others."""
    if type(neuron) not in (LIF, IF):
        return None
    neurons = cast(LIF, neuron)
    if not neurons.takes_kernels:
        return None
    numbers = cast(float, neurons.beta), cast(float, neurons.threshold), neurons.initial_membrane
    return NeuronRule(*numbers, neurons.reset, neurons.detach_reset, neurons.surrogate.slope)


def norm_is_plain(norm: nn.Module) -> bool:
    """Say whether a batch norm has weights, running statistics and a momentum."""
    n = cast(nn.BatchNorm2d, norm)
    return n.affine and n.track_running_stats and n.momentum is not None


_EVALUATING = ContextVar("evaluating_by_kernels", default=False)


@contextmanager
def evaluating_by_kernels() -> Iterator[None]:
    """Within it kernels evaluate too, where they can and nobody asks for gradients: equal to PyTorch to rounding.

    Elsewhere PyTorch evaluates, so that a network gives the same bits whether somebody watches its layers or not.
    """
    before = _EVALUATING.set(True)
    try:
        yield
    finally:
        _EVALUATING.reset(before)


def are_wanted(training: bool) -> bool:
    """Say whether kernels are to compute now a layer that is in training, or is not."""
    wanted = torch.is_grad_enabled() if training else _EVALUATING.get() and not torch.is_grad_enabled()
    return wanted and not is_watched()


def can_compute(parts: Sequence[nn.Module], norm: nn.Module, training: bool = True) -> bool:
    """Say whether the parts of a layer are in training, or not, in float32, on the CPU, and watched by nobody."""
    held = [each for part in parts for each in (*part.parameters(), *part.buffers())]
    plain = all(is_plain(each) for each in held if each.is_floating_point())
    return norm.training == training and plain and not any(is_hooked(part) for part in parts)


def is_hooked(part: nn.Module) -> bool:
    """Say whether somebody watches what a part of a network takes or gives."""
    kinds: Sequence[str] = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(part, kind) for kind in kinds)


def call(name: str, groups: int, threads: int, tensors: Sequence[Tensor | None], *numbers: float) -> None:
    """Call the kernel of this name on all groups, shared among threads: the addresses of tensors, then numbers."""
    kernels().call(name, tensors, *numbers, groups, threads)


def memory_for(like: Tensor, *shape: int) -> Tensor:
    """Return memory for numbers of this shape, on pages as large as the system has where it takes many.

    From LARGE bytes on the C library asks the system for memory each time, which it hands out page by page. Where freed
    memory is kept, as within `sqnn.fit`, it is handed out once, and large pages bring little.
    """
    empty = like.new_empty(shape)
    if empty.numel() * empty.element_size() >= LARGE:
        kernels().call("sqnn_take_large_pages", (empty,), empty.numel() * empty.element_size())
    return empty


class Pack(torch.autograd.Function):
    """[time, batch, channels, height, width] -> [groups, time, channels, height, width, lanes]."""

    @staticmethod
    def forward(ctx: Any, trains: Tensor, threads: int) -> Tensor:
        trains = trains.contiguous()
        time, batch, *rest = trains.shape
        lanes = kernels().lanes
        packed = memory_for(trains, -(-batch // lanes), time, *rest, lanes)
        ctx.threads, ctx.shape = threads, trains.shape
        call("sqnn_pack", len(packed), threads, (trains, packed), time, batch, trains[0, 0].numel())
        return packed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        packed = in_memory(gradients[0])
        trains = memory_for(packed, *ctx.shape)
        time, batch = ctx.shape[:2]
        call("sqnn_unpack", len(packed), ctx.threads, (packed, trains), time, batch, trains[0, 0].numel())
        return trains, None


class Unpack(torch.autograd.Function):
    """[groups, time, channels, height, width, lanes] -> [time, batch, channels, height, width]."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, batch: int, threads: int) -> Tensor:
        packed = packed.contiguous()
        groups, time, *rest, _ = packed.shape
        trains = memory_for(packed, time, batch, *rest)
        ctx.threads = threads
        call("sqnn_unpack", groups, threads, (packed, trains), time, batch, trains[0, 0].numel())
        return trains

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return cast(Tensor, Pack.apply(in_memory(gradients[0]), ctx.threads)), None, None


def moments(norm: nn.BatchNorm2d, maps: Tensor, sums: Tensor, batch: int, threads: int) -> tuple[Tensor, Tensor, int]:
    """Return mean and variance per channel by which a norm acts on packed maps, and of how many numbers they are.

    In training they are the maps' own, and the running statistics follow; else they are the running statistics.
    `sums` are those over the images of each group [groups, channels], and are overwritten.
    """
    groups, time, channels, height, width, _ = maps.shape
    count = time * batch * height * width
    if not norm.training:
        mean, variance = (cast(Tensor, each).double() for each in (norm.running_mean, norm.running_var))
        return mean, variance, count
    mean = sums.sum(0) / count
    call("sqnn_spread", groups, threads, (maps, mean.float(), sums), time, batch, channels, height * width)
    variance = sums.sum(0) / count
    _follow(norm, mean, variance, count)
    return mean, variance, count


@torch.no_grad()
def _follow(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Move the running statistics as `nn.BatchNorm2d` does."""
    share = cast(float, norm.momentum)
    cast(Tensor, norm.num_batches_tracked).add_(1)
    cast(Tensor, norm.running_mean).lerp_(mean.float(), share)
    cast(Tensor, norm.running_var).lerp_((variance * (count / max(count - 1, 1))).float(), share)


def through_norm(
    sums: Tensor, mean: Tensor, inverse: Tensor, scale: Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the factors of dy by dz, y and 1, [3, channels], and the gradients of the scale and shift of a batch norm.

    With z = scale y + shift, n = `count` numbers per channel, `sums` = (sum dz, sum dz y) [2, channels]:
    dy = scale (dz - mean(dz) - (y - mean) inverse mean(dz (y - mean) inverse)).
    """
    grad_beta, products = sums
    grad_gamma = (products - mean * grad_beta) * inverse
    slope = -scale * inverse * grad_gamma / count
    factors = torch.stack([scale, slope, -scale * grad_beta / count - slope * mean]).float()
    return factors, grad_gamma.float(), grad_beta.float()
