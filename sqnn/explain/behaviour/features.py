"""Numbers that a record is described by, each with its name in words: spike counts, first spikes, order, angles."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError, counted, require
from sqnn.data import Split, cut
from sqnn.explain.recording import HeadRecord, LayerRecord, SpikeRecord, record
from sqnn.metrics import EVALUATION_SEED

ANGLE_NAMES = ("phi", "theta", "omega")
"""Angles of the rotation of a qubit, in the order in which a circuit reads them."""
THIRDS = 3
"""Regions of a plane of neurons along each side."""
MOST_ORDERED = 32
"""Units of a layer above which the order of their first spikes is left out: it has as many features as pairs."""
MOST_BYTES = 2 * 2**30
"""Memory that a table of features may take."""
AT_ONCE = 250
"""Images that are recorded together."""
Span = tuple[int, int]
"""First step, row or column, and the one after the last."""


@dataclass(frozen=True)
class Feature:
    """One number of a forward pass: `name` says of what, `kind` (one of FEATURES) what is measured of it.

    `layer` is a layer of the record, or None of the quantum head; `units` are its channels, its neurons, or a wire's
    angle or expectation, counted from 0. `steps`, `rows` and `columns` narrow what is looked at.
    """

    kind: str
    name: str
    layer: str | None
    units: tuple[int, ...]
    steps: Span | None = None
    rows: Span | None = None
    columns: Span | None = None

    def measure(self, record: SpikeRecord) -> Tensor:
        """Return the number for each image of a record, [batch]."""
        return FEATURES[self.kind].measure(self, record)

    def words(self, above: float = -math.inf, most: float = math.inf) -> str:
        """Say that the number exceeds `above` and is at most `most`: "qubit 4, angle phi: 3 or more spikes"."""
        return f"{self.name}: {FEATURES[self.kind].words(above, most)}"

    def cells(self, timesteps: int) -> list[tuple[slice, ...]]:
        """Return for each unit the index into trains [time, batch, units, ...] of what is looked at."""
        steps = slice(*(self.steps or (0, timesteps)))
        space = [slice(*span) for span in (self.rows, self.columns) if span is not None]
        return [(steps, slice(None), slice(unit, unit + 1), *space) for unit in self.units]


class Kind(ABC):
    """One kind of features: which ones a record has, their numbers, and intervals of them in words."""

    title: ClassVar[str]

    @abstractmethod
    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        """Go through all features of this kind that a record has."""

    @abstractmethod
    def measure(self, feature: Feature, record: SpikeRecord) -> Tensor:
        """Return the numbers of a feature, [batch]."""

    @abstractmethod
    def words(self, above: float, most: float) -> str:
        """Say that a number exceeds `above` and is at most `most`, in words."""


class Counts(Kind):
    """Spikes of a channel, or of a neuron that is in none, added up over all steps and places."""

    title = "spikes of a channel or neuron"

    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        for layer, unit, name in units_of(record):
            yield Feature("counts", name, layer.name, (unit,))

    def measure(self, feature: Feature, record: SpikeRecord) -> Tensor:
        layer = layer_of(feature, record)
        (cells,) = feature.cells(layer.timesteps)
        return (layer.spikes[cells] != 0).sum(0).flatten(1).sum(1)

    def words(self, above: float, most: float) -> str:
        least, highest = math.floor(above) + 1 if above > -1 else 0, most
        if highest == math.inf:
            return "a spike or more" if least == 1 else f"{least:,} or more spikes"
        last = math.floor(highest)
        if last <= least:
            return "no spike" if least == 0 else f"exactly {counted(least, 'spike')}"
        return f"at most {counted(last, 'spike')}" if least == 0 else f"{least:,} to {last:,} spikes"


class Windows(Counts):
    """Spikes of a channel or neuron in the first half of the steps, and in the second."""

    title = "spikes in the first and in the second half of the steps"

    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        half, end = record.timesteps // 2, record.timesteps
        for layer, unit, name in units_of(record):
            for first, after in ((0, half), (half, end)) if half else ():
                text = f"{name}, {steps_in_words(first, after)}"
                yield Feature("windows", text, layer.name, (unit,), steps=(first, after))


class Regions(Counts):
    """Spikes of a channel in each ninth of its plane."""

    title = "spikes of a channel in each ninth of its plane"

    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        for layer, unit, name in units_of(record):
            if len(layer.neurons) != 3 or min(layer.neurons[1:]) < THIRDS:
                continue
            high, wide = (thirds(side) for side in layer.neurons[1:])
            for vertical, rows in zip(("top", "middle", "bottom"), high, strict=True):
                for sideways, columns in zip(("left", "centre", "right"), wide, strict=True):
                    text = f"{name}, {vertical} {sideways}"
                    yield Feature("regions", text, layer.name, (unit,), rows=rows, columns=columns)


class Latency(Kind):
    """The first step at which a channel or neuron fires; the number of steps where it never does."""

    title = "the step of the first spike of a channel or neuron"

    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        for layer, unit, name in units_of(record):
            yield Feature("latency", name, layer.name, (unit,))

    def measure(self, feature: Feature, record: SpikeRecord) -> Tensor:
        return first_spikes(layer_of(feature, record), feature.units)[:, 0]

    def words(self, above: float, most: float) -> str:
        least = math.floor(above) + 1 if above >= 0 else 0
        if most == math.inf:
            return f"no spike before step {least}" if least else "at any step"
        last = math.floor(most)
        between = f"at step {least}" if last <= least else f"at steps {least} to {last}"
        return f"first spike at step {last} or sooner" if least == 0 and last else f"first spike {between}"


class Order(Kind):
    """Whether the first spike of one channel or neuron of a layer comes before that of another."""

    title = "which of two channels or neurons of a layer fires first"

    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        layers: dict[str, list[tuple[int, str]]] = {}
        for layer, unit, name in units_of(record):
            layers.setdefault(layer.name, []).append((unit, name))
        for path, units in layers.items():
            for (sooner, name), (later, other) in permutations(units, 2) if len(units) <= MOST_ORDERED else ():
                text = f"{name} before {other.removeprefix(f'{path}, ')}"
                yield Feature("order", text, path, (sooner, later))

    def measure(self, feature: Feature, record: SpikeRecord) -> Tensor:
        first, second = first_spikes(layer_of(feature, record), feature.units).unbind(1)
        return (first < second).to(first.dtype)

    def words(self, above: float, most: float) -> str:
        return "true" if above >= 0 else "false" if most < 1 else "true or false"


class Angles(Kind):
    """What a circuit reads, angles in radians: of readout `membrane`, weighted sums of spike counts."""

    title = "an angle that the circuit reads, in radians"

    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        head = record.head
        for unit in range(0 if head is None else head.angles.shape[1]):
            yield Feature("angles", input_name(unit, head), None, (unit,))

    def measure(self, feature: Feature, record: SpikeRecord) -> Tensor:
        if record.head is None:
            raise ConfigError(f"record: got one without a quantum head, expected one with {feature.name}")
        return record.head.angles[:, feature.units[0]]

    def words(self, above: float, most: float) -> str:
        return interval(above, most, " rad")


class Expectations(Kind):
    """Expectations that are read of a circuit, <Z> of each wire by default."""

    title = "an expectation that is read of the circuit, from -1 to 1"

    def features(self, record: SpikeRecord) -> Iterator[Feature]:
        if record.head is not None:
            outputs = record.head.expectations.shape[1]
            each = "qubit {}, <Z>" if record.head.observable == "Z" else "expectation {}"
            for unit in range(outputs):
                yield Feature("expectations", each.format(unit), None, (unit,))

    def measure(self, feature: Feature, record: SpikeRecord) -> Tensor:
        if record.head is None:
            raise ConfigError(f"record: got one without a quantum head, expected one with {feature.name}")
        return record.head.expectations[:, feature.units[0]]

    def words(self, above: float, most: float) -> str:
        return interval(above, most, "")


FEATURES: Choices[Kind] = Choices(
    "features",
    {
        "counts": Counts(),
        "windows": Windows(),
        "regions": Regions(),
        "latency": Latency(),
        "order": Order(),
        "angles": Angles(),
        "expectations": Expectations(),
    },
)
"""Kinds of features by name."""


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of images: `values` float32 [images, features], and the `logits` and `labels` of the images."""

    features: tuple[Feature, ...]
    values: Tensor
    logits: Tensor
    labels: Tensor

    @property
    def answers(self) -> Tensor:
        """What the network answers, class numbers [images]."""
        return self.logits.argmax(1)

    def of_kinds(self, kinds: Sequence[str]) -> FeatureTable:
        """Return the table of some kinds of features alone."""
        return self.only([feature for feature in self.features if feature.kind in kinds])

    def only(self, features: Sequence[Feature]) -> FeatureTable:
        """Return the table of these features alone, in their order."""
        return dataclasses.replace(self, features=tuple(features), values=self.columns(features))

    def columns(self, features: Sequence[Feature]) -> Tensor:
        """Return the values of these features, [images, features]."""
        column = {feature: number for number, feature in enumerate(self.features)}
        return self.values[:, [column[feature] for feature in features]]


def named_features(
    model: nn.Module,
    images: Split,
    kinds: Sequence[str] = ("counts",),
    layers: Sequence[str] | None = None,
    generator: torch.Generator | None = None,
) -> FeatureTable:
    """Run a network over images, and return their features of all `kinds` (see FEATURES).

    `layers` are those of the record that are looked at, all by default. Random encoders draw from `generator`, by
    default one of the same seed in every call. Raises ConfigError on an unknown kind or layer, on a kind of which the
    network has none, where there are no images, and where the table would take more than MOST_BYTES.
    """
    require(isinstance(images, Split) and len(images) > 0, "images", images, "a part of a data set with images in it")
    chosen = {kind: FEATURES.pick(kind, error=ConfigError) for kind in kinds}
    generator = torch.Generator().manual_seed(EVALUATION_SEED) if generator is None else generator
    features: tuple[Feature, ...] | None = None
    values, logits = [], []
    for index in cut(torch.arange(len(images)), AT_ONCE):
        part = record(
            *(model, images.floats(index)),
            layers=layers,
            membranes=False,
            currents=False,
            bloch=False,
            batch_size=len(index),
            generator=generator,
        )
        if features is None:
            features = tuple(feature for kind in chosen.values() for feature in kind.features(part))
            for kind in chosen:
                expected = (
                    f"one that the network has: {', '.join(kinds_in(part)) or 'none, without spikes or a circuit'}"
                )
                require(any(feature.kind == kind for feature in features), "features", kind, expected)
            _check_size(len(features), len(images))
        values.append(measured(features, part))
        logits.append(part.logits)
    assert features is not None
    return FeatureTable(features, torch.cat(values), torch.cat(logits), images.labels)


def kinds_in(record: SpikeRecord) -> list[str]:
    """Return the kinds of features that a record has."""
    return [name for name, kind in FEATURES.items() if next(kind.features(record), None) is not None]


def _check_size(features: int, images: int) -> None:
    size = 4 * features * images
    if size > MOST_BYTES:
        raise ConfigError(
            f"features: got {features:,} of {counted(images, 'image')}, a table of {size / 1e9:.3g} GB, expected at "
            f"most {MOST_BYTES / 1e9:.3g} GB; name fewer kinds or layers, or give fewer images"
        )


def measured(features: Sequence[Feature], record: SpikeRecord) -> Tensor:
    """Return the features of the images of a record, float32 [batch, features]."""
    if not features:
        return torch.zeros(len(record.logits), 0)
    return torch.stack([feature.measure(record).to(torch.float32) for feature in features], 1)


def units_of(record: SpikeRecord) -> Iterator[tuple[LayerRecord, int, str]]:
    """Go through the channels and neurons of all layers of a record, with their names in words."""
    for path, layer in record.layers.items():
        kind = "channel" if len(layer.neurons) > 1 else "neuron"
        head = record.head
        feeds = head is not None and head.fed_by == path and layer.neurons == (head.angles.shape[1],)
        for unit in range(layer.neurons[0] if layer.neurons else 0):
            yield layer, unit, input_name(unit, head) if feeds else f"{path}, {kind} {unit}"


def layer_of(feature: Feature, record: SpikeRecord) -> LayerRecord:
    """Return the layer that a feature is of; ConfigError where the record has it not."""
    if feature.layer is None or feature.layer not in record.layers:
        raise ConfigError(f"record: has no layer {feature.layer}, expected the layers of the features")
    return record.layers[feature.layer]


def train_of(layer: LayerRecord, unit: int) -> Tensor:
    """Return the trains of a channel or neuron, [time, batch, places]."""
    return layer.spikes[:, :, unit : unit + 1].flatten(2)


def first_spikes(layer: LayerRecord, units: Sequence[int]) -> Tensor:
    """Return the first step at which each unit fires, [batch, units]; the number of steps where it never does."""
    fired = torch.stack([(train_of(layer, unit) != 0).any(2) for unit in units], 2)
    return torch.where(fired.any(0), fired.to(torch.uint8).argmax(0), len(fired))


def input_name(unit: int, head: HeadRecord | None) -> str:
    """Return the name of what a circuit reads: "qubit 4, angle phi", or "input 4" of a circuit of one's own."""
    if head is None or head.observable is None:
        return f"input {unit}"
    return f"qubit {unit // len(ANGLE_NAMES)}, angle {ANGLE_NAMES[unit % len(ANGLE_NAMES)]}"


def thirds(side: int) -> list[Span]:
    """Return the spans of three nearly equal parts of a side."""
    ends = [side * part // THIRDS for part in range(THIRDS + 1)]
    return list(pairwise(ends))


def steps_in_words(first: int, after: int) -> str:
    """Return a span of steps in words."""
    return f"step {first}" if after == first + 1 else f"steps {first} to {after - 1}"


def interval(above: float, most: float, unit: str) -> str:
    """Say that a number exceeds `above` and is at most `most`."""
    if above == -math.inf:
        return "any" if most == math.inf else f"at most {most:.3g}{unit}"
    return f"more than {above:.3g}{unit}" if most == math.inf else f"from {above:.3g} to {most:.3g}{unit}"
