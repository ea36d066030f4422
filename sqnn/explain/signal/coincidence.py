"""Synchrony of pairs of neurons, by a measure that is stated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from sqnn.core import Choices, Config, ConfigError, counted, option
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import MATRIX_MOST, LayerLike, Neurons, binary_trains, binned, neuron_indices

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class SynchronyMeasure(ABC):
    """A measure of how far two trains fire together: from trains `[time, batch, n]` to a matrix `[n, n]`."""

    title: ClassVar[str]

    @abstractmethod
    def matrix(self, trains: Tensor) -> Tensor:
        """Return the measure of every pair, `[n, n]`; NaN where it is not defined."""


@dataclass(frozen=True, kw_only=True)
class SpikeSynchronization(Config, SynchronyMeasure):
    """Share of spikes with a coincident one in the other train: nearer than half of the shorter interval beside both.

    C = 2 (coincidences) / (spikes of both), over all images; NaN where neither fires. The interval beside a spike
    without neighbours is the length of the recording.

    Source: Kreuz et al., J. Neurophysiol. 113 (2015).
    """

    title = "SPIKE-synchronization"

    def matrix(self, trains: Tensor) -> Tensor:
        """Return the share for each pair, `[n, n]`."""
        beside = _intervals_beside(trains)
        steps = len(trains)
        pairs = trains.new_zeros(trains.shape[2], trains.shape[2])
        for lag in range((steps + 1) // 2):
            isolated = trains * (beside > 2 * lag)
            # At most one spike of the other train is near enough, so that counting pairs counts spikes.
            earlier, later = (part.flatten(0, 1) for part in (isolated[: steps - lag], isolated[lag:]))
            found = earlier.T @ later
            pairs += found if lag == 0 else found + found.T
        spikes = trains.sum((0, 1))
        return 2 * pairs / (spikes[:, None] + spikes)


@dataclass(frozen=True, kw_only=True)
class BinnedCorrelation(Config, SynchronyMeasure):
    """Pearson correlation of spike counts in bins of `width` steps within an image, mean over images.

    An image in which one of the two never varies is left out; NaN where none is left.
    """

    width: int = option(1, "steps of a bin", least=1)
    title = "binned correlation"

    def matrix(self, trains: Tensor) -> Tensor:
        """Return the correlation of each pair, `[n, n]`."""
        counts, _ = binned(trains, self.width)
        total = trains.new_zeros(trains.shape[2], trains.shape[2])
        defined = torch.zeros_like(total)
        for image in counts.unbind(1):
            varied = image - image.mean(0)
            length = varied.norm(dim=0)
            length = length.where(length > 0, torch.nan)
            unit = varied / length
            correlation = unit.T @ unit
            total += correlation.nan_to_num()
            defined += correlation.isfinite()
        return (total / defined).clamp(-1, 1)


SYNCHRONY: Choices[type[SynchronyMeasure]] = Choices(
    "measure", {"spike-synchronization": SpikeSynchronization, "correlation": BinnedCorrelation}
)
"""Measures of synchrony by name."""


@dataclass(frozen=True, repr=False, eq=False)
class Synchrony(Signal):
    """Synchrony of each pair of `neurons` by `measure`, `matrix` `[n, n]`; NaN where it is not defined."""

    size: ClassVar[tuple[float, float]] = (5.0, 4.2)
    measure: str
    neurons: tuple[int, ...]
    matrix: Tensor

    @property
    def mean(self) -> float:
        """The mean over pairs of different neurons for which it is defined."""
        first, second = torch.triu_indices(len(self.neurons), len(self.neurons), 1)
        return float(self.matrix[first, second].nanmean())

    @property
    def frame(self) -> pd.DataFrame:
        """One row per pair: first, second, synchrony."""
        import pandas as pd

        first, second = torch.triu_indices(len(self.neurons), len(self.neurons), 1)
        names = torch.tensor(self.neurons)
        values = self.matrix[first, second].tolist()
        return pd.DataFrame({"first": names[first].tolist(), "second": names[second].tolist(), "synchrony": values})

    def draw(self, axes: Axes) -> None:
        """Draw the matrix as a heat map; pairs for which it is not defined are grey."""
        from sqnn.metrics import figure_of

        least = -1 if self.measure == BinnedCorrelation.title else 0
        axes.set_facecolor("lightgrey")
        image = axes.imshow(
            self.matrix.numpy(), vmin=least, vmax=1, cmap="coolwarm" if least else "viridis", origin="lower"
        )
        axes.set_xlabel("neuron")
        axes.set_ylabel("neuron")
        figure_of(axes).colorbar(image, ax=axes, label=self.measure)

    def summary(self) -> str:
        """Say by which measure, and the mean over pairs."""
        return f"{self.measure} of {counted(len(self.neurons), 'neuron')}, mean over pairs {self.mean:.3g}"


def synchrony(
    layer: LayerLike, neurons: Neurons = None, *, measure: str | SynchronyMeasure = "spike-synchronization"
) -> Synchrony:
    """Return the synchrony of each pair of neurons over the images of a layer.

    `measure` is a name of SYNCHRONY or a measure with its options, such as `BinnedCorrelation(width=2)`. Raises
    ConfigError on an unknown measure and on more than 2,000 neurons.
    """
    chosen = neuron_indices(layer, neurons, most=MATRIX_MOST)
    made = measure if isinstance(measure, SynchronyMeasure) else SYNCHRONY.pick(measure, error=ConfigError)()
    return Synchrony(
        measure=made.title, neurons=tuple(chosen.tolist()), matrix=made.matrix(binary_trains(layer)[:, :, chosen])
    )


def _intervals_beside(trains: Tensor) -> Tensor:
    """Return the shorter interval beside each spike, `[time, ...]`, the length of the recording where there is none."""
    steps = len(trains)
    before, after = torch.full_like(trains, steps), torch.full_like(trains, steps)
    for interval, order in ((before, range(steps)), (after, range(steps - 1, -1, -1))):
        waited = torch.full_like(trains[0], torch.inf)
        for step in order:
            interval[step] = waited.clamp(max=steps)
            waited = torch.where(trains[step] > 0, 1.0, waited + 1)
    return torch.minimum(before, after)
