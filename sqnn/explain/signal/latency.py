"""The time to the first spike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import Labels, LayerLike, classes_of, fired, labels_of, start_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class FirstSpikes(Signal):
    """The step of each neuron's first spike, `steps` `[batch, neurons]` in float64, infinite where it is silent."""

    steps: Tensor
    timesteps: int
    labels: Tensor | None = None
    start: int = 0

    @property
    def frame(self) -> pd.DataFrame:
        """One row per neuron: the share of images it fires for, and over these its earliest, median, latest step."""
        import pandas as pd

        spoke = self.steps.isfinite()
        shown = self.steps.where(spoke, math.nan)
        never = ~spoke.any(0)
        return pd.DataFrame(
            {
                "neuron": range(self.steps.shape[1]),
                "fires": spoke.double().mean(0).tolist(),
                "earliest": self.steps.amin(0).masked_fill(never, math.nan).tolist(),
                "median": shown.nanquantile(0.5, dim=0).tolist(),
                "latest": self.steps.where(spoke, -math.inf).amax(0).masked_fill(never, math.nan).tolist(),
            }
        )

    @property
    def spoken(self) -> Tensor:
        """The share `[time]` of neurons and images that have fired by each step, that step included."""
        return self._share(self.steps)

    @property
    def _range(self) -> range:
        return range(self.start, self.start + self.timesteps)

    def _share(self, steps: Tensor) -> Tensor:
        return torch.stack([(steps <= step).double().mean() for step in self._range])

    def draw(self, axes: Axes) -> None:
        """Draw the share of neurons that have fired by each step, for each class where there are labels."""
        if self.labels is None:
            axes.step(self._range, self.spoken.tolist(), where="mid", color="C0")
        else:
            names, members = classes_of(self.labels, len(self.steps))
            for number, (name, images) in enumerate(zip(names, members, strict=True)):
                share = self._share(self.steps[images])
                axes.step(self._range, share.tolist(), where="mid", color=f"C{number % 10}", label=f"class {name}")
            axes.legend(frameon=False, fontsize=8, ncols=2)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("step")
        axes.set_ylabel("share of neurons that have fired")

    def summary(self) -> str:
        """Say what share fires at all, and when in the middle."""
        spoke = self.steps[self.steps.isfinite()]
        middle = f"median step {spoke.median():g}" if len(spoke) else "no spike"
        return f"{len(spoke) / self.steps.numel():.1%} of neurons and images fire, {middle}"


def first_spikes(layer: LayerLike, labels: Labels = None) -> FirstSpikes:
    """Return the step of the first spike of every neuron for every image, counted from 0; infinite for silent ones."""
    trains = fired(layer)
    start = start_of(layer)
    steps = (trains.int().argmax(0) + start).double().masked_fill(~trains.any(0), math.inf)
    known = None if labels is None else labels_of(labels, len(steps))
    return FirstSpikes(steps=steps, timesteps=len(trains), labels=known, start=start)
