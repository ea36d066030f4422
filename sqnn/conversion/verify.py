"""The proof of a conversion: every spike compared with the bit that it stands for in the network as it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from sqnn.conversion.calibration import images_of
from sqnn.conversion.codes import levels_of
from sqnn.conversion.errors import first_line, own_line
from sqnn.conversion.match import Match, Site, match, sites_of
from sqnn.conversion.network import SpikingNetwork
from sqnn.conversion.observe import Observation, Observer, evaluating
from sqnn.conversion.outputs import Outputs
from sqnn.core import RAISED, ConfigError, require
from sqnn.data import Split
from sqnn.models import HasNetwork, network_of
from sqnn.neurons import QCFS, qcfs, to_levels

if TYPE_CHECKING:
    import pandas as pd

BATCH = 64
FEW = 2
"""Images of a batch that is compared before the others: networks that depend on its size show themselves."""
TOLERANCE: Mapping[str, float] = MappingProxyType({"float64": 1e-9, "float32": 1e-3})
"""Largest difference of an output that rounding explains, as a share of the largest output, or of 1 below it."""

UNSTEADY = (
    "model: gives {} when the same images pass again, which no conversion can equal; "
    "keep random numbers, and what changes from pass to pass, out of its forward"
)


@dataclass(frozen=True)
class LayerReport:
    """One layer of neurons: bits compared over all images, those that differ, and how often a neuron fires.

    `first` counts the differing bits of images in which all layers before agree; `edge` is the largest distance, in
    levels, between the source network's activation input and the edge of a level, over the neurons of these bits:
    rounding moves only values that lie on an edge. `spikes` is the mean number of spikes per neuron and image.
    """

    layer: str
    neurons: int
    bits: int
    mismatches: int
    first: int
    edge: float
    spikes: float


@dataclass(frozen=True, repr=False)
class Verification:
    """How a spiking network compares with its source on some images.

    `output_difference` is the largest absolute difference between two outputs, `changed` the number of images whose
    largest output is another one, `output_scale` the largest absolute output, `output_share` the largest difference as
    a share of the largest value of the same output, or of 1 below it; infinite where outputs that are no numbers, or of
    no floating point, are not the same. `compared` says in words what the spiking network was compared with.
    """

    images: int
    timesteps: int
    precision: str
    order: str
    layers: tuple[LayerReport, ...]
    output_difference: float
    output_scale: float
    changed: int
    output_share: float
    compared: str

    @property
    def bits(self) -> int:
        """Bits that were compared."""
        return sum(layer.bits for layer in self.layers)

    @property
    def mismatches(self) -> int:
        """Bits that differ."""
        return sum(layer.mismatches for layer in self.layers)

    @property
    def exact(self) -> bool:
        """Whether no bit differs, no prediction changed, and outputs agree to rounding."""
        return self.mismatches == 0 and self.changed == 0 and self.output_share <= TOLERANCE[self.precision]

    @property
    def edge(self) -> float:
        """Largest distance from the edge of a level, in levels, among the bits that differ first; 0 without any."""
        return max((layer.edge for layer in self.layers), default=0.0)

    @property
    def spikes(self) -> float:
        """Mean number of spikes per neuron and image over the whole network."""
        return sum(layer.spikes * layer.neurons for layer in self.layers) / sum(layer.neurons for layer in self.layers)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per layer."""
        import pandas as pd

        return pd.DataFrame([asdict(layer) for layer in self.layers])

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain values."""
        sums = {"bits": self.bits, "mismatches": self.mismatches}
        verdict = {"exact": self.exact, "edge": self.edge, "spikes": self.spikes}
        return {**asdict(self), "layers": [asdict(layer) for layer in self.layers], **sums, **verdict}

    def __repr__(self) -> str:
        verdict = "exact" if self.exact else "not exact"
        return (
            f"{verdict}: {self.mismatches:,} of {self.bits:,} bits differ, {self.changed:,} of {self.images:,} "
            f"predictions changed, largest difference of an output {self.output_difference:.3g} "
            f"({self.precision}, {self.order}); compared with {self.compared}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.frame.to_html(index=False)}"


@torch.no_grad()
def verify(
    model: nn.Module | HasNetwork,
    spiking: SpikingNetwork,
    data: Tensor | Split,
    *,
    batch_size: int = BATCH,
    progress: bool = False,
) -> Verification:
    """Compare, image by image and layer by layer, the spikes of `spiking` with the bits of `model`'s activations.

    `model` is the source network, or the run that trained it, and runs as it is, in evaluation, by its own forward
    pass: nothing of it is traced. Its QCFS activations are watched by hooks. Where it has other activations, it is a
    network that was prepared: each of them then gives the nearest level of the spiking neurons that stand for it, in
    the order of execution, and max pools take means where those of the spiking network do; the report says so. `data`
    are images [batch, ...] or a part of a data set. Everything is computed in the networks' own precision: for a proof
    convert `model.double()`, for single precision the count says how many activations lay so close to the edge of a
    level that the order of a sum decided.

    Raises ConfigError where the two networks do not go together, where two passes of the model over the same images
    differ, or there are no images.
    """
    model = network_of(model)
    require(isinstance(model, nn.Module), "model", type(model).__name__, "the source network")
    require(isinstance(spiking, SpikingNetwork), "spiking", type(spiking).__name__, "what convert made of the model")
    from rich.progress import track

    images = images_of(data, batch_size)
    ours = next(spiking.parameters())
    theirs = next(model.parameters(), ours)
    name = str(theirs.dtype).removeprefix("torch.")
    require(name in TOLERANCE, "model", name, f"a precision of {', '.join(TOLERANCE)} (model.double() for a proof)")
    for given, wanted in ((ours.dtype, theirs.dtype), (ours.device, theirs.device)):
        require(
            given == wanted, "spiking", given, f"{wanted} as the model has (convert it in that precision and place)"
        )
    require(
        spiking.how.code.name == "planes", "spiking", spiking.how.code.name, "a code of bit planes, as convert makes"
    )
    observer = Observer(model)
    tallies = {site.path: _Tally() for site in sites_of(spiking)}
    with evaluating(model):
        first = images[: int(batch_size)].to(theirs.device, theirs.dtype)
        few = first[:FEW]
        whole, trains = spiking.record(few)
        outputs = Outputs(whole, len(few))
        outputs.compare_forms(spiking(few), whole)
        matched = match(_steady(observer, first), spiking, trains)
        alone = {path: _Tally() for path in tallies}
        if len(few) < len(first):
            outputs.add(whole, _run(observer, matched, few, trains, alone), len(few))
            outputs.changed = 0  # the images come again in a whole batch
        parts = images.split(int(batch_size))
        for part in track(parts, "comparing bits", disable=not progress, transient=True):
            part = part.to(theirs.device, theirs.dtype)
            output, spikes = spiking.record(part)
            outputs.add(output, _run(observer, matched, part, spikes, tallies), len(part))
    for path, tally in tallies.items():
        tally.mismatches = max(tally.mismatches, alone[path].mismatches)
    return Verification(
        images=len(images),
        timesteps=spiking.timesteps,
        precision=name,
        order=spiking.order,
        layers=tuple(tally.report(path, len(images)) for path, tally in tallies.items()),
        output_difference=outputs.difference,
        output_scale=outputs.scale,
        changed=outputs.changed,
        output_share=outputs.share,
        compared=matched.words + (", run without its compiler" if observer.compiled else ""),
    )


def _steady(observer: Observer, images: Tensor) -> Observation:
    """Return what one pass over the images runs; ConfigError where a second one differs."""
    with _told(images):
        one, other = observer.observe(images), observer.observe(images)
    outputs = Outputs(one.output, len(images))
    finite, again = (tree_map_only(Tensor, torch.nan_to_num, each.output) for each in (one, other))
    outputs.add(again, finite, len(images))
    if one.calls != other.calls:
        raise ConfigError(UNSTEADY.format("other activations"))
    if outputs.share > TOLERANCE["float32"]:
        raise ConfigError(UNSTEADY.format(f"outputs {outputs.difference:.3g} apart"))
    return one


@contextmanager
def _told(images: Tensor) -> Iterator[None]:
    """Tell in one line, with the number of images, what a model raises."""
    try:
        yield
    except ConfigError:
        raise
    except RAISED as error:  # the model's own, of whatever class
        why = f"{first_line(error)}){own_line(error)}; a proof takes batches of two sizes"
        raise ConfigError(f"model: does not run on {len(images)} images ({why}") from error


def _run(
    observer: Observer, matched: Match, images: Tensor, spikes: Mapping[str, Tensor], tallies: Mapping[str, _Tally]
) -> object:
    """Return what the model gives for the images; the spikes are compared with its activations one after the other."""
    sites = iter(matched.sites)
    clean = torch.ones(len(images), dtype=torch.bool, device=images.device)

    def take() -> Site:
        site = next(sites, None)
        if site is None:
            raise ConfigError(UNSTEADY.format("other activations"))
        return site

    def see(site: Site, activation: _Activation) -> None:
        nonlocal clean
        ours, theirs = spikes[site.path].shape[1:], activation.given.shape
        if ours != theirs:
            mend = "convert the model that it is compared with"
            raise ConfigError(f"spiking: has shape {list(ours)} at {site.path}, where model has {list(theirs)}; {mend}")
        clean = tallies[site.path].add(activation, spikes[site.path], clean)

    def hooked(path: str, own: QCFS, received: Tensor, given: Tensor) -> None:
        see(take(), _Activation(received, given, own.threshold_for(given), own.steps))

    def rounded(kind: str, received: Tensor) -> Tensor | None:
        if kind not in matched.rounded:
            return None
        site = take()
        threshold, steps = site.neurons.threshold_for(received), site.neurons.code.steps
        given = qcfs(received, threshold, steps)
        see(site, _Activation(received, given, threshold, steps))
        return given

    answers = (rounded, lambda: matched.average) if matched.rounded or matched.average else ()
    with _told(images):
        output = observer.run(images, hooked, *answers)
    if next(sites, None) is not None:
        raise ConfigError(UNSTEADY.format("other activations"))
    return output


@dataclass(frozen=True)
class _Activation:
    """What an activation received and gave, [batch, ...], and its threshold, in a shape that broadcasts over them."""

    received: Tensor
    given: Tensor
    threshold: Tensor
    steps: int


class _Tally:
    """The counts of one layer over all images."""

    def __init__(self) -> None:
        self.neurons = self.bits = self.mismatches = self.first = self.spikes = 0
        self.edge = 0.0

    def add(self, activation: _Activation, spikes: Tensor, clean: Tensor) -> Tensor:
        """Count one batch; return which images still agree, given which (`clean`) agreed in all layers before."""
        self.neurons = spikes[0, 0].numel()
        self.bits += spikes.numel()
        self.spikes += int(spikes.count_nonzero())
        steps, sent = activation.steps, len(spikes)
        levels = levels_of(activation.given, activation.threshold, steps).int()
        bits = levels >> (steps.bit_length() - sent)
        differs = bits != _number(spikes)
        if not differs.any():
            return clean
        wrong = bits[differs] ^ _number(spikes)[differs]
        # A value that is no level at all has no bits that could agree.
        wrong[(levels[differs] < 0) | (levels[differs] > steps)] = 2**sent - 1
        counts = sum(((wrong >> place) & 1 for place in range(sent)), torch.zeros_like(wrong))
        image = differs.nonzero()[:, 0]
        self.mismatches += int(counts.sum())
        self.first += int(counts[clean[image]].sum())
        moved = activation.received[differs][clean[image]]
        if len(moved):
            threshold = activation.threshold.expand_as(activation.received)[differs][clean[image]]
            membrane = to_levels(moved, threshold, steps)
            self.edge = max(self.edge, float((membrane - membrane.round()).abs().max()))
        return clean & ~differs.flatten(1).any(1)

    def report(self, layer: str, images: int) -> LayerReport:
        """Return the counts."""
        rate = self.spikes / (self.neurons * images)
        return LayerReport(layer, self.neurons, self.bits, self.mismatches, self.first, self.edge, rate)


def _number(spikes: Tensor) -> Tensor:
    """Return the whole numbers whose binary digits, most significant first, are bool [timesteps, ...]."""
    number = torch.zeros_like(spikes[0], dtype=torch.uint8 if len(spikes) <= 8 else torch.int32)
    for plane in spikes.view(torch.uint8):
        number.mul_(2).add_(plane)
    return number.int()
