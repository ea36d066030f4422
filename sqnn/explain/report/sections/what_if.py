"""Section 7: the smallest change found that changes the answer, and what the answer is without single neurons."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.core import ConfigError
from sqnn.data import cut
from sqnn.explain.behaviour import changed_spikes
from sqnn.explain.report.names import neuron_name
from sqnn.explain.report.pack import pack_bytes
from sqnn.explain.report.story import Absent, Nearest, Silenced, WhatIf
from sqnn.explain.report.subject import Subject
from sqnn.metrics import predict_logits

DIRECTIONS, TRIES, ROUNDS = 64, 64, 24
"""Directions drawn at random, changed ones that are tried at a time, and how often at most."""
LEVELS = 255
"""Steps of the size of a change between nothing and the whole range of a pixel."""
COARSE = (1, 2, 4, 8, 16, 32, 64, 128, 255)
"""Sizes, in levels, at which every direction is tried first."""
FLIPPED = 0.05
"""Share of the pixels whose direction is turned round in a changed one."""
CANDIDATES, AT_ONCE, LISTED = 64, 32, 10
"""Neurons of each layer that are silenced one by one (those that fire most), at a time, and those that are shown."""


def what_if(subject: Subject) -> WhatIf:
    """Return the nearest change of the answer that was found, and the neurons without which the logit moves most."""
    neurons, left_out = [], []
    for name in subject.record.layers:
        try:
            neurons += _without(subject, name)
        except ConfigError as error:
            left_out.append(str(error))
    neurons.sort(key=lambda one: -abs(one["change"]))
    return {"nearest": _nearest(subject), "neurons": neurons[:LISTED], "note": "; ".join(left_out)}


def _without(subject: Subject, layer: str) -> list[Silenced]:
    """Return what the network answers while one neuron of a layer at a time is silent."""
    counts = (subject.record[layer].spikes[:, 0] != 0).flatten(1).sum(0)
    fired = counts.argsort(descending=True, stable=True)[: min(CANDIDATES, int((counts > 0).sum()))]
    plain, shape = float(subject.record.logits[0, subject.explained]), subject.record[layer].neurons
    if not len(fired):
        return []
    rows = []
    for index in cut(torch.arange(len(fired)), AT_ONCE):
        silent = fired[index]

        def change(spikes: Tensor, silent: Tensor = silent) -> Tensor:
            changed = spikes.flatten(2).clone()
            changed[:, torch.arange(len(silent)), silent.to(spikes.device)] = 0
            return changed.view_as(spikes)

        with changed_spikes(subject.model, layer, change):
            rows.append(predict_logits(subject.model, subject.image.expand(len(silent), *subject.image.shape[1:])))
    logits = torch.cat(rows).double()
    return [
        {
            "text": neuron_name(layer, shape, int(neuron)),
            "change": float(values[subject.explained]) - plain,
            "probabilities": values.softmax(0).tolist(),
            "label": int(values.argmax()),
        }
        for neuron, values in zip(fired, logits, strict=True)
    ]


def _nearest(subject: Subject) -> Nearest | Absent:
    """Return the smallest change found, by size of its largest pixel; the search draws from the page's seed.

    Directions are brighter, darker, and signs drawn at random; the best is then changed in a few pixels at a time, at a
    size that is one level smaller, for as long as one of the changed ones still changes the answer.
    """
    image, generator = subject.image[0], subject.generator()
    drawn = torch.randint(2, (DIRECTIONS, *image.shape), generator=generator).to(image) * 2 - 1
    directions = torch.cat([torch.ones_like(image)[None], -torch.ones_like(image)[None], drawn])
    tried = len(directions)
    for level in COARSE:
        changed = _changed(subject, directions, level)
        if len(changed):
            break
    else:
        return {"absent": f"None of {tried} directions changes the answer, up to the whole range of a pixel"}
    best = directions[int(changed[0])]
    rounds = 0
    while level > 1 and rounds < ROUNDS:
        turned = torch.rand((TRIES, *image.shape), generator=generator).to(image) < FLIPPED
        around = torch.cat([best[None], torch.where(turned, -best, best)])
        found = _changed(subject, around, level - 1)
        tried, rounds = tried + len(around), rounds + 1
        if len(found):
            level, best = level - 1, around[int(found[0])]
    other = (image + best * level / LEVELS).clamp(0, 1)
    return {
        "image": pack_bytes(other),
        "radius": level / LEVELS,
        "label": int(subject.answers(other[None])[0].argmax()),
        "how": f"The nearest of {tried:,} changes tried, each of which moves every pixel by at most as much.",
    }


def _changed(subject: Subject, directions: Tensor, level: int) -> Tensor:
    """Return the numbers of the directions in which the answer is another at this size."""
    images = (subject.image + directions * level / LEVELS).clamp(0, 1)
    return (subject.answers(images).argmax(1) != subject.predicted).nonzero()[:, 0]
