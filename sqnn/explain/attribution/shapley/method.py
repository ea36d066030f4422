"""Shapley values as a method of attribution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import ConfigError, option, require
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.places import ANGLES, PIXELS, QUBITS
from sqnn.explain.attribution.probe import PASSES, Baseline, Probe
from sqnn.explain.attribution.shapley.head import head_values
from sqnn.explain.attribution.shapley.patches import WITHIN, patch_side, patch_values
from sqnn.models import QuantumHead, shown_name


@dataclass(frozen=True, kw_only=True)
class Shapley(Method):
    """The mean gain of a logit as a part joins the others, over all orders, in logits; a part is absent as a baseline.

    - At "pixels", parts are patches, whose values are shared among their pixels. Values come from `permutations`, each
      read forwards and backwards, or from all coalitions where these are no more.
    - At "angles", parts are all data angles of the circuit; at "qubits", qubits with three angles each. These values
      are exact: an expectation depends on the angles in its cone alone, all of whose coalitions are evaluated.

    Values add up to f(x) - f(baseline), in float64. The baseline is a black image, and angles of zero, by default.
    Source: Shapley, Contributions to the Theory of Games 2 (1953); for permutations see `permutation_values`.
    """

    name: ClassVar[str] = "shapley"
    title: ClassVar[str] = "mean gain of the logit as a part joins the others (Shapley value)"
    at: ClassVar[tuple[str, ...]] = (PIXELS, ANGLES, QUBITS)
    by_default: ClassVar[bool] = True

    side: int | None = option(None, "side of a patch in pixels (default: a seventh of the shorter side)", least=1)
    permutations: int = option(30, "permutations of the patches, each read forwards and backwards", least=1)
    within: str = option("difference", "how a patch shares its value among its pixels", among=WITHIN)
    baseline: Baseline = option(0.0, "what stands for nothing: a number, or a tensor as of one image")

    def explain(self, probe: Probe) -> Found:
        return self._patches(probe) if probe.at == PIXELS else self._head(probe)

    @torch.no_grad()
    def _patches(self, probe: Probe) -> Found:
        baseline = probe.baseline(self.baseline)
        height, width = probe.point.shape[-2:]
        smallest = min(height, width)
        side = patch_side(height, width) if self.side is None else self.side
        require(side <= smallest, "side", side, f"at most {smallest}, the shorter side of the image")
        output, reference = probe.output.double(), probe.score(baseline).double()
        generator = probe.generator()
        values = torch.zeros_like(probe.point, dtype=torch.float64)
        for number, image in enumerate(probe.point):
            values[number] = patch_values(
                partial(_score, probe, number),
                image,
                baseline[number],
                (reference[number].item(), output[number].item()),
                side=side,
                permutations=self.permutations,
                within=self.within,
                batch_size=PASSES,
                generator=generator,
            )
        return Found(values=values, output=output, reference=reference, complete=True)

    def _head(self, probe: Probe) -> Found:
        model = probe.model
        if not isinstance(model, QuantumHead):
            raise ConfigError(f"at: got {probe.at!r} for {shown_name(model)}, expected a network with a quantum head")
        found = head_values(model, probe.point, probe.target, probe.baseline(self.baseline), probe.at == QUBITS)
        probe.passes.forwards += found.samples
        axes = (probe.axes[0], "qubit") if probe.at == QUBITS else probe.axes
        note = f"exact, from {found.samples:,} samples of the circuit"
        return Found(
            values=found.values,
            output=found.output,
            reference=found.reference,
            complete=True,
            axes=axes,
            groups={} if probe.at == QUBITS else probe.groups,
            note=note,
        )


def _score(probe: Probe, number: int, images: Tensor) -> Tensor:
    """Return the logit of images [n, ...] that stand for image `number`."""
    return probe.score(images, torch.full((len(images),), number, device=images.device))
