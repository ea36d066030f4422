"""Integrated gradients of the smooth twin: complete, for another network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sqnn.core import ConfigError, counted, option
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.probe import PASSES, Baseline, Probe, copy_of
from sqnn.explain.recording import neurons_of
from sqnn.neurons import LIF, QCFS, Surrogate


@dataclass(frozen=True)
class SmoothSpike(Surrogate):
    """The smooth function of a surrogate, forward too: its own gradient."""

    slope: float
    of: Surrogate
    name: ClassVar[str] = "smooth"

    def fire(self, u: Tensor) -> Tensor:
        return self.of.smooth(u)

    def smooth(self, u: Tensor) -> Tensor:
        return self.of.smooth(u)

    def slope_at(self, u: Tensor) -> Tensor:
        return self.of.slope_at(u)


class ClippedReLU(nn.Module):
    """clip(z, 0, lambda): a QCFS activation without its steps."""

    def __init__(self, activation: QCFS) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, values: Tensor) -> Tensor:
        threshold = self.activation.threshold_for(values)
        return torch.minimum(values.clamp(min=0), threshold)


def smooth_twin(model: nn.Module) -> nn.Module:
    """Return a copy of a network whose spikes are the smooth functions of their surrogates, and QCFS clipped ReLU.

    Its gradient is the surrogate gradient at the twin's own membranes, reset included. The weights are copied. Raises
    ConfigError where neurons have no smooth form.
    """
    for path, (part, _) in neurons_of(model).items():
        if not isinstance(part, LIF):
            raise ConfigError(
                f"method: got a smooth twin for {path}, neurons of {type(part).__name__}, which have none; expected "
                "neurons if or lif, or the method integrated-surrogate"
            )
    twin = copy_of(model)
    for path, part in list(twin.named_modules()):
        if isinstance(part, QCFS):
            if not path:
                return ClippedReLU(part)
            parent, _, name = path.rpartition(".")
            setattr(twin.get_submodule(parent), name, ClippedReLU(part))
        elif isinstance(part, LIF):
            part.fused, part.detach_reset = False, False
            part.surrogate = SmoothSpike(part.surrogate.slope, part.surrogate)
    return twin


@dataclass(frozen=True, kw_only=True)
class IntegratedSmooth(Method):
    """(x - b) times the mean gradient of the smooth twin on the straight line from the baseline b to x.

    The steps double until the values add up to f(x) - f(b) of the twin within `tolerance`, for each image; `note` says
    how many it took, and for how many images twin and network agree on the label. Source: Sundararajan et al., ICML
    2017; the twin is that of surrogate gradients, Neftci et al., IEEE Signal Process. Mag. 36 (2019).
    """

    name: ClassVar[str] = "integrated-smooth"
    title: ClassVar[str] = "integrated gradients of the smooth twin, which add up for it"
    by_gradient: ClassVar[bool] = True
    straight: ClassVar[bool] = True

    tolerance: float = option(1e-3, "largest error, as a share of |f(x) - f(b)|", above=0)
    steps: int = option(16, "points on the line to begin with, by Gauss and Legendre", least=1)
    most_steps: int = option(2048, "points on the line at most", least=1)
    baseline: Baseline = option(0.0, "what stands for nothing: a number, or a tensor as of one image")

    def explain(self, probe: Probe) -> Found:
        twin = probe.on(smooth_twin(probe.model))
        baseline = twin.baseline(self.baseline)
        reference = twin.score(baseline).detach()
        difference = twin.output - reference
        values, steps = torch.zeros_like(twin.point), self.steps
        left = torch.arange(len(values), device=values.device)
        while True:
            values[left] = integrated(twin, baseline, left, steps)
            error = (values.flatten(1).sum(1) - difference).abs()
            left = (error > self.tolerance * difference.abs() + ROUNDING).nonzero()[:, 0]
            if not len(left) or 2 * steps > self.most_steps:
                break
            steps *= 2
        other = int((twin.plain.argmax(-1) != probe.plain.argmax(-1)).sum())
        some = "" if other == len(values) else f" for {other} of {counted(len(values), 'image')}"
        note = f"the twin, a copy with smooth spikes, gives {f'another label{some}' if other else 'the same label'}; "
        note += counted(steps, "step")
        if len(left):
            note += f", which were not enough for {len(left)}"
        return Found(values=values, reference=reference, output=twin.output, twin=twin.plain, complete=True, note=note)


ROUNDING = 1e-9
"""Logits below which an error is no more than rounding."""


def integrated(probe: Probe, baseline: Tensor, rows: Tensor, steps: int) -> Tensor:
    """Return (x - b) times the mean gradient at `steps` points of Gauss and Legendre, for the images `rows`."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    point, start = probe.point[rows], baseline[rows]
    total = torch.zeros_like(point)
    at_once = max(1, PASSES // len(rows))
    for part in torch.arange(steps).split(at_once):
        share = point.new_tensor((nodes[part] + 1) / 2).view(-1, *(1 for _ in point.shape))
        weight = point.new_tensor(weights[part] / 2).view(share.shape)
        points = (start + share * (point - start)).flatten(0, 1)
        gradient = probe.gradient(points, rows.repeat(len(part)))
        total += (weight * gradient.view(len(part), *point.shape)).sum(0)
    return total * (point - start)
