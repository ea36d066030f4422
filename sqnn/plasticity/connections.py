"""Connections: which pre- and postsynaptic neurons a weight lies between, and the sum over all of a window."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.grad import conv1d_weight, conv2d_weight

from sqnn.core import Config, ConfigError, option, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection(Config, ABC):
    """Base of all connections.

    `product` is what a rule needs: the sum over time, batch and shared positions of post times pre, per weight.
    """

    @abstractmethod
    def product(self, post: Tensor, pre: Tensor, shape: Sequence[int]) -> Tensor:
        """Return sum_(t, b, positions) post x pre, of a weight's `shape`; `[time, batch, ...]` both."""

    @abstractmethod
    def check(self, weight: Tensor, pre: Tensor, post: Tensor) -> None:
        """Raise ConfigError unless the shapes of weight and spikes belong together."""

    def arriving(self, pre: Tensor) -> Tensor:
        """Return the presynaptic spikes at the step at which they arrive."""
        return pre


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear(Connection):
    """All to all, as `torch.nn.Linear`: weight `[out, in]`, spikes `[time, batch, ..., in or out]`.

    What lies between the batch and the last axis shares the weight.
    """

    def product(self, post: Tensor, pre: Tensor, shape: Sequence[int]) -> Tensor:
        return post.flatten(0, -2).t() @ pre.flatten(0, -2)

    def check(self, weight: Tensor, pre: Tensor, post: Tensor) -> None:
        _check_axes(weight, 2, "[out, in]", pre, post, 3)
        _check_shape("pre", pre, [*pre.shape[:-1], weight.shape[1]])
        _check_shape("post", post, [*pre.shape[:-1], weight.shape[0]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recurrent(Linear):
    """Of a layer with itself: weight `[out, out]`, `pre` and `post` the same spikes `[time, batch, out]`.

    A spike arrives one step after it was fired.
    """

    def check(self, weight: Tensor, pre: Tensor, post: Tensor) -> None:
        square = weight.ndim == 2 and weight.shape[0] == weight.shape[1]
        require(square, "weight", list(weight.shape), "shape [out, out]")
        super().check(weight, pre, post)

    def arriving(self, pre: Tensor) -> Tensor:
        return torch.cat((torch.zeros_like(pre[:1]), pre[:-1]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conv(Connection):
    """Base of convolutions as torch has them, padded with zeros: weight `[out, in / groups, ...]`.

    One weight lies between many pairs of neurons; its changes are added.
    """

    stride: int | tuple[int, ...] = option(1, "steps of the kernel, one number or one per axis", least=1)
    padding: int | tuple[int, ...] = option(0, "zeros on both sides, one number or one per axis", least=0)
    dilation: int | tuple[int, ...] = option(1, "distance of the kernel's points, one number or one per axis", least=1)
    groups: int = option(1, "groups of channels that do not see each other", least=1)
    axes: ClassVar[int]

    def validate(self) -> None:
        for name in ("stride", "padding", "dilation"):
            self._each(name)

    def _each(self, name: str) -> tuple[int, ...]:
        value = getattr(self, name)
        each = value if isinstance(value, tuple) else (value,) * self.axes
        fits = len(each) == self.axes and all(type(item) is int for item in each)
        require(fits, name, value, f"a whole number, or {self.axes} of them")
        return each

    def product(self, post: Tensor, pre: Tensor, shape: Sequence[int]) -> Tensor:
        gradient = conv1d_weight if self.axes == 1 else conv2d_weight
        options = (self._each("stride"), self._each("padding"), self._each("dilation"), self.groups)
        return gradient(pre.flatten(0, 1), tuple(shape), post.flatten(0, 1), *options)

    def check(self, weight: Tensor, pre: Tensor, post: Tensor) -> None:
        _check_axes(weight, 2 + self.axes, f"[out, in / groups, {self.axes} of the kernel]", pre, post, 3 + self.axes)
        expected = f"a divisor of the weight's {weight.shape[0]} channels"
        require(weight.shape[0] % self.groups == 0, "groups", self.groups, expected)
        _check_shape("pre", pre, [*pre.shape[:2], weight.shape[1] * self.groups, *pre.shape[3:]])
        options = (self._each(name) for name in ("stride", "padding", "dilation"))
        each = zip(pre.shape[3:], weight.shape[2:], *options, strict=True)
        size = [(n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k, stride, padding, dilation in each]
        require(min(size) >= 1, "weight", list(weight.shape), "a kernel no larger than the padded spikes")
        _check_shape("post", post, [*pre.shape[:2], weight.shape[0], *size])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conv1d(Conv):
    """As `torch.nn.Conv1d`: weight `[out, in / groups, width]`, spikes `[time, batch, channels, width]`."""

    axes: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conv2d(Conv):
    """As `torch.nn.Conv2d`: weight `[out, in / groups, rows, columns]`, spikes `[time, batch, channels, ...]`."""

    axes: ClassVar[int] = 2


LINEAR = Linear()
"""The connection that rules assume."""


def connection_of(layer: nn.Module) -> Connection:
    """Return the connection of a `torch.nn` layer; ConfigError on one that is no Linear, Conv1d or Conv2d.

    Refused as well: padding other than with the same number of zeros on both sides.
    """
    if isinstance(layer, nn.Linear):
        return LINEAR
    if not isinstance(layer, nn.Conv1d | nn.Conv2d):
        raise ConfigError(f"layer: got {type(layer).__name__}, expected torch.nn.Linear, Conv1d or Conv2d")
    padding = _padding_of(layer)
    kind = Conv1d if isinstance(layer, nn.Conv1d) else Conv2d
    return kind(stride=layer.stride, padding=padding, dilation=layer.dilation, groups=layer.groups)


def _padding_of(layer: nn.Conv1d | nn.Conv2d) -> tuple[int, ...]:
    if layer.padding_mode != "zeros":
        raise ConfigError(f"layer: got padding_mode {layer.padding_mode!r}, expected zeros")
    if not isinstance(layer.padding, str):
        return layer.padding
    spans = [d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    if layer.padding == "same" and any(span % 2 for span in spans):
        raise ConfigError("layer: got padding 'same' of an even kernel, expected as many zeros on both sides")
    return tuple(span // 2 if layer.padding == "same" else 0 for span in spans)


def _check_axes(weight: Tensor, axes: int, form: str, pre: Tensor, post: Tensor, least: int) -> None:
    require(weight.ndim == axes, "weight", list(weight.shape), f"shape {form}; name the connection it belongs to")
    check_trains("pre", pre, least)
    check_trains("post", post, least)


def check_trains(name: str, spikes: Tensor, least: int = 3) -> None:
    """Raise ConfigError unless spikes are `[time >= 1, batch >= 1, ...]`, of at least so many axes."""
    fits = spikes.ndim >= least and 0 not in spikes.shape[:2]
    require(fits, name, list(spikes.shape), f"shape [time >= 1, batch >= 1, ...] of at least {least} axes")


def _check_shape(name: str, spikes: Tensor, expected: list[int]) -> None:
    require(list(spikes.shape) == expected, name, list(spikes.shape), f"shape {expected}, as weight and pre say")
