"""The states that a layer goes through: clusters of its membranes, and how they follow each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sqnn.core import ConfigError, counted
from sqnn.data import ImageData, Split, cut
from sqnn.explain.behaviour.agreement import Agreement
from sqnn.explain.recording import SpikeRecord, record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AT_ONCE = 250
"""Images that are recorded together."""
SHOWN = 0.05
"""Share of the moves from a state below which a drawing leaves them out."""


@dataclass(frozen=True, eq=False, repr=False)
class StateGraph:
    """Clusters of the membranes of a `layer` as states, and the moves between them, step after step.

    `centres` [states, units] are mean membranes of channels or neurons; states are numbered by how often training
    images are in them. `moves` [states, states] counts steps of training images from one state to the next one, `ends`
    [states, classes] the network's answers to images that are in a state at the last step. On images that it was not
    made from, `next_accuracy` is the share of steps whose next state is the most frequent one after the state before;
    `next_baseline` that of always the most frequent state, `stay` that of no move at all (all None where there is one
    step alone). `agreement` compares the most frequent answer of the last state with the network's.
    """

    layer: str
    centres: Tensor
    moves: Tensor
    ends: Tensor
    next_accuracy: float | None
    next_baseline: float | None
    stay: float | None
    classes: tuple[str, ...]
    agreement: Agreement

    @property
    def fidelity(self) -> float:
        """The share of images whose last state tells the network's answer."""
        return self.agreement.fidelity

    @property
    def states(self) -> int:
        """How many states there are."""
        return len(self.centres)

    def states_of(self, record: SpikeRecord) -> Tensor:
        """Return the state at each step, [time, images], of a record with membranes; ConfigError without these."""
        return nearest(vectors_of(record, self.layer), self.centres)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per move that was seen: from, to, count, and its share of the moves from there."""
        import pandas as pd

        total = self.moves.sum(1).clamp(min=1)
        rows = [
            (i, j, int(self.moves[i, j]), float(self.moves[i, j] / total[i])) for i, j in self.moves.nonzero().tolist()
        ]
        return pd.DataFrame(rows, columns=["state", "next", "count", "share"])

    @property
    def text(self) -> str:
        """Each state with its most frequent next one and the answer that it stands for at the end."""
        lines = []
        for state in range(self.states):
            moves, ends = self.moves[state], self.ends[state]
            then = (
                f"then {int(moves.argmax())} ({float(moves.max() / moves.sum()):.0%})" if moves.any() else "never left"
            )
            end = f"at the end {self.classes[int(ends.argmax())]} ({float(ends.max() / ends.sum()):.0%})"
            lines.append(f"state {state}: {then}; {end if ends.any() else 'never the last'}")
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the states on a circle with the answers of their last steps, and the moves of a share of 5 % or more."""
        from circuits.plotting import panel

        figure, axes = panel(ax, (5.5, 5.5), f"states of {self.layer}")
        turn = [2 * math.pi * state / self.states for state in range(self.states)]
        places = [(math.sin(angle), math.cos(angle)) for angle in turn]
        shares = self.moves / self.moves.sum(1, keepdim=True).clamp(min=1)
        for i, j in (shares >= SHOWN).nonzero().tolist():
            if i != j:
                curve = {"connectionstyle": "arc3,rad=0.15", "shrinkA": 12, "shrinkB": 12}
                arrow = {"arrowstyle": "->", "lw": 2.5 * float(shares[i, j]), "color": "C0", **curve}
                axes.annotate("", places[j], places[i], arrowprops=arrow)
        for state, (x, y) in enumerate(places):
            answer = self.classes[int(self.ends[state].argmax())] if self.ends[state].any() else "-"
            box = {"boxstyle": "circle", "fc": "white", "ec": "C0"}
            axes.text(x, y, f"{state}\n{answer}", ha="center", va="center", fontsize=7, bbox=box)
        axes.set_xlim(-1.3, 1.3)
        axes.set_ylim(-1.3, 1.3)
        axes.axis("off")
        return figure

    def to_dict(self) -> dict[str, object]:
        """Return counts, shares and agreement as plain values."""
        shares = ("next_accuracy", "next_baseline", "stay")
        return {
            "layer": self.layer,
            "centres": self.centres.tolist(),
            "moves": self.moves.tolist(),
            "ends": self.ends.tolist(),
            **{name: getattr(self, name) for name in shares},
            "classes": list(self.classes),
            "agreement": self.agreement.to_dict(),
        }

    def __repr__(self) -> str:
        following = "one step"
        if self.next_accuracy is not None:
            following = (
                f"next state {self.next_accuracy:.1%} (most frequent {self.next_baseline:.1%}, no move {self.stay:.1%})"
            )
        return f"StateGraph({self.layer}, {counted(self.states, 'state')}: {following}; answer: {self.agreement})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p><pre>{escape(self.text)}</pre>"


def state_graph(
    model: nn.Module, data: ImageData, layer: str | None, states: int, images: int, generator: torch.Generator
) -> StateGraph:
    """Cluster the membranes of a layer (the last by default) on training images, and test on the test images.

    Of a convolutional layer, the means over the plane of each channel are clustered. `images` are the most of either
    part. Random encoders draw from `generator`, the same numbers for either part, after a seed for the first centres of
    k-means.
    """
    from sklearn.cluster import KMeans

    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    if not len(data.test):
        raise ConfigError("data: got no test image, expected some to measure on")
    splits = [split.take(slice(min(images, len(split)))) for split in (data.train, data.test)]
    parts = [_seen(model, split, layer, generator.clone_state()) for split in splits]
    name, points, answers = parts[0]
    _, tested, answered = parts[1]
    flat = points.flatten(0, 1).double()
    distinct = len(flat.unique(dim=0))
    clusters = KMeans(min(states, distinct), n_init=3, random_state=seed).fit(flat.numpy())
    centres = torch.from_numpy(clusters.cluster_centers_)
    often = nearest(points, centres).flatten().bincount(minlength=len(centres))
    centres = centres[often.argsort(descending=True, stable=True)]
    train, test = nearest(points, centres), nearest(tested, centres)
    number = len(centres)
    moves = pairs(train[:-1], train[1:], (number, number))
    ends = pairs(train[-1], answers, (number, data.num_classes))
    following = (None, None, None)
    if len(train) > 1:
        # A state that training images never leave is followed by the one that is most frequent of all.
        then = torch.where(moves.any(1), moves.argmax(1), moves.sum(0).argmax())
        guesses = (then[test[:-1]], moves.sum(0).argmax(), test[:-1])
        following = tuple(float((test[1:] == guess).double().mean()) for guess in guesses)  # type: ignore[assignment]
    told = torch.where(ends.any(1), ends.argmax(1), ends.sum(0).argmax())[test[-1]]
    labels = data.test.labels[: len(answered)]
    return StateGraph(
        name, centres, moves, ends, *following, data.classes, Agreement(answered, told, labels, data.classes)
    )


def _seen(model: nn.Module, split: Split, layer: str | None, generator: torch.Generator) -> tuple[str, Tensor, Tensor]:
    """Return the layer, its membranes [time, images, units] and the answers [images] of a split."""
    vectors, answers, name = [], [], layer
    for part in _recorded(model, split, layer, generator):
        name = next(reversed(list(part.layers)), None) if layer is None else layer
        if name is None:
            raise ConfigError("model: got a network without spiking neurons, expected one whose membranes have states")
        vectors.append(vectors_of(part, name))
        answers.append(part.predictions)
    assert name is not None
    return name, torch.cat(vectors, 1), torch.cat(answers)


def _recorded(model: nn.Module, split: Split, layer: str | None, generator: torch.Generator) -> Iterator[SpikeRecord]:
    for index in cut(torch.arange(len(split)), AT_ONCE):
        yield record(
            *(model, split.floats(index)),
            layers=None if layer is None else [layer],
            currents=False,
            bloch=False,
            batch_size=len(index),
            generator=generator,
        )


def vectors_of(record: SpikeRecord, layer: str) -> Tensor:
    """Return the membranes of a layer, [time, images, units], means over the plane of each channel."""
    membranes = record[layer].membranes
    if membranes is None:
        raise ConfigError(f"layer: got {layer}, which shows no membranes, expected one that does (of LIF or IF)")
    units = membranes.flatten(3).mean(3) if membranes.ndim > 3 else membranes.flatten(2)
    return units.double()


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """Return the number of the nearest centre [states, units] of points [..., units]."""
    return torch.cdist(points.flatten(0, -2), centres).argmin(1).view(points.shape[:-1])


def pairs(first: Tensor, second: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return how often each pair of numbers occurs, of `shape`."""
    return torch.bincount(first.flatten() * shape[1] + second.flatten(), minlength=shape[0] * shape[1]).view(shape)
