"""One verb for all simpler models that a network is distilled into."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sqnn.core import Choices, Config, ConfigError, option, require
from sqnn.data import ImageData, Split, require_image_data
from sqnn.explain.behaviour.agreement import Agreement
from sqnn.explain.behaviour.features import FEATURES, Feature, FeatureTable, kinds_in, named_features
from sqnn.explain.behaviour.rules import Rules, first_answers, shorten
from sqnn.explain.behaviour.state_graph import StateGraph, state_graph
from sqnn.explain.behaviour.tree import Node, Tree, grow, leaf_of, ways
from sqnn.explain.recording import record
from sqnn.models import HasNetwork, network_of, require_network

if TYPE_CHECKING:
    from collections.abc import Mapping

VOCABULARIES = (
    ("angles",),
    ("counts",),
    ("counts", "windows", "latency"),
    ("counts", "regions"),
    ("counts", "regions", "angles"),
)
"""Sets of features that are tried where none is named; the best on validation images is kept."""


@dataclass(frozen=True, kw_only=True)
class Distillation(Config):
    """Base of the ways to distil a network: its fields are the options of `sqnn.distil`."""

    @abstractmethod
    def distil(self, model: nn.Module, data: ImageData, generator: torch.Generator) -> Tree | Rules | StateGraph:
        """Return what the network is distilled into."""


@dataclass(frozen=True, kw_only=True)
class TreeDistillation(Distillation):
    """A decision tree over named features of spikes."""

    leaves: int = option(64, "most leaves of the tree", least=2)
    features: tuple[str, ...] = option(
        (),
        "kinds of features; where none is named, the set of them that does best on validation images",
        among=FEATURES,
    )
    layers: tuple[str, ...] | None = option(None, "layers of neurons whose spikes are looked at (default: all)")
    images: int | None = option(None, "most training images that the tree is grown on (default: all)", least=1)

    def validate(self) -> None:
        super().validate()
        require(len(set(self.features)) == len(self.features), "features", self.features, "each kind once")

    def distil(self, model: nn.Module, data: ImageData, generator: torch.Generator) -> Tree | Rules | StateGraph:
        grown = self.grown(model, data, generator)
        told = torch.tensor([node.answer for node in grown.nodes])[leaf_of(grown.nodes, grown.test.values)]
        agreement = Agreement(grown.test.answers, told, grown.test.labels, data.classes)
        return Tree(grown.features, grown.nodes, data.classes, agreement, grown.tried)

    def grown(self, model: nn.Module, data: ImageData, generator: torch.Generator) -> Grown:
        """Return the tree that does best on validation images (training images where there are none)."""
        require(len(data.test) > 0, "data", data, "one with test images, on which the fidelity is measured")
        sets = [self.features]
        if not self.features:
            one = record(model, data.train.floats(slice(1)), layers=self.layers, membranes=False, currents=False)
            present = kinds_in(one)
            sets = [some for some in VOCABULARIES if set(some) <= set(present)] or [VOCABULARIES[0]]
        kinds = tuple(dict.fromkeys(kind for some in sets for kind in some))
        first = data.train if self.images is None else data.train.take(slice(self.images))

        def table(images: Split, kinds: tuple[str, ...]) -> FeatureTable:
            return named_features(model, images, kinds, self.layers, generator.clone_state())

        train = table(first, kinds)
        judge = table(data.validation, kinds) if len(data.validation) and len(sets) > 1 else train
        tried, trees = {}, {}
        for some in sets:
            features, nodes = grow(train.of_kinds(some), self.leaves, data.num_classes)
            told = torch.tensor([node.answer for node in nodes])[leaf_of(nodes, judge.columns(features))]
            name = " + ".join(some)
            tried[name] = float((told == judge.answers).double().mean())
            trees[name] = (features, nodes)
        features, nodes = trees[max(tried, key=lambda name: tried[name])]
        test = table(data.test, tuple(dict.fromkeys(feature.kind for feature in features)) or kinds)
        return Grown(features, nodes, tried, train.only(features), test.only(features))


@dataclass(frozen=True, eq=False)
class Grown:
    """A tree, the sets of features that were tried with their fidelity (see Tree), and tables of what it asks of."""

    features: tuple[Feature, ...]
    nodes: tuple[Node, ...]
    tried: Mapping[str, float]
    train: FeatureTable
    test: FeatureTable


@dataclass(frozen=True, kw_only=True)
class RulesDistillation(TreeDistillation):
    """Rules in words, shortened from the ways to the leaves of a tree."""

    def distil(self, model: nn.Module, data: ImageData, generator: torch.Generator) -> Tree | Rules | StateGraph:
        grown = self.grown(model, data, generator)
        train, test = grown.train, grown.test
        leaves = [(way, grown.nodes[leaf].answer) for leaf, way in ways(grown.features, grown.nodes)]
        rules, default = shorten(leaves, grown.features, train.values, train.answers)
        told = first_answers(grown.features, rules, default, test.values)
        agreement = Agreement(test.answers, told, test.labels, data.classes)
        return Rules(grown.features, rules, default, data.classes, agreement)


@dataclass(frozen=True, kw_only=True)
class StatesDistillation(Distillation):
    """A graph of the states that the membranes of a layer go through."""

    layer: str | None = option(None, "layer of neurons whose membranes are clustered (default: the last)")
    states: int = option(12, "most states", least=1)
    images: int = option(1000, "most training images, and most test images", least=1)

    def distil(self, model: nn.Module, data: ImageData, generator: torch.Generator) -> Tree | Rules | StateGraph:
        return state_graph(model, data, self.layer, self.states, self.images, generator)


DISTILLATIONS: Choices[type[Distillation]] = Choices(
    "into", {"tree": TreeDistillation, "rules": RulesDistillation, "states": StatesDistillation}
)
"""What a network can be distilled into, by name."""


def distil(
    model: nn.Module | HasNetwork,
    data: ImageData,
    into: str = "tree",
    *,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Tree | Rules | StateGraph:
    """Distil a network, or that of a run, into a simpler model that answers as it does: tree, rules or states.

    The simpler model is made on training images, features are chosen on validation images (training images where there
    are none), and `agreement` (fidelity and where the two disagree) is that on the test images. `options` are fields of
    TreeDistillation, RulesDistillation and StatesDistillation. Random numbers (of random encoders, and of the clusters)
    come from `generator`, by default one of a fixed seed.

    Raises ConfigError on an unknown name or option, and where a network has nothing to look at.

    >>> tree = sqnn.distil(run, data, into="tree", leaves=16)
    >>> tree.fidelity, print(tree.text)
    """
    network = require_network(network_of(model))
    how = DISTILLATIONS.pick(into, error=ConfigError).from_dict(options)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    return how.distil(network, require_image_data(data), generator)
