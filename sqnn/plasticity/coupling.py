"""A connection whose weight gradient and local update are one product."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from sqnn.plasticity.connections import Conv, connection_of

Factor = Callable[[], Tensor | None]
"""What is taken from the gradient by the output of the connection before the product with its input, if anything."""


class Coupled:
    """Give a linear or convolutional layer a local term in the gradient of its weights, and in no other gradient.

    With x the input, delta the gradient by the output and l what `factor` returns when the gradient arrives, shaped as
    the output, the gradient by the weights is x^T (delta - l) instead of x^T delta, and the gradients by bias and input
    stay x-free: those of delta. While it is attached, the layer's own `forward` is set aside; its class is unchanged.
    """

    def __init__(self, connection: nn.Linear | nn.Conv1d | nn.Conv2d, factor: Factor) -> None:
        self.connection = connection
        self.factor = factor

    def attach(self) -> None:
        """Let the layer compute with the local term from now on."""
        self.connection.forward = self._forward  # type: ignore[method-assign]

    def detach(self) -> None:
        """Give the layer its own forward pass back."""
        vars(self.connection).pop("forward", None)

    def _forward(self, inputs: Tensor) -> Tensor:
        layer = self.connection
        if not (torch.is_grad_enabled() and layer.weight.requires_grad):
            return type(layer).forward(layer, inputs)  # type: ignore[arg-type]
        output: Tensor = _Coupled.apply(inputs, layer.weight, layer.bias, layer, self.factor)
        return output


class _Saved(FunctionCtx):
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    layer: nn.Linear | nn.Conv1d | nn.Conv2d
    factor: Factor


class _Coupled(torch.autograd.Function):
    """The forward pass of the layer, and its gradients with the local term in that of the weights."""

    @staticmethod
    def forward(
        ctx: _Saved, inputs: Tensor, weight: Tensor, bias: Tensor | None, layer: nn.Module, factor: Factor
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.layer, ctx.factor = layer, factor  # type: ignore[assignment]
        if isinstance(layer, nn.Linear):
            return F.linear(inputs, weight, bias)
        return layer._conv_forward(inputs, weight, bias)  # type: ignore[operator, no-any-return]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: _Saved, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (delta,) = gradients
        inputs, weight = ctx.saved_tensors
        local = ctx.factor()
        with_local = delta if local is None else delta - local.reshape(delta.shape)
        of_input, of_bias = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
        by_input = _by_input(ctx.layer, delta, inputs, weight) if of_input else None
        by_weight = connection_of(ctx.layer).product(with_local[None], inputs[None], weight.shape)
        by_bias = delta.sum([d for d in range(delta.ndim) if d != _axis(ctx.layer, delta)]) if of_bias else None
        return by_input, by_weight, by_bias, None, None


def _axis(layer: nn.Module, output: Tensor) -> int:
    """The dimension of the output that the neurons or channels are counted along."""
    return output.ndim - 1 if isinstance(layer, nn.Linear) else output.ndim - len(layer.kernel_size) - 1  # type: ignore[arg-type]


def _by_input(layer: nn.Module, delta: Tensor, inputs: Tensor, weight: Tensor) -> Tensor:
    """The gradient of a layer by its input."""
    place = connection_of(layer)
    if not isinstance(place, Conv):
        return delta @ weight
    gradient = nn.grad.conv1d_input if place.axes == 1 else nn.grad.conv2d_input
    return gradient(inputs.shape, weight, delta, place.stride, place.padding, place.dilation, place.groups)
