"""Interchange interventions: whether a tree answers as the network does after features are swapped between images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sqnn.core import counted, require, whole
from sqnn.data import Split
from sqnn.explain.behaviour.features import Feature, measured
from sqnn.explain.behaviour.interventions import (
    Change,
    Tabled,
    changed_angles,
    changed_expectations,
    changed_spikes,
    spikes_and_head,
)
from sqnn.explain.behaviour.rules import Rules
from sqnn.explain.behaviour.tree import Tree
from sqnn.explain.recording import SpikeRecord
from sqnn.metrics import wilson_interval
from sqnn.models import HasNetwork, network_of, require_network

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Interchange(Tabled):
    """What comes of swapping features between pairs of images, in the network and in its tree or rules.

    All are [pairs]: `before` and `after` are the network's answers to the first image of each pair without and with the
    features of the second; `distilled` those of the tree with them, `unchanged` those of the tree without. `swapped`
    are positions among `features`, the first one of those that were swapped.
    """

    features: tuple[Feature, ...]
    swapped: Tensor
    before: Tensor
    after: Tensor
    distilled: Tensor
    unchanged: Tensor

    @property
    def accuracy(self) -> float:
        """Interchange accuracy: the share of pairs for which tree and network answer alike after the swap."""
        return float((self.after == self.distilled).double().mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % Wilson interval of the interchange accuracy."""
        return wilson_interval(self.accuracy, len(self.after))

    @property
    def baseline(self) -> float:
        """The accuracy of a tree that takes no notice of the swap."""
        return float((self.after == self.unchanged).double().mean())

    @property
    def changed(self) -> float:
        """The share of pairs for which the swap changes the network's answer."""
        return float((self.before != self.after).double().mean())

    @property
    def changed_accuracy(self) -> float | None:
        """The interchange accuracy over those pairs alone; None where no swap changes the network's answer."""
        changes = self.before != self.after
        return float((self.after == self.distilled)[changes].double().mean()) if changes.any() else None

    @property
    def frame(self) -> pd.DataFrame:
        """One row per feature: pairs, interchange accuracy, share of answers that the swap changes, baseline."""
        import pandas as pd

        rows = []
        for number, feature in enumerate(self.features):
            pairs = self.swapped == number
            shares = (self.after == self.distilled, self.before != self.after, self.after == self.unchanged)
            rows.append((feature.name, int(pairs.sum()), *(float(s[pairs].double().mean()) for s in shares)))
        return pd.DataFrame(rows, columns=["feature", "pairs", "accuracy", "changed", "baseline"])

    def to_dict(self) -> dict[str, object]:
        """Return the shares as plain values."""
        names = ("accuracy", "baseline", "changed", "changed_accuracy")
        return {"pairs": len(self.after), **{name: getattr(self, name) for name in names}}

    def __repr__(self) -> str:
        low, high = self.interval
        among = "" if self.changed_accuracy is None else f", of these {self.changed_accuracy:.1%}"
        return (
            f"Interchange({counted(len(self.after), 'pair')}: accuracy {self.accuracy:.1%} (95 % interval {low:.1%} to "
            f"{high:.1%}; taking no notice {self.baseline:.1%}); the swap changes {self.changed:.1%} of the answers"
            f"{among})"
        )


def interchange(
    model: nn.Module | HasNetwork,
    distilled: Tree | Rules,
    images: Split,
    pairs: int = 1000,
    *,
    together: int = 1,
    generator: torch.Generator | None = None,
) -> Interchange:
    """Swap features of pairs of images in a network, and compare its answers with those of its tree or rules.

    What a feature is measured on (the spikes of a channel in a window or region, an angle) takes in the first image the
    values of the second; the network goes on from there, and the tree answers from the features of that very pass. Each
    feature that it asks of is swapped equally often, alone or with `together` - 1 others, at least `pairs` times in
    all. Pairs and others are drawn from `generator`, by default one of a fixed seed.

    Raises ConfigError where the tree asks nothing, `together` exceeds its features, or there are fewer than two images.

    Source: interchange interventions, Geiger et al., "Causal abstractions of neural networks", NeurIPS 2021.
    """
    network = require_network(network_of(model))
    require(isinstance(distilled, Tree | Rules), "distilled", distilled, "a tree or rules, as sqnn.distil makes")
    features = distilled.features
    require(len(features) > 0, "distilled", distilled, "one that asks of features: it gives every image one answer")
    require(isinstance(images, Split) and len(images) > 1, "images", images, "a part of a data set with two images")
    together = whole("together", together)
    require(together <= len(features), "together", together, f"1 to {len(features)}, the features that are asked of")
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    each = math.ceil(whole("pairs", pairs) / len(features))
    columns: list[list[Tensor]] = [[] for _ in range(5)]
    for number in range(len(features)):
        first, second = torch.randint(len(images), (2, each), generator=generator)
        others = torch.randperm(len(features), generator=generator).tolist()
        chosen = [number, *(other for other in others if other != number)][:together]
        bases, sources = images.floats(first), images.floats(second)
        plain = spikes_and_head(network, bases)
        with swapped(network, [features[one] for one in chosen], spikes_and_head(network, sources)):
            after = spikes_and_head(network, bases)
        values = (
            torch.full((each,), number),
            plain.predictions,
            after.predictions,
            distilled.answers(measured(features, after)),
            distilled.answers(measured(features, plain)),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return Interchange(features, *(torch.cat(column) for column in columns))


@contextmanager
def swapped(model: nn.Module, features: Sequence[Feature], source: SpikeRecord) -> Iterator[None]:
    """Within the block, what these features are measured on has the values of a record of as many images."""
    with ExitStack() as changes:
        for feature in features:
            changes.enter_context(_swap(model, feature, source))
        yield


def _swap(model: nn.Module, feature: Feature, source: SpikeRecord) -> ExitStack:
    stack = ExitStack()
    if feature.layer is None:
        assert source.head is not None
        angles = feature.kind == "angles"
        change = _columns(feature.units, source.head.angles if angles else source.head.expectations)
        stack.enter_context((changed_angles if angles else changed_expectations)(model, change))
        return stack
    layer = source[feature.layer]
    stack.enter_context(changed_spikes(model, feature.layer, _cells(feature, layer.spikes)))
    return stack


def _columns(units: Sequence[int], values: Tensor) -> Change:
    def change(given: Tensor) -> Tensor:
        new = given.clone()
        # Before all images, a record runs the first one alone, to tell how much memory it will take.
        new[:, list(units)] = values[: len(given), list(units)].to(given)
        return new

    return change


def _cells(feature: Feature, spikes: Tensor) -> Change:
    def change(given: Tensor) -> Tensor:
        new = given.clone()
        for cells in feature.cells(len(spikes)):
            new[cells] = spikes[:, : given.shape[1]][cells].to(given)
        return new

    return change
