"""Integrated surrogate gradients: the usual form, which is not complete for spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sqnn.core import option
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.probe import PASSES, Baseline, Probe


@dataclass(frozen=True, kw_only=True)
class IntegratedSurrogate(Method):
    """(x - b) times the mean surrogate gradient on the straight line from the baseline b to x, by captum.

    The gradient is not that of the network, whose output changes in jumps: the values do not add up to
    f(x) - f(b), whatever the steps, and `completeness_error` says how much they miss.
    Source: Sundararajan et al., ICML 2017.
    """

    name: ClassVar[str] = "integrated-surrogate"
    title: ClassVar[str] = "integrated surrogate gradients, which do not add up"
    by_gradient: ClassVar[bool] = True

    steps: int = option(32, "points on the line, by Gauss and Legendre", least=1)
    baseline: Baseline = option(0.0, "what stands for nothing: a number, or a tensor as of one image")

    def explain(self, probe: Probe) -> Found:
        from captum.attr import IntegratedGradients

        rows = torch.arange(len(probe.point), device=probe.point.device)
        probe.gradient(probe.point[:1], rows[:1])  # names what has none
        baseline = probe.baseline(self.baseline)
        values = IntegratedGradients(probe.logits, multiply_by_inputs=True).attribute(
            probe.point,
            baseline,
            probe.target,
            additional_forward_args=(rows,),
            n_steps=self.steps,
            internal_batch_size=max(PASSES, len(rows)),
        )
        probe.passes.backwards += self.steps * len(rows)
        return Found(values=values, reference=probe.score(baseline), complete=True)
