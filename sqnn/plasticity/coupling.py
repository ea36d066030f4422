"""A connection whose weight gradient and local update are one product."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import grad

from sqnn.encoding import SparseTrains
from sqnn.plasticity.connections import Conv, connection_of

Factor = Callable[[], Tensor | None]
"""Gives what is subtracted from the gradient by the currents [time, batch, ...] before the product with the input."""


class Coupled:
    """Give a linear or convolutional layer a local term in the gradient of its weights, and in no other gradient.

    With x the input, delta the gradient by the output and l what `factor` returns when the gradient arrives, of all
    steps, the gradient by the weights is x^T (delta - l) instead of x^T delta; the gradients by bias and input are
    those of delta. Where the layer is called once per step, its first call gets the part of l of step `begin`, and each
    further call that of the next step.
    While it is attached, the layer's own `forward` is set aside; its class is unchanged.
    """

    def __init__(self, layer: nn.Linear | nn.Conv1d | nn.Conv2d, factor: Factor, begin: int = 0) -> None:
        self.layer = layer
        self.factor = factor
        self.begin = begin
        self._calls = 0

    def attach(self) -> None:
        """Let the layer compute with the local term from now on."""
        self.layer.forward = self._forward  # type: ignore[method-assign, assignment]

    def detach(self) -> None:
        """Give the layer its own forward pass back."""
        vars(self.layer).pop("forward", None)

    def _forward(self, inputs: Tensor | SparseTrains) -> Tensor:
        layer = self.layer
        if not (torch.is_grad_enabled() and layer.weight.requires_grad):
            return type(layer).forward(layer, inputs)  # type: ignore[arg-type]
        output: Tensor = _Coupled.apply(inputs, layer.weight, layer.bias, layer, self._factor_of(self._calls))
        self._calls += 1
        return output

    def _factor_of(self, call: int) -> Factor:
        """What is taken in one call of the layer: of all steps where it is called once, else of one."""

        def part() -> Tensor | None:
            factor = self.factor()
            whole = factor is None or (self._calls == 1 and self.begin == 0)
            return factor if factor is None or whole else factor[self.begin + call]

        return part


def weight_product(layer: nn.Module, post: Tensor, pre: Tensor | SparseTrains) -> Tensor:
    """Return the sum over steps, samples and positions of post times pre, shaped as the weights of a layer."""
    if isinstance(pre, SparseTrains):
        return pre.correlations(post.contiguous()).t()
    shape: torch.Size = layer.weight.shape  # type: ignore[union-attr, assignment]
    return connection_of(layer).product(post, pre, shape)


class _Saved(FunctionCtx):
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    layer: nn.Module
    factor: Factor
    sparse: SparseTrains | None


class _Coupled(torch.autograd.Function):
    """The forward pass of the layer, and its gradients with the local term in that of the weights."""

    @staticmethod
    def forward(
        ctx: _Saved,
        inputs: Tensor | SparseTrains,
        weight: Tensor,
        bias: Tensor | None,
        layer: nn.Module,
        factor: Factor,
    ) -> Tensor:
        ctx.layer, ctx.factor = layer, factor
        ctx.sparse = inputs if isinstance(inputs, SparseTrains) else None
        ctx.save_for_backward(*([weight] if isinstance(inputs, SparseTrains) else [weight, inputs]))
        output: Tensor = type(layer).forward(layer, inputs)
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: _Saved, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (delta,) = gradients
        weight, *dense = ctx.saved_tensors
        local = ctx.factor()
        with_local = delta if local is None else delta - local.reshape(delta.shape)
        if ctx.sparse is not None:
            by_weight = weight_product(ctx.layer, with_local, ctx.sparse)
        else:  # the steps that a layer without memory sees are one large batch
            by_weight = weight_product(ctx.layer, with_local[None], dense[0][None])
        by_input = _by_input(ctx.layer, delta, dense[0], weight) if ctx.needs_input_grad[0] else None
        by_bias = _by_bias(ctx.layer, delta) if ctx.needs_input_grad[2] else None
        return by_input, by_weight, by_bias, None, None


def _by_input(layer: nn.Module, delta: Tensor, inputs: Tensor, weight: Tensor) -> Tensor:
    """The gradient by the input of a layer."""
    place = connection_of(layer)
    if not isinstance(place, Conv):
        return delta @ weight
    gradient = grad.conv1d_input if place.axes == 1 else grad.conv2d_input
    return gradient(inputs.shape, weight, delta, place.stride, place.padding, place.dilation, place.groups)


def _by_bias(layer: nn.Module, delta: Tensor) -> Tensor:
    """The gradient by the bias of a layer."""
    place = connection_of(layer)
    along = delta.ndim - 1 - (place.axes if isinstance(place, Conv) else 0)
    return delta.sum([axis for axis in range(delta.ndim) if axis != along])
