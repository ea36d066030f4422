"""Rules in words, read off a tree and shortened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import counted
from sqnn.explain.behaviour.agreement import Agreement
from sqnn.explain.behaviour.features import Feature, measured
from sqnn.explain.behaviour.tree import Condition
from sqnn.explain.recording import SpikeRecord

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Rule:
    """If all conditions hold, the answer is class `answer`.

    `images` are the training images that they hold for, whether or not a rule before this one does, and `precision`
    the share of those that the network answers so.
    """

    conditions: tuple[Condition, ...]
    answer: int
    images: int
    precision: float

    def __str__(self) -> str:
        return " and ".join(f"({condition})" for condition in self.conditions) or "always"


@dataclass(frozen=True, eq=False, repr=False)
class Rules:
    """An ordered list of rules that answers as a network does: the first whose conditions hold, else class `default`.

    `agreement` is that on images which the rules were not made from.
    """

    features: tuple[Feature, ...]
    rules: tuple[Rule, ...]
    default: int
    classes: tuple[str, ...]
    agreement: Agreement

    @property
    def fidelity(self) -> float:
        """The share of images that the rules answer as the network does."""
        return self.agreement.fidelity

    def predict(self, record: SpikeRecord) -> Tensor:
        """Return the rules' answers for the images of a record, class numbers [images]."""
        return self.answers(measured(self.features, record))

    def answers(self, values: Tensor) -> Tensor:
        """Return the rules' answers for features [images, features], class numbers [images]."""
        return first_answers(self.features, self.rules, self.default, values)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per rule, in order: conditions in words, answer, training images and precision."""
        import pandas as pd

        rows = [(str(rule), self.classes[rule.answer], rule.images, rule.precision) for rule in self.rules]
        return pd.DataFrame(rows, columns=["conditions", "answer", "images", "precision"])

    @property
    def text(self) -> str:
        """The rules in words, one per line."""
        lines = [
            f"{'else if' if number else 'if'} {rule}: {self.classes[rule.answer]} "
            f"({counted(rule.images, 'image')}, {rule.precision:.0%})"
            for number, rule in enumerate(self.rules)
        ]
        return "\n".join([*lines, f"else: {self.classes[self.default]}"])

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the answers of the rules against those of the network."""
        return self.agreement.plot(ax)

    def to_dict(self) -> dict[str, object]:
        """Return rules, classes and agreement as plain values."""
        return {
            "rules": [asdict(rule) for rule in self.rules],
            "default": self.default,
            "classes": list(self.classes),
            "agreement": self.agreement.to_dict(),
        }

    def __repr__(self) -> str:
        conditions = sum(len(rule.conditions) for rule in self.rules)
        asked, features = counted(conditions, "condition"), counted(len(self.features), "feature")
        return f"Rules({len(self.rules)} of {asked}, {features}: {self.agreement})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p><pre>{escape(self.text)}</pre>"


def shorten(
    leaves: Sequence[tuple[tuple[Condition, ...], int]], features: Sequence[Feature], values: Tensor, answers: Tensor
) -> tuple[tuple[Rule, ...], int]:
    """Return shorter rules than the ways to a tree's leaves, and the answer where none of them holds.

    `leaves` are conditions and answer of each, `values` [images, features] and `answers` [images] what they are judged
    by. As long as it does not lower (n + 1) / (m + 2), with n of the m images that a rule holds for answered right, the
    condition whose loss raises this most is left out. Rules are ordered by it, and those that no image is left for are
    dropped. Source: Quinlan, "Simplifying decision trees", Int. J. Man-Machine Studies 27 (1987), with Laplace's rule
    of succession in place of his test.
    """
    column = {feature: values[:, number] for number, feature in enumerate(features)}
    held = {c: c.holds(column[c.feature]) for conditions, _ in leaves for c in conditions}
    everywhere = torch.ones(len(values), dtype=torch.bool)
    rules: dict[tuple[frozenset[Condition], int], tuple[float, Rule]] = {}
    for conditions, answer in leaves:
        kept = list(conditions)
        right = answers == answer

        def worth(some: Sequence[Condition], right: Tensor = right) -> tuple[float, int, float]:
            here = everywhere
            for condition in some:
                here = here & held[condition]
            covered, hits = int(here.sum()), int((here & right).sum())
            return (hits + 1) / (covered + 2), covered, hits / max(covered, 1)

        best = worth(kept)
        while kept:
            shorter = [(worth(kept[:n] + kept[n + 1 :]), n) for n in range(len(kept))]
            top, number = max(shorter, key=lambda each: each[0][0])
            if top[0] < best[0]:
                break
            best = top
            del kept[number]
        rules[frozenset(kept), answer] = (best[0], Rule(tuple(kept), answer, best[1], best[2]))
    left, chosen = everywhere.clone(), []
    for _, rule in sorted(rules.values(), key=lambda each: -each[0]):
        here = left.clone()
        for condition in rule.conditions:
            here &= held[condition]
        if here.any():
            chosen.append(rule)
            left &= ~here
    rest = answers[left] if left.any() else answers
    return tuple(chosen), int(rest.bincount().argmax())


def first_answers(features: Sequence[Feature], rules: Sequence[Rule], default: int, values: Tensor) -> Tensor:
    """Return the answer of the first rule that holds, or `default`, for features [images, features]."""
    column = {feature: values[:, number] for number, feature in enumerate(features)}
    answers = torch.full((len(values),), default)
    left = torch.ones(len(values), dtype=torch.bool)
    for rule in rules:
        here = left.clone()
        for condition in rule.conditions:
            here &= condition.holds(column[condition.feature])
        answers[here] = rule.answer
        left &= ~here
    return answers
