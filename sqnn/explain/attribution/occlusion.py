"""Occlusion: what a logit loses where a part of the place is replaced by a baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from noise_models import unknown
from sqnn.core import ConfigError, option, require
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.places import LAYER, NAMED, QUBITS, WEIGHTS
from sqnn.explain.attribution.probe import Baseline, Probe

MAP = ("row", "column")


@dataclass(frozen=True, kw_only=True)
class Occlusion(Method):
    """f(x) - f(x with a part replaced by the baseline), in logits, for each part.

    Parts of maps are windows of `window` pixels on a side, `stride` apart, of all channels, one step at a time; entries
    under several windows get their mean. Parts of other places are single entries, or with `by` all entries of an
    axis that share a number: "channel", "timestep", "neuron", "qubit"; of weights "tensor" or "layer". captum's
    windows are the same, but round to float32.

    Source: Zeiler and Fergus, ECCV 2014.
    """

    name: ClassVar[str] = "occlusion"
    title: ClassVar[str] = "loss of the logit where a window is replaced"
    at: ClassVar[tuple[str, ...]] = (*NAMED, LAYER)

    window: int = option(3, "side of a window in pixels", least=1)
    stride: int = option(1, "pixels from one window to the next", least=1)
    baseline: Baseline = option(0.0, "what stands for nothing: a number, or a tensor as of one image")
    by: str | None = option(None, "axis whose numbers are replaced one by one, in place of windows and entries")

    def explain(self, probe: Probe) -> Found:
        baseline = probe.baseline(self.baseline)
        reference = probe.score(baseline)
        by = {QUBITS: "qubit", WEIGHTS: "tensor"}.get(probe.at) if self.by is None else self.by
        if by is None and set(MAP) <= set(probe.axes):
            return Found(values=self._windows(probe, baseline), reference=reference)
        index, count, axes = _parts(probe, by)
        kept = dict(probe.groups) if by is None else {}

        def points(rows: Tensor, numbers: Tensor) -> Tensor:
            hidden = index == numbers.view(-1, *(1 for _ in index.shape))
            return torch.where(hidden, baseline[rows], probe.point[rows])

        losses = probe.output[:, None] - probe.scores(points, count)
        values = losses if by is not None else losses.view(probe.point.shape)
        return Found(values=values, reference=reference, axes=axes, groups=kept)

    def _windows(self, probe: Probe, baseline: Tensor) -> Tensor:
        sides = dict(zip(probe.axes[1:], probe.point.shape[1:], strict=True))
        smallest = min(sides[name] for name in MAP)
        require(self.window <= smallest, "window", self.window, f"at most {smallest}, the smaller side of the map")
        across, down = (_covered(sides[name], self.window, self.stride, probe.point) for name in MAP)
        steps = sides.get("timestep", 1)
        counts = (steps, len(across), len(down))
        layout = [steps if name == "timestep" else 1 if name not in MAP else side for name, side in sides.items()]

        def points(rows: Tensor, numbers: Tensor) -> Tensor:
            step, top, left = torch.unravel_index(numbers, counts)
            window = across[top][:, None, :, None] * down[left][:, None, None, :]
            at_step = torch.arange(steps, device=step.device) == step[:, None]
            hidden = (window * at_step.to(window)[:, :, None, None]).view(-1, *layout) > 0
            return torch.where(hidden, baseline[rows], probe.point[rows])

        losses = probe.output[:, None] - probe.scores(points, math.prod(counts))
        sums = torch.einsum("btij,ih,jw->bthw", losses.view(-1, *counts), across, down)
        means = sums / torch.outer(across.sum(0), down.sum(0)).clamp(min=1)
        return means.view(-1, *layout).expand(probe.point.shape)


def _covered(side: int, window: int, stride: int, like: Tensor) -> Tensor:
    """Return which of `side` pixels each window covers, [windows, side]; the last ones may reach beyond the map."""
    starts = torch.arange(0, side - window + stride, stride, device=like.device)[:, None]
    pixels = torch.arange(side, device=like.device)
    return ((pixels >= starts) & (pixels < starts + window)).to(like)


def _parts(probe: Probe, by: str | None) -> tuple[Tensor, int, tuple[str, ...]]:
    """Return the number of the part of each entry of a point, how many parts there are, and the axes of the values."""
    shape, axes, device = probe.point.shape[1:], probe.axes, probe.point.device
    if by is None:
        return torch.arange(shape.numel(), device=device).view(shape), shape.numel(), axes
    grouping = probe.groups.get(by)
    axis = by if grouping is None else grouping.axis
    if axis not in axes[1:]:
        raise ConfigError(unknown("by", by, (*axes[1:], *probe.groups)))
    dimension = axes.index(axis) - 1
    numbers = torch.arange(shape[dimension], device=device) if grouping is None else grouping.index.to(device)
    lined_up = numbers.view(-1, *(1 for _ in shape[dimension + 1 :])).expand(shape)
    return lined_up, int(numbers.max()) + 1, (axes[0], by)
