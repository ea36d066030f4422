"""Gradients of a logit: their size, and their product with what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqnn.core import option
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.places import LAYER, NAMED
from sqnn.explain.attribution.probe import Probe


@dataclass(frozen=True, kw_only=True)
class Saliency(Method):
    """The size of the surrogate gradient, |df/dx|, in logits per unit of what is at the place.

    Of pixels that stand for their spikes it is the sum over the steps. Source: Simonyan et al., arXiv 1312.6034.
    """

    name: ClassVar[str] = "saliency"
    title: ClassVar[str] = "size of the surrogate gradient"
    at: ClassVar[tuple[str, ...]] = (*NAMED, LAYER)
    by_gradient: ClassVar[bool] = True

    signed: bool = option(False, "keep the sign of the gradient")

    def explain(self, probe: Probe) -> Found:
        gradient = probe.gradient(probe.point)
        values = gradient if self.signed else gradient.abs()
        return Found(values=values, reference=probe.score(probe.baseline(0.0)))


@dataclass(frozen=True, kw_only=True)
class GradientInput(Method):
    """The surrogate gradient times what is there, x df/dx, in logits: complete where f is linear in x."""

    name: ClassVar[str] = "gradient-input"
    title: ClassVar[str] = "surrogate gradient times value"
    at: ClassVar[tuple[str, ...]] = (*NAMED, LAYER)
    by_gradient: ClassVar[bool] = True

    def explain(self, probe: Probe) -> Found:
        gradient = probe.gradient(probe.point)
        return Found(values=gradient * probe.point, reference=probe.score(probe.baseline(0.0)))
