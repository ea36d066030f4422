"""Weighted sums of a network, with the batch norm that follows them folded in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import ConfigError
from sqnn.layers import PlaceReadout, SeparableConv

WEIGHTED = (nn.Linear, nn.Conv2d, SeparableConv, PlaceReadout)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class WeightedSum:
    """z = W x + bias + shift for every step: `apply(steps, W)` is W x, the other two are there where they are not None.

    `shift` is that of the norm. Both have one value per channel or output, shaped to broadcast over a step
    [batch, ...].
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    weight: Tensor
    bias: Tensor | None
    shift: Tensor | None

    def __call__(self, inputs: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return W x for inputs [steps, batch, ...], or with another weight."""
        weight = self.weight if weight is None else weight
        return self.apply(inputs.flatten(0, 1), weight).unflatten(0, inputs.shape[:2])

    def pull(self, multipliers: Tensor, inputs: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return W^T g for multipliers g of the sums, shaped as the inputs."""
        return pulled(lambda steps: self(steps, weight), inputs, multipliers)

    def parts(self, inputs: Tensor, sign: int) -> Tensor:
        """Return the sums of the products w x that are positive (sign 1), or of those that are negative (-1)."""
        falling = inputs.clamp(max=0)
        rising = self(inputs.clamp(min=0), self._of(sign))
        return rising + self(falling, self._of(-sign)) if falling.any() else rising

    def pull_parts(self, multipliers: Tensor, inputs: Tensor, sign: int) -> Tensor:
        """Return the multipliers of the inputs for those of `parts`."""
        rising = self.pull(multipliers, inputs, self._of(sign))
        below = inputs < 0
        return torch.where(below, self.pull(multipliers, inputs, self._of(-sign)), rising) if below.any() else rising

    def _of(self, sign: int) -> Tensor:
        return self.weight.clamp(min=0) if sign > 0 else self.weight.clamp(max=0)


def pulled(function: Callable[[Tensor], Tensor], inputs: Tensor, multipliers: Tensor) -> Tensor:
    """Return the transpose of a linear function applied to multipliers of its outputs."""
    with torch.enable_grad():
        variable = inputs.detach().requires_grad_()
        return torch.autograd.grad(function(variable), variable, multipliers)[0]


def weighted_sum(module: nn.Module, norm: nn.Module | None = None) -> WeightedSum:
    """Return the sum that a layer, and the norm after it in evaluation mode, computes."""
    if isinstance(module, PlaceReadout):
        masks = (module.rows[:, :, None] * module.columns[:, None, :]).detach()
        weight = masks.new_zeros(len(masks), *masks.shape)
        weight[range(len(masks)), range(len(masks))] = masks
        return WeightedSum(lambda x, w: F.linear(x.flatten(1), w.flatten(1)), weight, module.bias.detach(), None)
    given, bias = module.weight, getattr(module, "bias", None)
    if not isinstance(given, Tensor):
        raise ConfigError(f"method: got {type(module).__name__} in the network, whose weights relevance cannot read")
    weight, trailing = given.detach(), (1,) * (given.ndim - 2)
    bias = bias.detach().view(-1, *trailing) if isinstance(bias, Tensor) else None
    shift = None
    if isinstance(norm, NORMS):
        scale, shift = _folded(norm, trailing)
        weight = weight * scale.view(-1, *(1 for _ in weight.shape[1:]))
        bias = None if bias is None else bias * scale
    return WeightedSum(_operation(module), weight, bias, shift)


def _folded(norm: nn.BatchNorm1d | nn.BatchNorm2d, trailing: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    if norm.running_mean is None or norm.running_var is None:
        raise ConfigError("method: got a batch norm without running statistics, expected one that keeps them")
    scale = 1 / torch.sqrt(norm.running_var + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight.detach()
    shift = -scale * norm.running_mean
    shift = shift if norm.bias is None else shift + norm.bias.detach()
    return scale.view(-1, *trailing), shift.view(-1, *trailing)


def _operation(module: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    if isinstance(module, nn.Linear):
        return lambda x, w: F.linear(x, w)
    if isinstance(module, SeparableConv):
        return lambda x, w: F.conv2d(x, w, stride=module.stride)
    if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
        return lambda x, w: F.conv2d(x, w, None, module.stride, module.padding, module.dilation, module.groups)
    raise ConfigError(f"method: got {module} in the network, expected linear layers and convolutions padded by zeros")
