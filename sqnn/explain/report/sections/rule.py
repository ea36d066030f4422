"""Section 6: the path of the image through a tree that answers as the network does."""

from __future__ import annotations

from torch import Tensor

from sqnn.core import counted
from sqnn.data import Split
from sqnn.explain.behaviour import Tree, measured
from sqnn.explain.report.pack import pack_bytes
from sqnn.explain.report.story import Absent, Disagreement, RuleStory
from sqnn.explain.report.subject import Subject

SHOWN = 6
"""Images on which tree and network disagree that are shown."""


def rule(subject: Subject, grown: tuple[Tree, Split] | str) -> RuleStory | Absent:
    """Return the conditions that the image fulfils in a tree, beside how far tree and network agree.

    `grown` is a tree with the images that it was measured on, or says why there is none.
    """
    if isinstance(grown, str):
        return {"absent": grown}
    tree, tested = grown
    verdict = tree.explain(subject.record)[0]
    leaf = tree.nodes[int(tree.leaf_of(measured(tree.features, subject.record))[0])]
    return {
        "kind": "tree",
        "size": counted(tree.leaves, "leaf", "leaves"),
        "fidelity": tree.fidelity,
        "images": tree.agreement.images,
        "says": leaf.answer,
        "steps": [
            {"text": str(one), "value": float(one.feature.measure(subject.record)[0])} for one in verdict.conditions
        ],
        "leaf": {"images": sum(leaf.counts), "agreement": verdict.purity},
        "disagreements": _disagreements(subject, tree, tested),
    }


def _disagreements(subject: Subject, tree: Tree, tested: Split) -> list[Disagreement]:
    """Return images on which the two disagree, those first that one of them takes for what this image is."""
    both = tree.agreement
    differing = both.disagreements
    near = [
        number for number in differing if subject.predicted in (int(both.network[number]), int(both.distilled[number]))
    ]
    return [
        {
            "image": pack_bytes(_still(tested.floats([number])[0])),
            "network": int(both.network[number]),
            "rule": int(both.distilled[number]),
        }
        for number in [*near, *(number for number in differing if number not in near)][:SHOWN]
    ]


def _still(image: Tensor) -> Tensor:
    """Return [channels, height, width]; of a recording the sum of its frames."""
    return image if image.ndim == 3 else image.sum(0)
