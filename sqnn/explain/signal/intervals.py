"""Intervals between spikes, and how irregular they are: CV, CV2 and the Fano factor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import counted
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import Labels, LayerLike, classes_of, fired

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Intervals(Signal):
    """Intervals between spikes in steps, `lengths` `[intervals]`, with the `images` and `neurons` they belong to.

    - `cv` `[batch, neurons]`: standard deviation (population) per mean of a train's intervals.
    - `cv2` `[batch, neurons]`: mean of 2 |a - b| / (a + b) over a train's neighbouring intervals.
    - `fano` `[groups, neurons]`: variance (population) per mean of spike counts over the images of a group: those of a
      class of `groups`, or all images where there are no labels.

    NaN where a value is not defined: CV and CV2 of fewer than two intervals, Fano factors of a silent neuron.
    """

    lengths: Tensor
    images: Tensor
    neurons: Tensor
    cv: Tensor
    cv2: Tensor
    fano: Tensor
    groups: tuple[int, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per neuron: its intervals, their mean; CV and CV2, mean over images; Fano factor, mean of groups."""
        import pandas as pd

        number = self.neurons.bincount(minlength=self.cv.shape[1])
        total = self.neurons.bincount(self.lengths.double(), minlength=self.cv.shape[1])
        return pd.DataFrame(
            {
                "neuron": range(self.cv.shape[1]),
                "intervals": number.tolist(),
                "mean": (total / number).tolist(),
                "cv": self.cv.nanmean(0).tolist(),
                "cv2": self.cv2.nanmean(0).tolist(),
                "fano": self.fano.nanmean(0).tolist(),
            }
        )

    def draw(self, axes: Axes) -> None:
        """Draw how often each length occurs."""
        numbers = self.lengths.bincount(minlength=2)[1:].tolist()
        axes.bar(range(1, len(numbers) + 1), numbers, width=0.9, color="C0")
        axes.set_xlabel("interval (steps)")
        axes.set_ylabel("intervals")

    def summary(self) -> str:
        """Say how many intervals there are, and their mean irregularity."""
        middle = [f"{name} {float(getattr(self, name).nanmean()):.3g}" for name in ("cv", "cv2", "fano")]
        return f"{counted(len(self.lengths), 'interval')}, mean {', '.join(middle)}"


def spike_intervals(layer: LayerLike, labels: Labels = None) -> Intervals:
    """Return the intervals between the spikes of each neuron within each image, and measures of their irregularity.

    Source: Holt et al., J. Neurophysiol. 75 (1996), for CV2; Fano factors count over images, which with labels are
    those of one class each, since classes differ in rate.
    """
    trains = fired(layer)
    images, neurons = trains.shape[1:]
    image, neuron, step = trains.permute(1, 2, 0).nonzero().unbind(1)
    train = image * neurons + neuron
    within = train.diff() == 0
    lengths, owner = step.diff()[within], train[1:][within]
    mean = _means(lengths.double(), owner, images * neurons)
    spread = _means((lengths - mean[owner]) ** 2, owner, images * neurons).sqrt()
    several = owner.bincount(minlength=images * neurons) > 1
    first, second = lengths[:-1].double(), lengths[1:].double()
    pair = owner.diff() == 0
    unlike = (2 * (first - second).abs() / (first + second))[pair]
    groups: tuple[int, ...]
    if labels is None:
        groups, members = (0,), torch.ones(1, images, dtype=torch.bool)
    else:
        groups, members = classes_of(labels, images)
    counts = trains.sum(0).double()
    return Intervals(
        lengths=lengths,
        images=owner // neurons,
        neurons=owner % neurons,
        cv=(spread / mean).where(several, math.nan).view(images, neurons),
        cv2=_means(unlike, owner[1:][pair], images * neurons).view(images, neurons),
        fano=torch.stack([counts[each].var(0, correction=0) / counts[each].mean(0) for each in members]),
        groups=groups,
    )


def _means(values: Tensor, owner: Tensor, owners: int) -> Tensor:
    """Return the mean of the values of each owner, NaN where it has none."""
    return owner.bincount(values, minlength=owners) / owner.bincount(minlength=owners)
