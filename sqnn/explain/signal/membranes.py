"""Traces of membranes with the threshold they are compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import Neurons, image_of, neuron_indices, spikes_of, start_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LINES_MOST = 20
"""Most neurons whose traces are drawn in one picture."""


@runtime_checkable
class HasMembranes(Protocol):
    """A layer of a recording that keeps membranes before the reset, `[time, batch, *neurons]`, and the threshold."""

    @property
    def spikes(self) -> Tensor:
        """Spikes `[time, batch, *neurons]`."""

    @property
    def membranes(self) -> Tensor | None:
        """Membranes as they were compared with the threshold."""

    @property
    def threshold(self) -> Tensor | float | None:
        """The threshold, a number or what broadcasts over the membranes, None where unknown."""


@dataclass(frozen=True, repr=False, eq=False)
class Traces(Signal):
    """Membranes of some neurons for one image before each reset, and the `threshold` that they are compared with.

    `membranes`, `threshold` and `spikes` are `[time, neurons]`; rest is 0; `start` is the number of the first step. The
    threshold of neurons that do not say theirs is NaN.
    """

    neurons: tuple[int, ...]
    membranes: Tensor
    spikes: Tensor
    threshold: Tensor
    start: int = 0

    @property
    def frame(self) -> pd.DataFrame:
        """One row per neuron and step: membrane, threshold, and whether it fired."""
        import pandas as pd

        steps = len(self.membranes)
        return pd.DataFrame(
            {
                "neuron": [neuron for neuron in self.neurons for _ in range(steps)],
                "step": [*range(self.start, self.start + steps)] * len(self.neurons),
                "membrane": self.membranes.T.flatten().tolist(),
                "threshold": self.threshold.T.flatten().tolist(),
                "fired": self.spikes.T.flatten().tolist(),
            }
        )

    def draw(self, axes: Axes) -> None:
        """Draw a trace per neuron in units of its threshold, where that is known, with a mark per spike."""
        if len(self.neurons) > LINES_MOST:
            raise ConfigError(f"neurons: got {len(self.neurons)} to draw, expected at most {LINES_MOST}")
        known = not self.threshold.isnan().any()
        time = torch.arange(self.start, self.start + len(self.membranes))
        for number, neuron in enumerate(self.neurons):
            shown = self.membranes[:, number] / (self.threshold[:, number] if known else 1)
            axes.plot(
                time.tolist(), shown.tolist(), ".-", ms=4, lw=1, color=f"C{number % 10}", label=f"neuron {neuron}"
            )
            steps = self.spikes[:, number].nonzero().flatten()
            axes.plot(time[steps].tolist(), shown[steps].tolist(), "^", ms=6, color=f"C{number % 10}")
        if known:
            axes.axhline(1, color="black", ls="--", lw=0.8)
        axes.axhline(0, color="grey", ls=":", lw=0.8)
        axes.set_xlabel("step")
        axes.set_ylabel("membrane before the reset" + (" (thresholds)" if known else ""))
        axes.legend(frameon=False, fontsize=8, ncols=2)

    def summary(self) -> str:
        """Say of how many neurons and steps."""
        counts = {"neuron": len(self.neurons), "step": len(self.membranes), "spike": int(self.spikes.sum())}
        return ", ".join(counted(number, noun) for noun, number in counts.items())


def traces(layer: HasMembranes, neurons: Neurons = None, image: int = 0) -> Traces:
    """Return the membranes of some neurons, by default all, for one image, before each reset.

    Raises ConfigError on a layer recorded without membranes, on a neuron or an image that is not there.
    """
    if not isinstance(layer, HasMembranes) or layer.membranes is None:
        raise ConfigError("layer: got one without membranes, expected a layer of record(model, images, membranes=True)")
    trains = spikes_of(layer)
    at, chosen = image_of(image, trains.shape[1]), neuron_indices(layer, neurons)
    membranes = layer.membranes.detach().cpu()
    threshold = torch.as_tensor(math.nan if layer.threshold is None else layer.threshold).detach().cpu()
    return Traces(
        neurons=tuple(chosen.tolist()),
        membranes=membranes[:, at].flatten(1)[:, chosen].double(),
        spikes=trains[:, at].flatten(1)[:, chosen] != 0,
        threshold=threshold.expand(membranes.shape)[:, at].flatten(1)[:, chosen].double(),
        start=start_of(layer),
    )
