"""Temporal spike attribution: weights along the paths of spikes that fire at one and the same step."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sqnn.core import ConfigError, option
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.places import LAYER, PIXELS, SPIKES
from sqnn.explain.attribution.probe import Probe
from sqnn.neurons import Neuron


@dataclass(frozen=True, kw_only=True)
class TemporalSpike(Method):
    """A(t) = p N_0(t) W_1 N_1(t) W_2 ... N_L(t) df/ds_L(t), N_l(t) = diag(beta^(T-1-t) s_l(t)), for t = 0 .. T - 1.

    Products of weights along paths whose neurons all fire at the same step, later steps counting more, times the
    derivative of the logit by the last spikes and the probability p of the class. Linear layers, norms and pools are
    the W. Nothing is carried from one step to the next: a membrane that was charged earlier does not count.

    Source: Nguyen et al., arXiv 2311.02110 (TSA-S), whose code brings the weights of each layer to [0, 1] first.
    """

    name: ClassVar[str] = "temporal-spike"
    title: ClassVar[str] = "weights along paths of simultaneous spikes"
    at: ClassVar[tuple[str, ...]] = (PIXELS, SPIKES, LAYER)
    by_gradient: ClassVar[bool] = True

    beta: float = option(0.9, "decay of a spike's weight per step before the last one", above=0, most=1)

    def explain(self, probe: Probe) -> Found:
        neurons = [part for part in probe.model.modules() if isinstance(part, Neuron)]
        if not neurons:
            raise ConfigError(f"method: got {self.name} for a network without neurons of sqnn, expected gradient-input")
        with contextlib.ExitStack() as hooks:
            for part in neurons:
                hooks.callback(part.register_forward_hook(self._gate).remove)
            gradient = probe.gradient(probe.point)
        point = probe.point
        if "timestep" in probe.axes:
            time = probe.axes.index("timestep")
            point = point * self._factors(point.movedim(time, 0)).movedim(0, time)
        likely = probe.plain.softmax(-1).gather(1, probe.target[:, None])[:, 0]
        values = likely.view(-1, *(1 for _ in point.shape[1:])) * gradient * point
        return Found(values=values, reference=probe.score(probe.baseline(0.0)).detach())

    def _gate(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> Any:
        """Let gradients pass the neurons that fire, weighted by the step."""
        spikes = output[0] if isinstance(output, tuple) else output
        gated = _Gate.apply(inputs[0], spikes.detach(), self._factors(spikes))
        return (gated, *output[1:]) if isinstance(output, tuple) else gated

    def _factors(self, trains: Tensor) -> Tensor:
        """Return beta^(T-1-t), [time, 1, ...]."""
        ages = torch.arange(len(trains) - 1, -1, -1, device=trains.device).to(trains)
        return (self.beta**ages).view(-1, *(1 for _ in trains.shape[1:]))


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, currents: Tensor, spikes: Tensor, factors: Tensor) -> Tensor:
        ctx.save_for_backward(spikes * factors)
        return spikes.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gate,) = ctx.saved_tensors
        return gradients[0] * gate, None, None
