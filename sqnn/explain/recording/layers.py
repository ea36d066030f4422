"""The record of one layer of spiking neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

TRAINS = ("spikes", "membranes", "currents")
"""Fields of a layer's record that are [time, batch, *neurons]."""


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """What one layer of neurons received and did: trains [time, batch, *neurons] in the precision of the network.

    - `spikes`: 1 where a neuron fired, else 0. `heights` [time], if not None, is what a spike of each step counts, as
      the weighted spikes of converted networks do.
    - `membranes`: compared with the threshold at that step, before the reset; None where they were not asked for, or
      the neuron does not show them.
    - `currents`: input of the neurons, in the unit of membranes and threshold; None where they were not asked for.
    - `threshold`, `beta` (decay of the membrane per step, 1 without a leak): numbers, or tensors that broadcast over
      the trains, such as [channels, 1, 1], or [time, 1, ...] where every step has its own threshold.
      None where a neuron of one's own does not say.
    - `initial_membrane`: before the first step, in thresholds (of that step).
    - `reset`: "subtract", "zero", "none", or "all" (a spike sets the whole layer to zero); None where unknown.
    - `neuron`: the class of the neurons. `postponed` neurons receive all currents before they fire for the first time.
    - `start`: number of the first step, other than 0 after `SpikeRecord.select(window=...)`.

    For neurons of the classes LIF and IF, u_t = beta v_(t-1) + I_t with v_0 = initial_membrane * threshold, a spike
    where u_t > threshold, and then the reset: the fields tell the whole dynamics.
    """

    name: str
    spikes: Tensor
    membranes: Tensor | None = None
    currents: Tensor | None = None
    threshold: Tensor | float | None = 1.0
    beta: Tensor | float | None = 1.0
    initial_membrane: Tensor | float = 0.0
    reset: str | None = "subtract"
    neuron: str = "LIF"
    postponed: bool = False
    heights: tuple[float, ...] | None = None
    start: int = 0

    @property
    def timesteps(self) -> int:
        """Number of steps."""
        return len(self.spikes)

    @property
    def neurons(self) -> tuple[int, ...]:
        """Shape of the layer, such as (channels, height, width)."""
        return tuple(self.spikes.shape[2:])

    @property
    def nbytes(self) -> int:
        """Memory of the trains in bytes."""
        return sum(train.numel() * train.element_size() for train in self._trains().values())

    def select(
        self, images: Tensor | None = None, neurons: Tensor | None = None, window: tuple[int, int] | None = None
    ) -> LayerRecord:
        """Return the record of some images, of neurons by their flat numbers [n], and of steps first <= t < end."""
        chosen = dict(self._trains())
        first, end = (0, self.timesteps) if window is None else window
        for name, train in chosen.items():
            part = train[first:end] if images is None else train[first:end, images.to(train.device)]
            chosen[name] = part if neurons is None else part.flatten(2)[:, :, neurons.to(part.device)]

        def narrowed(value: Tensor | float | None) -> Tensor | float | None:
            if not isinstance(value, Tensor) or value.ndim == 0:
                return value
            each = value
            if each.ndim > len(self.neurons):  # one value per step
                each = each[first:end] if len(each) > 1 else each
            if neurons is None:
                return each
            steps = each.shape[: each.ndim - len(self.neurons)]
            return each.expand(*steps, *self.neurons).flatten(len(steps))[..., neurons.to(each.device)]

        values = {name: narrowed(vars(self)[name]) for name in ("threshold", "beta", "initial_membrane")}
        heights = None if self.heights is None else self.heights[first:end]
        return replace(self, **chosen, **values, heights=heights, start=self.start + first)  # type: ignore[arg-type]

    def _trains(self) -> dict[str, Tensor]:
        return {name: train for name in TRAINS if (train := vars(self)[name]) is not None}


def joined(parts: Sequence[LayerRecord]) -> LayerRecord:
    """Return the records of the batches of one layer as one."""
    if len(parts) == 1:
        return parts[0]
    trains = {name: torch.cat([vars(part)[name] for part in parts], 1) for name in parts[0]._trains()}
    return replace(parts[0], **trains)  # type: ignore[arg-type]
