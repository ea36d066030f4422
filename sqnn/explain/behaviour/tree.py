"""A decision tree over named spike features that answers as a network does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import counted
from sqnn.explain.behaviour.agreement import Agreement
from sqnn.explain.behaviour.features import Feature, FeatureTable, measured
from sqnn.explain.recording import SpikeRecord

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORDED = 3
"""Levels of a drawn tree whose questions are written out."""


@dataclass(frozen=True)
class Condition:
    """What is asked of one feature: that it exceeds `above` and is at most `most`."""

    feature: Feature
    above: float = -math.inf
    most: float = math.inf

    def holds(self, values: Tensor) -> Tensor:
        """Say for each value whether it fulfils the condition."""
        exact = values.double()  # a float32 tensor would round the bounds
        return (exact > self.above) & (exact <= self.most)

    def __str__(self) -> str:
        return self.feature.words(self.above, self.most)


@dataclass(frozen=True)
class Node:
    """A question, whether `feature` is at most `threshold` (then `low`, else `high`), or a leaf, without a feature.

    `counts` are the training images that come here, by the network's answer; the most frequent one is the node's.
    """

    counts: tuple[int, ...]
    feature: int | None = None
    threshold: float = 0.0
    low: int = 0
    high: int = 0

    @property
    def answer(self) -> int:
        """The most frequent answer of the network here."""
        return self.counts.index(max(self.counts))


@dataclass(frozen=True)
class Verdict:
    """Why a tree answers one image as it does: the conditions on the way to its leaf, and both answers.

    `purity` is the share of training images of this leaf that the network answered so.
    """

    conditions: tuple[Condition, ...]
    answer: str
    network: str
    purity: float

    @property
    def agrees(self) -> bool:
        """Whether the network answers as the tree does."""
        return self.answer == self.network

    def __str__(self) -> str:
        reasons = "; ".join(map(str, self.conditions)) or "always"
        verdict = "the network says so too" if self.agrees else f"the network says {self.network}"
        return f"{reasons}: {self.answer} ({self.purity:.0%} of such training images), {verdict}"


@dataclass(frozen=True, eq=False, repr=False)
class Tree:
    """A decision tree that answers as a network does, over the named `features` that it asks of.

    `nodes` begin at the root. `agreement` is that on images which the tree was not grown on, and `tried` the fidelity
    of each set of features that it was grown on; the best was kept. That is the fidelity on validation images, or on
    training images, which flatter a tree, where there are none or one set alone was tried.
    """

    features: tuple[Feature, ...]
    nodes: tuple[Node, ...]
    classes: tuple[str, ...]
    agreement: Agreement
    tried: Mapping[str, float]

    @property
    def fidelity(self) -> float:
        """The share of images that the tree answers as the network does."""
        return self.agreement.fidelity

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return sum(node.feature is None for node in self.nodes)

    @property
    def depth(self) -> int:
        """The largest number of questions on the way to a leaf."""
        return max(map(len, dict(ways(self.features, self.nodes)).values()))

    def leaf_of(self, values: Tensor) -> Tensor:
        """Return the number of the leaf that features [images, features] lead to, [images]."""
        return leaf_of(self.nodes, values)

    def predict(self, record: SpikeRecord) -> Tensor:
        """Return the tree's answers for the images of a record, class numbers [images]."""
        return self.answers(measured(self.features, record))

    def answers(self, values: Tensor) -> Tensor:
        """Return the tree's answers for features [images, features], class numbers [images]."""
        return torch.tensor([node.answer for node in self.nodes])[self.leaf_of(values)]

    def explain(self, record: SpikeRecord) -> list[Verdict]:
        """Return for each image of a record of the network the way to its leaf, in words, and both answers."""
        conditions, predicted = dict(ways(self.features, self.nodes)), record.logits.argmax(1).tolist()
        verdicts = []
        for leaf, network in zip(self.leaf_of(measured(self.features, record)).tolist(), predicted, strict=True):
            node = self.nodes[leaf]
            share = max(node.counts) / max(sum(node.counts), 1)
            verdicts.append(Verdict(conditions[leaf], self.classes[node.answer], self.classes[network], share))
        return verdicts

    @property
    def frame(self) -> pd.DataFrame:
        """One row per leaf: its conditions in words, answer, training images and their purity."""
        import pandas as pd

        rows = []
        for leaf, conditions in dict(ways(self.features, self.nodes)).items():
            node = self.nodes[leaf]
            total = sum(node.counts)
            words = "; ".join(map(str, conditions)) or "always"
            rows.append((words, self.classes[node.answer], total, max(node.counts) / max(total, 1)))
        table = pd.DataFrame(rows, columns=["conditions", "answer", "images", "purity"])
        return table.sort_values("images", ascending=False, ignore_index=True)

    @property
    def text(self) -> str:
        """The tree as indented lines, a question or an answer on each."""
        lines: list[str] = []

        def write(number: int, depth: int, lead: str) -> None:
            node = self.nodes[number]
            if node.feature is None:
                pure = max(node.counts) / max(sum(node.counts), 1)
                answer = f"{self.classes[node.answer]} ({counted(sum(node.counts), 'image')}, {pure:.0%})"
                lines.append(f"{'  ' * depth}{lead}{answer}")
                return
            if lead:
                lines.append(f"{'  ' * depth}{lead.rstrip()}")
            below = depth + bool(lead)
            feature = self.features[node.feature]
            write(node.low, below, f"if {feature.words(most=node.threshold)}: ")
            write(node.high, below, f"if {feature.words(above=node.threshold)}: ")

        write(0, 0, "")
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the tree; the questions of its first levels are written out, and every leaf's answer."""
        from circuits.plotting import panel

        figure, axes = panel(ax, (12, 5), f"{counted(self.leaves, 'leaf', 'leaves')}, fidelity {self.fidelity:.1%}")
        points: dict[int, tuple[float, int]] = {}
        left = iter(range(self.leaves))

        def lay_out(number: int, depth: int) -> float:
            node = self.nodes[number]
            if node.feature is None:
                x = float(next(left))
            else:
                x = (lay_out(node.low, depth + 1) + lay_out(node.high, depth + 1)) / 2
            points[number] = (x, -depth)
            return x

        lay_out(0, 0)
        for number, (x, y) in points.items():
            node = self.nodes[number]
            if node.feature is None:
                axes.text(x, y, self.classes[node.answer], ha="center", va="top", fontsize=7)
                continue
            for child in (node.low, node.high):
                width = 0.4 + 2.6 * (sum(self.nodes[child].counts) / max(sum(self.nodes[0].counts), 1)) ** 0.5
                axes.plot(*zip((x, y), points[child], strict=True), color="C0", lw=width, zorder=0)
            if -y < WORDED:
                words = self.features[node.feature].words(above=node.threshold).replace(": ", ":\n")
                box = {"boxstyle": "round", "fc": "white", "ec": "0.7", "lw": 0.5}
                axes.text(x, y, f"{words}\n(right)", ha="center", va="center", fontsize=6, bbox=box)
        axes.axis("off")
        return figure

    def to_dict(self) -> dict[str, object]:
        """Return features, nodes, classes and agreement as plain values."""
        return {
            "features": [asdict(feature) for feature in self.features],
            "nodes": [asdict(node) for node in self.nodes],
            "classes": list(self.classes),
            "agreement": self.agreement.to_dict(),
            "tried": dict(self.tried),
        }

    def __repr__(self) -> str:
        leaves, features = counted(self.leaves, "leaf", "leaves"), counted(len(self.features), "feature")
        return f"Tree({leaves}, depth {self.depth}, {features}: {self.agreement})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p><pre>{escape(self.text)}</pre>"


def ways(features: Sequence[Feature], nodes: Sequence[Node]) -> list[tuple[int, tuple[Condition, ...]]]:
    """Return each leaf's number with the conditions that lead to it, one per feature, in the order of the questions."""
    found = []

    def walk(number: int, bounds: dict[int, tuple[float, float]]) -> None:
        node = nodes[number]
        if node.feature is None:
            found.append((number, tuple(Condition(features[f], *bound) for f, bound in bounds.items())))
            return
        above, most = bounds.get(node.feature, (-math.inf, math.inf))
        walk(node.low, {**bounds, node.feature: (above, min(most, node.threshold))})
        walk(node.high, {**bounds, node.feature: (max(above, node.threshold), most)})

    walk(0, {})
    return found


def leaf_of(nodes: Sequence[Node], values: Tensor) -> Tensor:
    """Return the number of the leaf that features [images, features] lead to, [images]."""
    feature = torch.tensor([-1 if node.feature is None else node.feature for node in nodes])
    threshold = torch.tensor([node.threshold for node in nodes], dtype=torch.float64)
    low, high = (torch.tensor([vars(node)[side] for node in nodes]) for side in ("low", "high"))
    at = torch.zeros(len(values), dtype=torch.int64)
    asked = feature[at] >= 0
    while asked.any():
        here = at[asked]
        value = values[asked].double().gather(1, feature[here][:, None])[:, 0]
        at[asked] = torch.where(value <= threshold[here], low[here], high[here])
        asked = feature[at] >= 0
    return at


def grow(table: FeatureTable, leaves: int, num_classes: int) -> tuple[tuple[Feature, ...], tuple[Node, ...]]:
    """Return the features that a tree of at most so many leaves asks of, and its nodes.

    The tree grows at the leaf whose question lowers the Gini impurity of the network's answers most. Source: CART,
    Breiman et al. (1984), by scikit-learn.
    """
    from sklearn.tree import DecisionTreeClassifier

    grown = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    grown.fit(table.values.numpy(), table.answers.numpy())
    tree = grown.tree_
    asked = sorted({int(feature) for feature in tree.feature if feature >= 0})
    came = tree.decision_path(table.values.numpy()).tocsc()
    nodes = []
    for number in range(tree.node_count):
        here = torch.from_numpy(came.indices[came.indptr[number] : came.indptr[number + 1]].astype("int64"))
        counts = tuple(table.answers[here].bincount(minlength=num_classes).tolist())
        if tree.children_left[number] < 0:
            nodes.append(Node(counts))
        else:
            low, high = int(tree.children_left[number]), int(tree.children_right[number])
            question = asked.index(int(tree.feature[number]))
            nodes.append(Node(counts, question, float(tree.threshold[number]), low, high))
    return tuple(table.features[number] for number in asked), tuple(nodes)
