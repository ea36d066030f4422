"""Recording: images through a network, batch by batch, and what it will take in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from sqnn.conversion import SpikingNetwork
from sqnn.core import ConfigError, counted, whole
from sqnn.data import Split
from sqnn.explain.recording.heads import HeadRecord, joined_heads
from sqnn.explain.recording.hooks import Recorder, recorder
from sqnn.explain.recording.images import checked_images
from sqnn.explain.recording.layers import LayerRecord, joined
from sqnn.explain.recording.spikes import SpikeRecord
from sqnn.layers import CONVENTIONS, libraries_of
from sqnn.metrics import EVALUATION_BATCH, EVALUATION_SEED, run_batches
from sqnn.models import HasNetwork, logits_of, network_of, require_network

MOST_BYTES = 4 * 2**30
"""Memory that a record may take by default."""


def record(
    model: nn.Module | HasNetwork,
    images: Tensor | Split,
    labels: Tensor | None = None,
    *,
    layers: Sequence[str] | None = None,
    membranes: bool = True,
    currents: bool = True,
    bloch: bool = True,
    batch_size: int | None = None,
    generator: torch.Generator | None = None,
    most_bytes: int = MOST_BYTES,
) -> SpikeRecord:
    """Record what a network, or that of a run, does with images: spikes, membranes and currents of every layer.

    `images` [batch, channels, height, width] in [0, 1] (or recordings), or a part of a data set, which brings its
    labels. The network works in evaluation mode, in its own precision, in batches of `batch_size` (512 by default);
    random encoders draw from `generator`, by default one of a fixed seed: the logits are those of `predict_logits` with
    the same arguments, and of the plain forward pass, bit by bit. Neurons of other libraries forget what they saw
    before each batch. `layers` names those that are recorded (all by default); `membranes`, `currents` and `bloch` say
    whether these are kept.

    A network without spiking neurons gives its logits, and no layers. Raises ConfigError where the record would take
    more than `most_bytes` bytes of memory, which `record_bytes` tells beforehand, and on images, labels or layers that
    do not fit.
    """
    network, images, labels = _checked(model, images, labels)
    size = EVALUATION_BATCH if batch_size is None else whole("batch_size", batch_size)
    generator = torch.Generator().manual_seed(EVALUATION_SEED) if generator is None else generator
    options: dict[str, Any] = {"layers": layers, "membranes": membranes, "currents": currents, "bloch": bloch}
    expected = _bytes(network, images, generator.clone_state(), options)
    if expected > most_bytes:
        raise ConfigError(
            f"images: got {counted(len(images), 'image')}, whose record takes {expected / 1e9:.3g} GB, expected at "
            f"most {most_bytes / 1e9:.3g} GB (most_bytes); record fewer images, name layers=, or leave out what is not "
            "needed: membranes=False, currents=False"
        )
    parts: list[_Part] = []
    logits = _run(network, images, size, generator, options, parts)
    # What is joined is let go at once, so that no more than one layer is there twice.
    return SpikeRecord(
        layers={name: joined([part.layers.pop(name) for part in parts]) for name in list(parts[0].layers)},
        heads={path: joined_heads([part.heads[path] for part in parts]) for path in parts[0].heads},
        input=None if parts[0].input is None else torch.cat([part.input for part in parts], 1),  # type: ignore[misc]
        images=images,
        logits=logits,
        labels=labels,
    )


def record_bytes(
    model: nn.Module | HasNetwork,
    images: Tensor | Split,
    *,
    layers: Sequence[str] | None = None,
    membranes: bool = True,
    currents: bool = True,
    bloch: bool = True,
) -> int:
    """Return how many bytes `record` would take for these images and options: one image is recorded to find out."""
    network, images, _ = _checked(model, images, None)
    options: dict[str, Any] = {"layers": layers, "membranes": membranes, "currents": currents, "bloch": bloch}
    return _bytes(network, images, torch.Generator().manual_seed(EVALUATION_SEED), options)


class _Part:
    """What one batch left."""

    def __init__(self, seen: Recorder, trains: dict[str, LayerRecord]) -> None:
        self.layers: dict[str, LayerRecord] = trains or seen.layers
        self.heads: dict[str, HeadRecord] = dict(seen.heads)
        self.input = seen.input

    @property
    def nbytes(self) -> int:
        inputs = 0 if self.input is None else self.input.nbytes
        heads = sum(head.nbytes for head in self.heads.values())
        return inputs + heads + sum(layer.nbytes for layer in self.layers.values())


def _run(
    model: nn.Module,
    images: Tensor,
    batch_size: int,
    generator: torch.Generator,
    options: dict[str, Any],
    parts: list[_Part],
) -> Tensor:
    """Return the logits of all images, and append what each batch left to `parts`."""
    libraries = libraries_of(model)
    with recorder(model, **options, device=images.device) as seen:

        def call(batch: Tensor) -> Tensor:
            seen.clear()
            for library in libraries:
                CONVENTIONS[library].reset(model)
            logits = logits_of(model, batch, generator)
            parts.append(_Part(seen, _other_orders(model, batch, options["layers"])))
            return logits

        try:
            return run_batches(model, images, call, batch_size)
        finally:
            for library in libraries:
                CONVENTIONS[library].reset(model)


def _other_orders(model: nn.Module, images: Tensor, layers: Sequence[str] | None) -> dict[str, LayerRecord]:
    """Return the spikes alone of a converted network that does not run layer after layer."""
    if not isinstance(model, SpikingNetwork) or model.order == "layer":
        return {}
    _, trains = model.record(images)
    heights = tuple(map(float, model.how.code.weights))
    dtype = next(model.parameters()).dtype
    chosen = trains if layers is None else {name: trains[name] for name in layers}
    like = LayerRecord(
        "", images, threshold=None, heights=heights, neuron="SpikingNeuron", postponed=model.how.postponed
    )
    return {name: replace(like, name=name, spikes=spikes.to(images.device, dtype)) for name, spikes in chosen.items()}


def _bytes(model: nn.Module, images: Tensor, generator: torch.Generator, options: dict[str, Any]) -> int:
    parts: list[_Part] = []
    logits = _run(model, images[:1], 1, generator, options, parts)
    return (parts[0].nbytes + logits.nbytes) * len(images)


def _checked(
    model: nn.Module | HasNetwork, images: Tensor | Split, labels: Tensor | None
) -> tuple[nn.Module, Tensor, Tensor | None]:
    """Return network, images and labels; ConfigError on what is none."""
    network = require_network(network_of(model))
    if isinstance(images, Split):
        labels = images.labels if labels is None else labels
        images = images.floats()
    images = checked_images(network, images)
    if labels is not None:
        fits = isinstance(labels, Tensor) and labels.shape == images.shape[:1] and not labels.is_floating_point()
        if not fits:
            expected = f"whole numbers [{len(images)}], one per image"
            raise ConfigError(f"labels: got {_shown(labels)}, expected {expected}")
    return network, images, labels


def _shown(value: object) -> str:
    return f"{value.dtype} of shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
