"""Temporal motifs: spike words that occur more often than in shuffled trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted, is_whole, require
from sqnn.explain.signal.nulls import NULLS
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import LayerLike, Neurons, fired, neuron_indices, source_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WORD_BITS = 62
"""Most neurons times steps of a word."""


@dataclass(frozen=True, repr=False, eq=False)
class Motifs(Signal):
    """The most frequent words that are not silent, `words` `[words, length, n]` in bool, and how often they occur.

    `counts`, and of the same words in shuffled trains the mean `expected`, the standard deviation `deviation` and the
    largest `p` value of seeing so many by chance, (1 + shuffles with as many) / (1 + shuffles); each `[words]`, not
    corrected for their number. `places` are all places where a word can begin.
    """

    words: Tensor
    counts: Tensor
    expected: Tensor
    deviation: Tensor
    p: Tensor
    places: int
    null: str

    @property
    def names(self) -> list[str]:
        """Each word as text: the steps of a neuron in order, neurons parted by bars."""
        return ["|".join("".join("01"[bit] for bit in train) for train in word.T.int().tolist()) for word in self.words]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per word: word, count, expected, z (NaN where no shuffle varies), p."""
        import pandas as pd

        return pd.DataFrame(
            {
                "word": self.names,
                "count": self.counts.tolist(),
                "expected": self.expected.tolist(),
                "z": ((self.counts - self.expected) / self.deviation.where(self.deviation > 0, torch.nan)).tolist(),
                "p": self.p.tolist(),
            }
        )

    def draw(self, axes: Axes) -> None:
        """Draw how often each word occurs, and beside it how often in shuffled trains."""
        rows = range(len(self.counts))
        axes.barh([row - 0.2 for row in rows], self.counts.tolist(), height=0.4, color="C0", label="seen")
        axes.barh(
            [row + 0.2 for row in rows],
            self.expected.tolist(),
            xerr=self.deviation.tolist(),
            height=0.4,
            color="lightgrey",
            label=f"shuffled ({self.null})",
        )
        axes.set_yticks(list(rows), self.names, family="monospace", fontsize=7)
        axes.invert_yaxis()
        axes.set_xlabel("occurrences")
        axes.legend(frameon=False, fontsize=8)

    def summary(self) -> str:
        """Say how many words there are, and how many are more frequent than in all shuffles."""
        rare = int((self.p <= self.p.min()).sum()) if len(self.p) else 0
        least = f"{rare} at the least p of {float(self.p.min()):.3g}" if rare else "no spike"
        return f"{counted(len(self.counts), 'word')} at {counted(self.places, 'place')}, null {self.null!r}: {least}"


def spike_motifs(
    layer: LayerLike,
    neurons: Neurons = None,
    *,
    length: int = 3,
    null: str = "steps",
    shuffles: int = 100,
    most: int = 20,
    generator: torch.Generator | None = None,
) -> Motifs:
    """Return the most frequent spike words of `length` steps, compared with shuffled trains.

    A word is what one neuron does in `length` steps one after the other, counted over all neurons; with `neurons`, what
    these do together, at most 62 bits. `null` names what is shuffled: "steps" of each train, a "shift" of each train,
    or the "images" of each neuron. The shuffles are drawn from `generator`, by default one with seed 0. A silent
    network has no words.
    """
    for name, value in (("length", length), ("shuffles", shuffles), ("most", most)):
        require(is_whole(value) and value >= 1, name, value, "a whole number of at least 1")
    shuffle = NULLS.pick(null, error=ConfigError)
    trains = fired(layer)
    require(length <= len(trains), "length", length, f"at most {len(trains)}, the steps of the recording")
    together = 1
    if neurons is not None:
        chosen = neuron_indices(layer, neurons)
        together, trains = len(chosen), trains[:, :, chosen]
    if together * length > WORD_BITS:
        raise ConfigError(
            f"length: got {length} steps of {together} neurons, expected words of at most {WORD_BITS} bits"
        )
    joint = neurons is not None
    words, counts = _words(trains, length, joint).unique(return_counts=True)
    words, counts = words[words > 0], counts[words > 0]
    kept = counts.argsort(descending=True, stable=True)[:most]
    words, counts = words[kept], counts[kept].double()
    source = source_of(generator)
    shuffled = torch.stack(
        [_occurrences(words, _words(shuffle(trains, source), length, joint)) for _ in range(shuffles)]
    )
    bits = (words[:, None] >> torch.arange(length * together)) & 1
    return Motifs(
        words=bits.view(-1, length, together).bool(),
        counts=counts,
        expected=shuffled.mean(0),
        deviation=(shuffled - shuffled.mean(0)).square().mean(0).sqrt(),
        p=(1 + (shuffled >= counts).sum(0)) / (1 + shuffles),
        places=trains.shape[1] * (len(trains) - length + 1) * (1 if joint else trains.shape[2]),
        null=null,
    )


def _words(trains: Tensor, length: int, joint: bool) -> Tensor:
    """Return each word as a whole number, flat; bit `step * neurons + neuron` is that neuron's spike at that step."""
    neurons = trains.shape[2]
    steps = (trains.long() << torch.arange(neurons)).sum(2) if joint else trains.long()
    width = neurons if joint else 1
    words = torch.zeros_like(steps[: len(steps) - length + 1])
    for step in range(length):
        words |= steps[step : step + len(words)] << (step * width)
    return words.flatten()


def _occurrences(words: Tensor, among: Tensor) -> Tensor:
    """Return how often each of `words` occurs, `[words]`."""
    found, numbers = among.unique(return_counts=True)
    at = torch.searchsorted(found, words).clamp(max=len(found) - 1)
    return torch.where(found[at] == words, numbers[at], 0).double()
