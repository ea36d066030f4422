"""Section 4: which pixels matter, by several methods, and how far each can be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sqnn.explain.attribution import METHODS, NO_ATTRIBUTION, Attribution, Method
from sqnn.explain.quality import (
    ADDS_UP,
    INTENSITY,
    LEAST_RANKED,
    OTHER_CLASS,
    REPEATS,
    Curves,
    QualityOptions,
    deletion_answers,
    rank_correlation,
    removal_ranks,
    shortfall,
)
from sqnn.explain.report.pack import pack_floats, pack_scaled, pack_whole
from sqnn.explain.report.story import Absent, Badge, Map, PixelsStory
from sqnn.explain.report.subject import Subject

HOW = QualityOptions()
"""Pixels are deleted as they are in comparisons of methods."""
LEAST_SHOWN = 1e-4
"""Errors below this are told as this."""
NOTE = (
    "Marks are of this image alone, and one image says little. The study faithfulness tests the methods on hundreds of "
    "images, and compares each map with that of shuffled weights."
)


def pixels(subject: Subject, methods: Mapping[str, Method]) -> PixelsStory | Absent:
    """Return the maps of all methods that can make one, beside that of the intensity, which each has to beat.

    A map that is 0 everywhere because the network is silent is none, and is noted as the failure of its method.
    """
    if not methods:
        return {"absent": "no method was asked for"}
    fractions = [HOW.deleted * step / HOW.steps for step in range(HOW.steps + 1)]
    intensity = _flat(subject.image)[0]
    own = _deletion(subject, intensity)
    least = _area(own, subject.explained)
    maps, reasons = [], []
    for name, method in methods.items():
        found = subject.ask(method, targets=subject.targets, title=name)
        if isinstance(found, Attribution) and _silent(found):
            subject.methods[-1]["failed"] = found = NO_ATTRIBUTION
        if isinstance(found, str):
            reasons.append(found)
            continue
        other = torch.Generator().manual_seed(subject.seed + 1)
        redrawn = subject.ask(method, targets=subject.targets[:1], title=f"{name}, other draws", generator=other)
        again = None if isinstance(redrawn, str) else _flat(redrawn.values)
        maps.append(_map(subject, name, found, again, least))
    if not maps:
        if NO_ATTRIBUTION in reasons:
            return {"absent": NO_ATTRIBUTION}
        same = len(set(reasons)) == 1
        return {
            "absent": reasons[0] if same else f"none of the methods can make a map of the pixels: {', '.join(methods)}"
        }
    told: Badge = {"text": "knows nothing of the network", "state": "plain", "detail": "what every method has to beat"}
    shown = [(subject.explained, intensity)]
    maps.append(_entry(INTENSITY, "the image itself", shown, None, [told], own, subject))
    return {"maps": maps, "fractions": fractions, "note": NOTE}


def _map(subject: Subject, name: str, found: Attribution, redrawn: Tensor | None, intensity: float) -> Map:
    values = _flat(found.values)
    gone = _deletion(subject, values[0])
    area, classes = _area(gone, subject.explained), len(values)
    badges: list[Badge] = [
        {
            "text": "beats intensity here" if area < intensity else "intensity does as well here",
            "state": "pass" if area < intensity else "fail",
            "detail": f"mean probability while pixels go: {area:.3f}, by the intensity {intensity:.3f} (low is good)",
        },
        _sees_class(subject, values, redrawn),
        _adds_up(subject, found),
        {
            "text": f"{1000 * found.cost.seconds / classes:,.0f} ms",
            "state": "plain",
            "detail": f"{found.cost.forwards // classes:,} forward and {found.cost.backwards // classes:,} backward "
            "passes a map",
        },
    ]
    targets = list(zip(subject.targets.tolist(), values, strict=True))
    title = "; ".join(text for text in (METHODS[found.method].title, found.note) if text)
    return _entry(name, title, targets, redrawn, badges, gone, subject)


def _entry(
    method: str,
    title: str,
    targets: Sequence[tuple[int, Tensor]],
    redrawn: Tensor | None,
    badges: list[Badge],
    gone: Tensor,
    subject: Subject,
) -> Map:
    return {
        "method": method,
        "title": title,
        "targets": [{"target": target, "values": pack_scaled(one)} for target, one in targets],
        "redrawn": None if redrawn is None else pack_scaled(redrawn[0]),
        "badges": badges,
        "deletion": {"order": pack_whole(_order(subject, targets[0][1])), "probabilities": pack_floats(gone)},
    }


def _sees_class(subject: Subject, values: Tensor, redrawn: Tensor | None) -> Badge:
    """Compare the first two of the maps [classes, height, width], beside how far the first one resembles itself."""
    where = _flat(subject.image) != 0
    alike = float(rank_correlation(values[:1], values[1:2], where)[0])
    itself = math.nan if redrawn is None else float(rank_correlation(values[:1], redrawn, where)[0])
    of = "the runner-up" if subject.explained == subject.predicted else f"the answer {subject.answer}"
    if math.isnan(alike) or math.isnan(itself):
        few = int(where.sum()) < LEAST_RANKED
        text = "too few pixels that are not black" if few else "the same value everywhere: nothing to compare"
        return {"text": text, "state": "plain", "detail": f"with the map of {of}"}
    sees = itself >= REPEATS and alike < OTHER_CLASS * itself
    noise = "another map with other draws: noise" if itself < REPEATS else f"same map for {of}"
    return {
        "text": "sees the class" if sees else noise,
        "state": "pass" if sees else "fail",
        "detail": f"rank correlation over ink, the pixels that are not black: {alike:.2f} with the map of "
        f"{of}, {itself:.2f} with the same map of other draws",
    }


def _adds_up(subject: Subject, found: Attribution) -> Badge:
    """Say whether the map alone adds up to the change of the network's own logit from the baseline to the image."""
    error = shortfall(found)
    if error is None:
        return {
            "text": "no claim to add up",
            "state": "plain",
            "detail": "to the change of the logit from the baseline",
        }
    worst = float(error.max())
    total, output, reference = (
        float(each[0]) for each in (found.values.flatten(1).sum(1), found.output, found.reference)
    )
    sums = f"sum of the map {total:.3g}, logit {output:.3g} less {reference:.3g} for the baseline"
    twin, by_itself = found.twin, shortfall(replace(found, twin=None))
    agrees = twin is None or (worst <= ADDS_UP and bool(twin.same_label.all()))
    if twin is not None and by_itself is not None and not agrees and float(by_itself.max()) <= ADDS_UP:
        answer = subject.classes[int(twin.logits[0].argmax())]
        own = float(subject.record.logits[0, subject.explained])
        return {
            "text": "adds up for its smooth twin, not for this network",
            "state": "fail",
            "detail": f"of the twin: {sums}; the network's own logit is {own:.3g}, and the twin answers {answer}",
        }
    within = f"within {max(worst, LEAST_SHOWN):.2%}".replace("%", " %")
    missed = f"misses the change of the logit by {worst:.0%}".replace("%", " %")
    missed = missed if math.isfinite(worst) else "adds up to something, where the logit does not change"
    return {
        "text": f"adds up to the change of the logit, {within}" if agrees and worst <= ADDS_UP else missed,
        "state": "pass" if agrees and worst <= ADDS_UP else "fail",
        "detail": f"{sums}; "
        + (
            "what a ledger books elsewhere, as on biases, is not in the map"
            if twin is None
            else "of the smooth twin, whose logit is the network's within as much, and which answers the same"
        ),
    }


def _silent(found: Attribution) -> bool:
    """Say whether the maps are 0 everywhere because the network is silent."""
    return found.silent is not None and bool(found.silent.all()) and not found.values.any()


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
