"""Section 2: the spikes of every layer through time, coloured by their share in the logit, and the membranes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sqnn.data import Split, cut
from sqnn.explain.attribution import rounding
from sqnn.explain.recording import LayerRecord, record
from sqnn.explain.report.pack import pack_bits, pack_floats, pack_scaled, pack_whole
from sqnn.explain.report.story import Absent, LayerStory, Time
from sqnn.explain.report.subject import Subject

SPIKE_METHODS = ("relevance", "gradient-input")
"""What spikes are coloured by: the first of these that explains all layers of the network."""
MOST_NEURONS = 4_096
"""Neurons of a layer that are kept: those that fire most, where there are more."""
MOST_VALUES = 200_000
"""Numbers over all layers (neurons times steps) for which membranes are kept."""
AT_ONCE = 100
"""Reference images that are recorded together."""


def trains(subject: Subject, reference: Split | None) -> Time | Absent:
    """Return all layers; the mean rates of each class are those of `reference` images by their labels, if any."""
    if not subject.record.layers:
        return {"absent": "the network has no spiking neurons"}
    means = {} if reference is None else _rates(subject, reference)
    method, shares = (
        _shares(subject) if any(layer.spikes.any() for layer in subject.record.layers.values()) else ("", {})
    )
    layers, room = [], MOST_VALUES
    for number, (name, layer) in enumerate(subject.record.layers.items(), start=1):
        told = _layer(name, f"layer {number}: {name}", layer, shares.get(name), means.get(name), room)
        room -= 0 if told["membranes"] is None else layer.spikes[:, 0].numel()
        layers.append(told)
    note = "" if reference is None else f"Rates of the classes are means over {len(reference):,} training images."
    return {
        "layers": layers,
        "coloured_by": f"shares by {method}" if shares else "",
        "silent": _silent([layer["name"] for layer in layers if not layer["total"]], len(layers)),
        "note": note,
    }


def _silent(names: Sequence[str], count: int) -> str:
    """Say in a sentence what it means that these of so many layers do not fire; nothing where all do."""
    if not names:
        return ""
    if len(names) == count:
        return (
            "No neuron fires for this image: the spikes tell nothing of it, and the answer comes from what else the "
            "network reads, such as biases, membranes or another branch."
        )
    return f"No neuron fires in {', '.join(names)} for this image: what reads these spikes alone sees nothing of it."


def _shares(subject: Subject) -> tuple[str, dict[str, Tensor]]:
    """Return the first method that explains every layer, and the shares of its spikes [time, *neurons] by layer.

    Nothing where no method does, or where no share is more than rounding.
    """
    for method in SPIKE_METHODS:
        shares: dict[str, Tensor] = {}
        for name, layer in subject.record.layers.items():
            found = subject.ask(method, name)
            if isinstance(found, str) or found.values[0].shape != layer.spikes[:, 0].shape:
                break
            shares[name] = found.values[0]
        else:
            most = max(float(share.abs().max()) for share in shares.values())
            return (method, shares) if most > float(rounding(subject.record.logits)) else ("", {})
    return "", {}


def _layer(
    name: str, title: str, layer: LayerRecord, found: Tensor | None, means: Tensor | None, room: int
) -> LayerStory:
    spikes = layer.spikes[:, 0].flatten(1)
    count = spikes.shape[1]
    chosen = None
    if count > MOST_NEURONS:
        chosen = (spikes != 0).sum(0).argsort(descending=True, stable=True)[:MOST_NEURONS].sort().values

    def kept(values: Tensor) -> Tensor:
        flat = values.flatten(1)
        return flat if chosen is None else flat[:, chosen]

    membranes = layer.membranes if spikes.numel() <= room else None
    single, each = _threshold(layer, count)
    return {
        "name": name,
        "title": title,
        "shape": list(layer.neurons),
        "neurons": count,
        "total": int((spikes != 0).sum()),
        "shown": None if chosen is None else pack_whole(chosen),
        "spikes": pack_bits(kept(spikes)),
        "membranes": None if membranes is None else pack_scaled(kept(membranes[:, 0])),
        "threshold": single,
        "thresholds": None if each is None else pack_floats(each if chosen is None else each[chosen]),
        "values": None if found is None else pack_scaled(kept(found)),
        "psth": None if means is None else pack_floats(means),
    }


def _threshold(layer: LayerRecord, count: int) -> tuple[float | None, Tensor | None]:
    """Return one threshold, or one per neuron; neither where it is unknown or changes from step to step."""
    if layer.threshold is None:
        return None, None
    if not isinstance(layer.threshold, Tensor) or layer.threshold.numel() == 1:
        return float(layer.threshold), None
    if layer.threshold.ndim > len(layer.neurons):
        return None, None
    return None, layer.threshold.detach().expand(layer.neurons).reshape(count)


def _rates(subject: Subject, reference: Split) -> Mapping[str, Tensor]:
    """Return for each layer the mean spikes per neuron and step of each class, [classes, steps]."""
    sums: dict[str, Tensor] = {}
    images = reference.labels.bincount(minlength=len(subject.classes)).double()
    for index in cut(torch.arange(len(reference)), AT_ONCE):
        part = record(
            subject.model,
            reference.floats(index),
            membranes=False,
            currents=False,
            bloch=False,
            generator=subject.generator(),
        )
        for name, layer in part.layers.items():
            rates = (layer.spikes != 0).flatten(2).double().mean(2).t()
            before = sums.get(name, rates.new_zeros(len(images), rates.shape[1]))
            sums[name] = before.index_add(0, reference.labels[index], rates.cpu())
    return {name: total / images.clamp(min=1)[:, None] for name, total in sums.items()}
