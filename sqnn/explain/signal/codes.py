"""Neural codes: how much a neuron's rate, latency or word says of the label, and how well populations tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import is_whole, require
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import Labels, LayerLike, fired, labels_of, source_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CODES = ("rate", "latency", "word")
WORD_BITS = 62
"""Most steps of a word that one whole number holds."""


@dataclass(frozen=True, repr=False, eq=False)
class NeuralCodes(Signal):
    """Information of the label in bits, `[neurons]`, in the code of each name, and accuracy of a decoder of each.

    `information` is what is left after `chance`, the mean under permuted labels, is taken off; it may be below 0.
    `decoded` is the share of images whose label the nearest class mean of all neurons tells, the image left out.
    `label_entropy` is the most that a code can say, in bits.
    """

    information: dict[str, Tensor]
    chance: dict[str, Tensor]
    decoded: dict[str, float]
    label_entropy: float
    images: int

    @property
    def frame(self) -> pd.DataFrame:
        """One row per code: information of the mean and the best neuron, that neuron, and the decoder's accuracy."""
        import pandas as pd

        return pd.DataFrame(
            {
                "code": list(self.information),
                "mean_bits": [float(bits.mean()) for bits in self.information.values()],
                "best_bits": [float(bits.max()) for bits in self.information.values()],
                "best_neuron": [int(bits.argmax()) for bits in self.information.values()],
                "chance_bits": [float(bits.mean()) for bits in self.chance.values()],
                "decoded": list(self.decoded.values()),
            }
        )

    def draw(self, axes: Axes) -> None:
        """Draw the information of every neuron in each code, the neurons sorted."""
        for number, (code, bits) in enumerate(self.information.items()):
            label = f"{code} (decoded: {self.decoded[code]:.0%})"
            axes.plot(bits.sort(descending=True).values.tolist(), color=f"C{number}", label=label)
        axes.axhline(0, color="grey", lw=0.8)
        axes.set_xlabel("neurons, the most informative first")
        axes.set_ylabel("information of the label (bits)")
        axes.legend(frameon=False, fontsize=8)

    def summary(self) -> str:
        """Say how much of the label's entropy the best neuron has in each code."""
        best = ", ".join(f"{code} {float(bits.max()):.2f}" for code, bits in self.information.items())
        return f"best neuron, bits of {self.label_entropy:.2f}: {best}"

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values."""
        plain = {code: bits.tolist() for code, bits in self.information.items()}
        return {**super().to_dict(), "information": plain, "chance": {k: v.tolist() for k, v in self.chance.items()}}


def neural_codes(
    layer: LayerLike, labels: Labels, *, shuffles: int = 20, generator: torch.Generator | None = None
) -> NeuralCodes:
    """Return what spike counts ("rate"), steps of first spikes ("latency") and whole trains ("word") say of the label.

    Information is the plug-in estimate, which is too large for few images, less its mean over `shuffles` permutations
    of the labels. Counts and latencies are functions of the word, so that the plug-in estimate of the word is never
    below theirs; less chance, it is too small where images are few. Permutations are drawn from `generator`, by default
    one with seed 0.

    Source: Panzeri et al., J. Neurophysiol. 98 (2007), on the bias.
    """
    trains = fired(layer)
    known = labels_of(labels, trains.shape[1])
    first = trains.int().argmax(0).masked_fill(~trains.any(0), len(trains))
    coded = {"rate": trains.sum(0), "latency": first, "word": _words(trains)}
    vectors = {"rate": coded["rate"], "latency": first, "word": trains.permute(1, 0, 2).flatten(1)}
    permuted = permuted_labels(known, shuffles, generator)
    chance = {code: information_by_chance(values, permuted) for code, values in coded.items()}
    return NeuralCodes(
        information={code: mutual_information(values, known) - chance[code] for code, values in coded.items()},
        chance=chance,
        decoded={code: _decoded(values.double(), known) for code, values in vectors.items()},
        label_entropy=float(_entropies(known[:, None])),
        images=len(known),
    )


def mutual_information(values: Tensor, labels: Tensor) -> Tensor:
    """Return the plug-in mutual information `[neurons]`, in bits, of whole numbers `[images, neurons]` and labels.

    I = H(values) + H(labels) - H(values, labels), from the frequencies of what occurs. Labels are `[images]`.
    """
    _, known = labels.unique(return_inverse=True)
    _, distinct = values.unique(return_inverse=True)
    joint = distinct * (int(known.max()) + 1) + known[:, None]
    return (_entropies(distinct) + _entropies(known[:, None]) - _entropies(joint)).clamp(min=0)


def permuted_labels(labels: Tensor, shuffles: int, generator: torch.Generator | None) -> list[Tensor]:
    """Return the labels in `shuffles` drawn orders; ConfigError unless there is at least one."""
    require(is_whole(shuffles) and shuffles >= 1, "shuffles", shuffles, "a whole number of at least 1")
    source = source_of(generator)
    return [labels[torch.randperm(len(labels), generator=source)] for _ in range(shuffles)]


def information_by_chance(values: Tensor, permuted: list[Tensor]) -> Tensor:
    """Return the mean plug-in information `[neurons]` of labels that do not belong to the values."""
    return torch.stack([mutual_information(values, labels) for labels in permuted]).mean(0)


def _entropies(values: Tensor) -> Tensor:
    """Return the entropy in bits of each column of whole numbers `[images, columns]` of at least 0."""
    columns = values.shape[1]
    keys, numbers = (values * columns + torch.arange(columns)).flatten().unique(return_counts=True)
    share = numbers.double() / len(values)
    return (keys % columns).bincount(-share * share.log2(), minlength=columns)


def _words(trains: Tensor) -> Tensor:
    """Return a whole number `[images, neurons]` for each train `[time, images, neurons]`, equal for equal trains."""
    if len(trains) <= WORD_BITS:
        return (trains.long() << torch.arange(len(trains))[:, None, None]).sum(0)
    rows = trains.permute(1, 2, 0)
    _, number = rows.flatten(0, 1).unique(dim=0, return_inverse=True)
    return number.view(rows.shape[:2])


def _decoded(vectors: Tensor, labels: Tensor) -> float:
    """Return the share of `[images, features]` that is nearest to the mean of its own class, itself left out.

    An image that is alone in its class is never told right.
    """
    present, known = labels.unique(return_inverse=True)
    members = torch.nn.functional.one_hot(known, len(present)).double()
    number = members.sum(0)
    means = members.T @ vectors / number[:, None]
    distances = torch.cdist(vectors, means, compute_mode="donot_use_mm_for_euclid_dist")
    own = number[known]
    # Without itself, the mean of its own class lies further away by n / (n - 1).
    scale = torch.where(own > 1, own / (own - 1), torch.inf)
    images = torch.arange(len(vectors))
    nearest = torch.where(own > 1, distances[images, known] * scale, torch.inf)
    distances[images, known] = torch.inf
    # A tie is no right answer: classes that no feature tells apart would otherwise all be told.
    return float((nearest < distances.amin(1)).double().mean())
