"""Linear layers of spiking neurons, for dense or sparse spike trains."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sqnn.core import Trains
from sqnn.encoding import SparseTrains
from sqnn.neurons import LIF, lif_step


class SparseLinear(nn.Linear):
    """A linear layer that takes trains [time, batch, in_features], also as `SparseTrains`: currents W s_t + b.

    For sparse trains it adds up the columns of W that the spikes point to: currents and gradients are those of the
    dense trains to rounding, and differentiable once.
    """

    def forward(self, input: Tensor | SparseTrains) -> Tensor:
        if isinstance(input, Tensor):
            return super().forward(input)
        currents: Tensor = _Columns.apply(self.weight, self.bias, input)
        return currents


class _Columns(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor | None, trains: SparseTrains) -> Tensor:
        ctx.trains = trains
        currents = trains.sums(weight.t())
        return currents if bias is None else currents.add_(bias)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (grad,) = grads
        weight = ctx.trains.correlations(grad).t() if ctx.needs_input_grad[0] else None
        return weight, grad.sum((0, 1)) if ctx.needs_input_grad[1] else None, None


class SpikingLinear(nn.Module):
    """Linear layer and leaky neurons, on request with spikes fed back: I_t = W s_t + b + V y_(t-1), y = neuron(I).

    Trains s [time, batch, in_features], or `SparseTrains`, give spikes and membranes (before the reset) [time, batch,
    out_features]; y_0 is silent. V has no bias. The loop of a recurrent layer is differentiable any number of times.
    """

    def __init__(self, in_features: int, out_features: int, neuron: LIF, recurrent: bool = False) -> None:
        super().__init__()
        self.linear = SparseLinear(in_features, out_features)
        self.recurrent = nn.Linear(out_features, out_features, bias=False) if recurrent else None
        self.neuron = neuron

    def forward(self, trains: Tensor | SparseTrains) -> tuple[Trains, Trains]:
        currents = self.linear(trains)
        if self.recurrent is not None:
            currents = self._fed_back(currents, self.recurrent)
        return self.neuron(currents, return_membrane=True)

    def _fed_back(self, currents: Trains, recurrent: nn.Linear) -> Trains:
        """Return the currents together with those that the layer's own spikes bring one step later."""
        neuron = self.neuron
        v = torch.full_like(currents[0], neuron.initial_membrane) * neuron.threshold
        summed = [currents[0]]
        for current in currents[1:]:
            spikes, v = lif_step(
                summed[-1],
                v,
                decay=neuron.beta,
                threshold=neuron.threshold,
                reset=neuron.reset,
                surrogate=neuron.surrogate,
                detach_reset=neuron.detach_reset,
            )
            summed.append(current + recurrent(spikes))
        return torch.stack(summed)
