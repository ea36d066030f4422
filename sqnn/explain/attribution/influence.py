"""Influence of single spikes: the logit without one, with one moved, with one more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import Choices, option, require
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.places import LAYER, SPIKES, Spikes
from sqnn.explain.attribution.probe import PASSES, Probe

CHANGES: Choices[str] = Choices(
    "change",
    {
        "deletion": "what the logit loses without the spike",
        "shift": "what the logit gains where the spike comes later",
        "insertion": "what the logit gains by a spike where there is none",
    },
)
"""What is done to one spike at a time."""


@dataclass(frozen=True, kw_only=True)
class Influence(Method):
    """The difference of the logit that each single spike makes, by brute force; 0 where nothing can be changed.

    `deletion`: f(x) - f(x without the spike), at each spike. `shift`: f(x with the spike `steps` later) - f(x), at each
    spike that has a silent step there; negative steps are earlier. `insertion`: f(x with a spike) - f(x), at each
    silent step, of the height that the encoder's spikes have at that step, or 1. Each change is one forward pass: a
    layer of many spikes takes long, and more than `most` changes of an image are refused.
    """

    name: ClassVar[str] = "influence"
    title: ClassVar[str] = "difference of the logit by one spike less, moved, or more"
    at: ClassVar[tuple[str, ...]] = (SPIKES, LAYER)

    change: str = option("deletion", "what is done to a spike", among=CHANGES)
    steps: int = option(1, "steps that a spike is moved by", where={"change": ("shift",)})
    most: int = option(20_000, "changes of one image, at most", least=1)

    def explain(self, probe: Probe) -> Found:
        point = probe.point
        require(self.change != "shift" or self.steps != 0, "steps", self.steps, "a whole number other than 0")
        require("timestep" in probe.axes, "at", probe.at, "a place with time: spikes, or a layer of neurons")
        time = probe.axes.index("timestep") - 1
        fired = point != 0
        arrival = self._moved(fired, time) if self.change == "shift" else fired
        free = {"deletion": fired, "insertion": ~fired}.get(self.change, fired & arrival)
        count = int(free.flatten(1).sum(1).max())
        require(count <= self.most, "most", self.most, f"at least {count:,}, the changes to make")
        heights = _heights(probe, time)
        values = point.new_zeros(free.flatten(1).shape)
        changes = free.flatten(1).nonzero()
        if len(changes):
            differences = [self._differences(probe, part, heights, time) for part in changes.split(PASSES)]
            values[changes[:, 0], changes[:, 1]] = torch.cat(differences)
        return Found(values=values.view(point.shape), reference=probe.score(torch.zeros_like(point)).detach())

    @torch.no_grad()
    def _differences(self, probe: Probe, changes: Tensor, heights: Tensor, time: int) -> Tensor:
        """Return the difference that each change makes, [n], for changes [n, 2]: images and flat entries."""
        rows, entries = changes.unbind(1)
        points = probe.point[rows].clone().flatten(1)
        number = torch.arange(len(rows), device=rows.device)
        points[number, entries] = heights.flatten(1)[rows, entries] if self.change == "insertion" else 0.0
        if self.change == "shift":
            later = entries + self.steps * probe.point.shape[2 + time :].numel()
            points[number, later] = heights.flatten(1)[rows, later]
        gain = probe.score(points.view(-1, *probe.point.shape[1:]), rows) - probe.output[rows]
        return -gain if self.change == "deletion" else gain

    def _moved(self, fired: Tensor, time: int) -> Tensor:
        """Return whether the step `steps` later is within time and silent."""
        axis, length = time + 1, fired.shape[time + 1]
        wanted = torch.arange(length, device=fired.device) + self.steps
        there = (wanted >= 0) & (wanted < length)
        silent = ~fired.index_select(axis, wanted.clamp(0, length - 1))
        return silent & there.view(-1, *(1 for _ in fired.shape[axis + 1 :]))


@torch.no_grad()
def _heights(probe: Probe, time: int) -> Tensor:
    """Return the height of a spike at each entry of a point, which an encoder's may have of its own at each step."""
    heights = torch.ones_like(probe.point)
    if isinstance(probe.place, Spikes):
        white = probe.place.read(torch.ones_like(probe.images), probe.generator())
        highest = white.amax([k for k in range(white.ndim) if k != time + 1], keepdim=True)
        heights = torch.where(highest > 0, highest, heights)
    return heights
