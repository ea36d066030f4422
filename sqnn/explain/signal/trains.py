"""Spike trains as the measures read them: which neurons, which images, which labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from sqnn.core import ConfigError, is_whole, require

MATRIX_MOST = 2000
"""Most neurons or images whose pairs are compared at once."""


@runtime_checkable
class HasSpikes(Protocol):
    """One layer of a recording, as `sqnn.record` keeps it."""

    @property
    def spikes(self) -> Tensor:
        """Spikes `[time, batch, *neurons]`."""


@runtime_checkable
class HasStart(Protocol):
    """A layer of a recording of which a window of steps was selected."""

    @property
    def start(self) -> int:
        """The number of its first step."""


LayerLike: TypeAlias = HasSpikes | Tensor
"""One layer of a recording, or its spikes `[time, batch, *neurons]`."""
Neurons: TypeAlias = int | Sequence[int | tuple[int, ...]] | Tensor | None
"""Neurons of a layer: flat indices, or coordinates as tuples; None is all of them."""
Labels: TypeAlias = Tensor | Sequence[int] | None
"""One whole number per image."""


def spikes_of(layer: LayerLike) -> Tensor:
    """Return the spikes `[time, batch, *neurons]` as they were recorded; ConfigError where they are none."""
    spikes = layer if isinstance(layer, Tensor) else layer.spikes if isinstance(layer, HasSpikes) else None
    if spikes is None:
        raise ConfigError(f"layer: got {type(layer).__name__}, expected a layer of a recording, such as record['name']")
    if spikes.ndim < 3 or 0 in spikes.shape:
        raise ConfigError(
            f"layer: got spikes of shape {list(spikes.shape)}, expected [time, batch, *neurons], each at least 1"
        )
    if not bool(torch.isfinite(spikes).all()):
        raise ConfigError("layer: got spikes with values that are not finite, expected 0 where a neuron is silent")
    return spikes.detach().cpu()


def start_of(layer: LayerLike) -> int:
    """Return the number of the first step of a layer, other than 0 after `SpikeRecord.select(window=...)`."""
    return layer.start if isinstance(layer, HasStart) else 0


def fired(layer: LayerLike) -> Tensor:
    """Return where neurons fired, bool `[time, batch, neurons]`; every value but 0 is one spike."""
    return (spikes_of(layer) != 0).flatten(2)


def binary_trains(layer: LayerLike) -> Tensor:
    """Return where neurons fired as 0 and 1, float64 `[time, batch, neurons]`."""
    return fired(layer).double()


def neuron_indices(layer: LayerLike, neurons: Neurons, *, most: int | None = None) -> Tensor:
    """Return flat indices of the chosen neurons; ConfigError on one that is not there and on more than `most`."""
    shape = spikes_of(layer).shape[2:]
    number = math.prod(shape)
    if neurons is None:
        chosen = list(range(number))
    else:
        each = neurons.tolist() if isinstance(neurons, Tensor) else neurons
        members = [each] if is_whole(each) else list(each) if isinstance(each, Sequence) else None
        require(bool(members), "neurons", neurons, "indices or coordinates of at least one neuron")
        chosen = [_flat(neuron, tuple(shape)) for neuron in members or ()]
    if most is not None and len(chosen) > most:
        raise ConfigError(
            f"neurons: got {len(chosen):,}, expected at most {most:,}; choose some, as with most_active(layer, {most})"
        )
    return torch.tensor(chosen)


def _flat(neuron: object, shape: tuple[int, ...]) -> int:
    """Return the flat index of one neuron, given so or by its coordinates."""
    number = math.prod(shape)
    if is_whole(neuron) and 0 <= neuron < number:
        return int(neuron)
    if isinstance(neuron, tuple | list) and len(neuron) == len(shape):
        inside = all(is_whole(at) and 0 <= at < side for at, side in zip(neuron, shape, strict=True))
        if inside:
            flat = 0
            for at, side in zip(neuron, shape, strict=True):
                flat = flat * side + at
            return flat
    raise ConfigError(f"neurons: got {neuron!r}, expected 0 to {number - 1}, or coordinates within {list(shape)}")


def most_active(layer: LayerLike, number: int) -> Tensor:
    """Return the flat indices of the `number` neurons with most spikes, the most active first."""
    require(is_whole(number) and number >= 1, "number", number, "a whole number of at least 1")
    return binary_trains(layer).sum((0, 1)).argsort(descending=True, stable=True)[:number]


def image_of(image: object, images: int) -> int:
    """Return the index of one image; ConfigError where there is none such."""
    if not (is_whole(image) and 0 <= image < images):
        raise ConfigError(f"image: got {image!r}, expected 0 to {images - 1}")
    return int(image)


def labels_of(labels: Labels, images: int) -> Tensor:
    """Return one label per image as `[images]`; ConfigError where there is none or too few or many."""
    require(labels is not None, "labels", labels, "one per image; record(model, images, labels) keeps them")
    values = torch.as_tensor(labels).cpu()
    if values.shape != (images,) or values.is_floating_point() or values.is_complex():
        got = f"{values.dtype} of shape {list(values.shape)}"
        raise ConfigError(f"labels: got {got}, expected whole numbers of shape [{images}], one per image")
    return values.long()


def classes_of(labels: Labels, images: int) -> tuple[tuple[int, ...], Tensor]:
    """Return the labels that occur, sorted, and which images `[classes, images]` have each."""
    values = labels_of(labels, images)
    present = values.unique()
    return tuple(present.tolist()), present[:, None] == values


def binned(steps: Tensor, width: int) -> tuple[Tensor, tuple[int, ...]]:
    """Sum `[time, ...]` over bins of `width` steps: `[bins, ...]`, and the edges; the last bin may be shorter."""
    require(is_whole(width) and 1 <= width <= len(steps), "width", width, f"1 to {len(steps)} steps")
    parts = steps.split(int(width))
    return torch.stack([part.sum(0) for part in parts]), (*range(0, len(steps), int(width)), len(steps))


def source_of(generator: torch.Generator | None) -> torch.Generator:
    """Return the generator, or one with seed 0."""
    return torch.Generator().manual_seed(0) if generator is None else generator
