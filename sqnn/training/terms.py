"""The bit-level penalty: what a spike of the converted network costs its source network in training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sqnn.conversion import digits, levels_of
from sqnn.core import ConfigError
from sqnn.neurons import QCFS


class BitPenalty:
    """Measure the spikes that a network's QCFS activations will become, with a gradient that lowers them.

    The value is the mean number of ones among the T bits of an activation, averaged over all activations of the batch:
    spikes per neuron and image, between 0 and T. A bit has no gradient; it gets the slope of the straight line from
    level 0, which has no ones, to level Q, which has T: each bit 1 / lambda where 0 < a < lambda and 0 elsewhere. The
    gradient goes straight to what the activations receive, and so to no threshold of theirs.

    Raises ConfigError where the model has no QCFS.

    Source: Datta et al., "When SNN meets ANN", section 5.2, equations 11 and 12, whose slope is 1 instead of 1 / lambda
    and whose sum is not divided by the number of activations.
    """

    def __init__(self, model: nn.Module) -> None:
        self.layers = [module for module in model.modules() if isinstance(module, QCFS)]
        if not self.layers:
            raise ConfigError(
                "bit_penalty: got a network without qcfs activations, expected some whose bits can be penalised; take "
                "activation qcfs"
            )

    @contextlib.contextmanager
    def collect(self) -> Iterator[Bits]:
        """Give, for the block, what gathers the bits of every forward pass in it.

        No hook outlives the block, not even behind an error.
        """
        bits = Bits()
        hooks = [layer.register_forward_hook(bits.gather) for layer in self.layers]
        try:
            yield bits
        finally:
            for hook in hooks:
                hook.remove()


class Bits:
    """The spikes of some forward passes."""

    def __init__(self) -> None:
        self._gathered: list[tuple[Tensor, int]] = []

    def value(self) -> Tensor:
        """Return the mean number of spikes per neuron of what was gathered, a scalar; ConfigError where nothing was."""
        if not self._gathered:
            raise ConfigError("bit_penalty: got no activations, expected a call of the network within collect()")
        total = torch.stack([ones for ones, _ in self._gathered]).sum()
        return total / sum(neurons for _, neurons in self._gathered)

    def gather(self, layer: Any, inputs: tuple[Tensor, ...], activation: Tensor) -> None:
        """Add what one activation gave; a forward hook."""
        threshold = layer.threshold_for(activation).detach()
        ones: Tensor = _Ones.apply(inputs[0], activation.detach(), threshold, layer.timesteps)
        self._gathered.append((ones, activation.numel()))


class _Ones(torch.autograd.Function):
    """The number of ones in the digits of activations, as a function of what these received."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, activation: Tensor, threshold: Tensor, timesteps: int) -> Tensor:
        steps = 2**timesteps - 1
        levels = levels_of(activation, threshold, steps)
        # By levels: the highest activation, Q times a rounded lambda / Q, can lie a hair below lambda.
        ctx.save_for_backward((levels > 0) & (levels < steps), threshold)
        ctx.timesteps = timesteps
        return digits(levels, timesteps).sum().to(activation.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        inside, threshold = ctx.saved_tensors
        return gradient * inside * (ctx.timesteps / threshold), None, None, None
