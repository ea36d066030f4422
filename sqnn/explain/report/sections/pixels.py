"""Section 4: which pixels matter, by several methods, and how far each can be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sqnn.explain.attribution import METHODS, Attribution
from sqnn.explain.quality import (
    INTENSITY,
    Curves,
    QualityOptions,
    deletion_answers,
    rank_correlation,
    removal_ranks,
    shortfall,
)
from sqnn.explain.quality.badges import ADDS_UP, OTHER_CLASS
from sqnn.explain.report.pack import pack_floats, pack_scaled, pack_whole
from sqnn.explain.report.story import Absent, Badge, Map, Pixels
from sqnn.explain.report.subject import Subject

HOW = QualityOptions()
"""Pixels are deleted as they are in comparisons of methods."""
NOTE = (
    "Marks are of this image alone, and one image says little. The study faithfulness tests the methods on hundreds of "
    "images, and compares each map with that of shuffled weights."
)


def pixels(subject: Subject, methods: Sequence[str]) -> Pixels | Absent:
    """Return the maps of all methods that can make one, beside that of the intensity, which each has to beat."""
    fractions = [HOW.deleted * step / HOW.steps for step in range(HOW.steps + 1)]
    intensity = _flat(subject.image)[0]
    own = _deletion(subject, intensity)
    least = _area(own, subject.predicted)
    maps = []
    for method in methods:
        found = subject.ask(method, targets=subject.both)
        if isinstance(found, Attribution):
            maps.append(_map(subject, found, least))
    if not maps:
        return {"absent": f"none of the methods can make a map of the pixels: {', '.join(methods)}"}
    told: Badge = {"text": "knows nothing of the network", "state": "plain", "detail": "what every method has to beat"}
    shown = [(subject.predicted, intensity)]
    maps.append(_entry(INTENSITY, "the image itself", shown, [told], own, subject))
    return {"maps": maps, "fractions": fractions, "note": NOTE}


def _map(subject: Subject, found: Attribution, intensity: float) -> Map:
    values = _flat(found.values)
    gone = _deletion(subject, values[0])
    area = _area(gone, subject.predicted)
    alike = float(rank_correlation(values[:1], values[1:], _flat(subject.image) != 0)[0])
    badges: list[Badge] = [
        {
            "text": "beats intensity here" if area < intensity else "intensity does as well here",
            "state": "pass" if area < intensity else "fail",
            "detail": f"mean probability while pixels go: {area:.3f}, by the intensity {intensity:.3f} (low is good)",
        },
        _sees_class(alike),
        _adds_up(found),
        {
            "text": f"{500 * found.cost.seconds:,.0f} ms",
            "state": "plain",
            "detail": f"{found.cost.forwards // 2:,} forward and {found.cost.backwards // 2:,} backward passes a map",
        },
    ]
    targets = list(zip(subject.both.tolist(), values, strict=True))
    title = "; ".join(text for text in (METHODS[found.method].title, found.note) if text)
    return _entry(found.method, title, targets, badges, gone, subject)


def _entry(
    method: str,
    title: str,
    targets: Sequence[tuple[int, Tensor]],
    badges: list[Badge],
    gone: Tensor,
    subject: Subject,
) -> Map:
    return {
        "method": method,
        "title": title,
        "targets": [{"target": target, "values": pack_scaled(one)} for target, one in targets],
        "badges": badges,
        "deletion": {"order": pack_whole(_order(subject, targets[0][1])), "probabilities": pack_floats(gone)},
    }


def _sees_class(alike: float) -> Badge:
    if math.isnan(alike):
        return {"text": "too little ink to compare", "state": "plain", "detail": "with the map of the runner-up"}
    return {
        "text": "sees the class" if alike < OTHER_CLASS else "same map for the runner-up",
        "state": "pass" if alike < OTHER_CLASS else "fail",
        "detail": f"rank correlation with the map of the runner-up, where there is ink: {alike:.2f}",
    }


def _adds_up(found: Attribution) -> Badge:
    error = shortfall(found)
    if error is None:
        return {
            "text": "no claim to add up",
            "state": "plain",
            "detail": "to the difference in the logit",
        }
    worst = float(error.max())
    return {
        "text": f"adds up to {worst:.1g}" if worst <= ADDS_UP else f"{worst:.0%} off adding up",
        "state": "pass" if worst <= ADDS_UP else "fail",
        "detail": "the sum of the map alone against f(x) - f(baseline), as a share of it; a ledger counts biases, too",
    }


def _flat(values: Tensor) -> Tensor:
    """Return maps [batch, height, width]: channels and frames added up."""
    return values.flatten(1, -3).sum(1)


def _deletion(subject: Subject, values: Tensor) -> Tensor:
    """Return the probabilities [steps + 1, classes] without the pixels of largest value."""
    given = (subject.model, subject.image, values[None], subject.generator())
    return deletion_answers(*given, steps=HOW.steps, share=HOW.deleted)[1][:, 0]


def _order(subject: Subject, values: Tensor) -> Tensor:
    """Return the pixels in the order in which they are deleted."""
    return removal_ranks(values[None], subject.generator())[0].flatten().argsort()


def _area(probabilities: Tensor, target: int) -> float:
    return float(Curves(torch.arange(len(probabilities)), probabilities[:, target, None]).area[0])
