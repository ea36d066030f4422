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

LARGE = 2**22
"""Bytes from which large pages are asked for, two MiB each on most machines."""


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
    """Say whether a batch norm has weights, running statistics that lie in one piece, and a momentum."""
    n = cast(nn.BatchNorm2d, norm)
    if not (n.affine and n.track_running_stats and n.momentum is not None):
        return False
    return all(cast(Tensor, each).is_contiguous() for each in (n.running_mean, n.running_var))


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

    The system hands out memory page by page on first touch, and the C library gives back what is large when it is
    freed. Where freed memory is kept, as within `sqnn.fit`, large pages bring little.
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


def norm_of(
    norm: nn.BatchNorm2d, gamma: Tensor, beta: Tensor, maps: Tensor, sums: Tensor, batch: int, threads: int
) -> tuple[Tensor, Tensor, int]:
    """Return scale and shift [2, channels] by which a norm acts on packed maps; its statistics; of how many numbers.

    Statistics are mean, 1 / sqrt(variance + eps) and scale, [3, channels] in double precision. In training they are the
    maps' own, and the running ones follow; else they are the running ones. `sums` are those over the images of each
    group [groups, channels], and are overwritten.
    """
    groups, time, channels, height, width, _ = maps.shape
    affine = maps.new_empty(2, channels)
    statistics = torch.empty(3, channels, dtype=torch.double, device=maps.device)
    kept = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var), cast(Tensor, norm.num_batches_tracked)
    tensors = (maps, sums, gamma.contiguous(), beta.contiguous(), *kept, statistics, affine)
    numbers = norm.eps, cast(float, norm.momentum), int(norm.training)
    call("sqnn_norm", groups, threads, tensors, time, batch, channels, height * width, *numbers)
    return affine, statistics, time * batch * height * width


def through_norm(sums: Tensor, statistics: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the factors of dy by dz, y and 1, [3, channels], and the gradients of the scale and shift of a batch norm.

    With z = scale y + shift, n = `count` numbers per channel, `sums` of dz and dz y [groups, 2, channels]:
    dy = scale (dz - mean(dz) - (y - mean) inverse mean(dz (y - mean) inverse)).
    """
    groups, _, channels = sums.shape
    sizes = (3, channels), (channels,), (channels,)
    factors, grad_gamma, grad_beta = (torch.empty(size, device=sums.device) for size in sizes)
    call("sqnn_norm_backward", groups, 1, (sums, statistics, factors, grad_gamma, grad_beta), channels, count)
    return factors, grad_gamma, grad_beta


def over_groups(parts: Tensor) -> Tensor:
    """Return the sum over groups of numbers that lie one after the other, [groups, ...] -> [...]."""
    total = parts.new_empty(parts.shape[1:])
    call("sqnn_add_groups", len(parts), 1, (parts, total), total.numel())
    return total
