"""A map of neurons or images by their spikes, with groups, and the class that each neuron prefers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from sqnn.core import Choices, ConfigError, counted, is_whole, require, require_one_of
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import Labels, LayerLike, binary_trains, classes_of, labels_of, source_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

POINTS = ("neurons", "images")
FEWEST = 4
"""Fewer points than these make no map."""
PERPLEXITY = 30.0
"""Neighbours that t-SNE looks at, where there are enough points (scikit-learn's default)."""


def _principal(features: Tensor, generator: torch.Generator) -> Tensor:
    left, lengths, right = torch.linalg.svd(features - features.mean(0), full_matrices=False)
    # A direction has no sign of its own: the largest weight is positive.
    signs = right.gather(1, right.abs().argmax(1, keepdim=True)).sign().T
    points = left * lengths * signs
    return torch.nn.functional.pad(points[:, :2], (0, max(0, 2 - points.shape[1])))


def _neighbours(features: Tensor, generator: torch.Generator) -> Tensor:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    seed = int(torch.randint(2**31, (), generator=generator))
    # Started at random: points that are all equal have no principal components to start from.
    made = TSNE(perplexity=perplexity, random_state=seed, init="random").fit_transform(features.numpy())
    return torch.from_numpy(made).double()


MAPS: Choices[Callable[[Tensor, torch.Generator], Tensor]] = Choices("method", {"pca": _principal, "tsne": _neighbours})
"""Maps of features `[points, features]` into the plane, `[points, 2]`, by name."""


@dataclass(frozen=True, repr=False, eq=False)
class Embedding(Signal):
    """Points of neurons or images in the plane, `[points, 2]`, and the group `[points]` that each belongs to.

    `silhouette` says how clear the groups are, from -1 to 1, in the space of the spikes. With labels:

    - `preferred` `[neurons]`: the class for which a neuron fires most, -1 for a silent one;
    - `selectivity` `[neurons]`: (most - rest) / (most + rest) of its mean count for that class and over the others, 0
      to 1, NaN for a silent neuron, and for all where the images are of one class.

    Of images, `preferred` are the labels and `selectivity` is None.
    """

    size: ClassVar[tuple[float, float]] = (5.4, 4.4)
    of: str
    method: str
    points: Tensor
    groups: Tensor
    silhouette: float
    preferred: Tensor | None = None
    selectivity: Tensor | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """One row per point: x, y, group, and with labels the class and the selectivity."""
        import pandas as pd

        columns: dict[str, object] = {
            self.of[:-1]: range(len(self.points)),
            "x": self.points[:, 0].tolist(),
            "y": self.points[:, 1].tolist(),
            "group": self.groups.tolist(),
        }
        if self.preferred is not None:
            columns["class"] = self.preferred.tolist()
        if self.selectivity is not None:
            columns["selectivity"] = self.selectivity.tolist()
        return pd.DataFrame(columns)

    def draw(self, axes: Axes) -> None:
        """Draw the points, coloured by class where there are labels, else by group; larger the more selective."""
        colours = self.groups if self.preferred is None else self.preferred
        what = "group" if self.preferred is None else "class"
        for number, value in enumerate(colours.unique().tolist()):
            chosen = colours == value
            selectivity = torch.ones(len(chosen)) if self.selectivity is None else self.selectivity.nan_to_num()
            sizes = (6 + 20 * selectivity[chosen]).tolist()
            name, colour = (f"{what} {value}", f"C{number % 10}") if value >= 0 else ("silent", "lightgrey")
            x, y = self.points[chosen].T.tolist()
            axes.scatter(x, y, s=sizes, color=colour, alpha=0.7, lw=0, label=name)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(frameon=False, fontsize=8, ncols=2)

    def summary(self) -> str:
        """Say of what, and how clear the groups are."""
        groups = counted(len(self.groups.unique()), "group")
        return f"{len(self.points)} {self.of} by {self.method}, {groups}, silhouette {self.silhouette:.2f}"


def embed(
    layer: LayerLike,
    labels: Labels = None,
    *,
    of: str = "neurons",
    method: str = "pca",
    groups: int = 4,
    generator: torch.Generator | None = None,
) -> Embedding:
    """Return a map of neurons, or of images, by their spikes, and groups of them.

    A neuron's features are its mean train for each class, or its trains for all images where there are no labels; an
    image's are the trains of all neurons. `method` is "pca" or "tsne"; groups are by k-means over the features. All
    numbers are drawn from `generator`, by default one with seed 0. Raises ConfigError on fewer than 4 points, and on
    more groups than points.
    """
    require_one_of("of", of, POINTS)
    make = MAPS.pick(method, error=ConfigError)
    trains = binary_trains(layer)
    images = trains.shape[1]
    preferred = selectivity = None
    if of == "images":
        features = trains.permute(1, 0, 2).flatten(1)
        preferred = None if labels is None else labels_of(labels, images)
    elif labels is None:
        features = trains.permute(2, 0, 1).flatten(1)
    else:
        names, members = classes_of(labels, images)
        means = torch.stack([trains[:, each].mean(1) for each in members])  # [classes, time, neurons]
        features = means.permute(2, 0, 1).flatten(1)
        preferred, selectivity = _preferences(torch.tensor(names), means.sum(1))
    points = len(features)
    if points < FEWEST:
        raise ConfigError(f"layer: got {points} {of}, expected at least {FEWEST} to map")
    require(is_whole(groups) and 1 <= groups < points, "groups", groups, f"1 to {points - 1}")
    source = source_of(generator)
    members_of, clear = _grouped(features, int(groups), source)
    return Embedding(
        of=of,
        method=method,
        points=make(features, source),
        groups=members_of,
        silhouette=clear,
        preferred=preferred,
        selectivity=selectivity,
    )


def _preferences(names: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the preferred class and the selectivity of each neuron from mean counts `[classes, neurons]`."""
    most, at = counts.max(0)
    rest = (counts.sum(0) - most) / (len(counts) - 1)  # 0 / 0, NaN, where there is no other class
    silent = most == 0
    selectivity = ((most - rest) / (most + rest)).masked_fill(silent, math.nan)
    return names[at].masked_fill(silent, -1), selectivity


def _grouped(features: Tensor, groups: int, source: torch.Generator) -> tuple[Tensor, float]:
    """Return the group of each point by k-means, and the silhouette; fewer groups where fewer points differ."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    number = min(groups, len(features.unique(dim=0)))
    seed = int(torch.randint(2**31, (), generator=source))
    found = KMeans(number, n_init=10, random_state=seed).fit_predict(features.numpy())
    clear = float(silhouette_score(features.numpy(), found)) if 1 < number < len(features) else math.nan
    return torch.from_numpy(found).long(), clear
