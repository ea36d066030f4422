"""The proof of a conversion: every spike compared with the bit that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from sqnn.conversion.calibration import images_of
from sqnn.conversion.codes import digits, levels_of
from sqnn.conversion.convert import common_timesteps
from sqnn.conversion.graph.carry import plan
from sqnn.conversion.graph.nodes import activation_of, site_name
from sqnn.conversion.graph.trace import laid_out, trace
from sqnn.conversion.graph.watcher import Watcher
from sqnn.conversion.network import SpikingNetwork
from sqnn.core import ConfigError, require
from sqnn.data import Split
from sqnn.neurons import to_levels

if TYPE_CHECKING:
    import pandas as pd

BATCH = 64
TOLERANCE: Mapping[str, float] = MappingProxyType({"float64": 1e-9, "float32": 1e-3})
"""Largest difference of an output that rounding explains, as a share of the largest output, or of 1 below it."""


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
    largest output is another one, `output_scale` the largest absolute output.
    """

    images: int
    timesteps: int
    precision: str
    order: str
    layers: tuple[LayerReport, ...]
    output_difference: float
    output_scale: float
    changed: int

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
        rounding = TOLERANCE[self.precision] * max(1.0, self.output_scale)
        return self.mismatches == 0 and self.changed == 0 and self.output_difference <= rounding

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
            f"({self.precision}, {self.order})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.frame.to_html(index=False)}"


@torch.no_grad()
def verify(
    model: nn.Module, spiking: SpikingNetwork, data: Tensor | Split, *, batch_size: int = BATCH, progress: bool = False
) -> Verification:
    """Compare, image by image and layer by layer, the spikes of `spiking` with the bits of `model`'s activations.

    `model` is the source network, run on its own; `data` are images [batch, ...] or a part of a data set. Everything is
    computed in the networks' own precision: for a proof convert `model.double()`, for single precision the count says
    how many activations lay so close to the edge of a level that the order of a sum decided.

    Raises ConfigError where the two networks do not go together, or there are no images.
    """
    require(isinstance(model, nn.Module), "model", type(model).__name__, "the source network")
    require(isinstance(spiking, SpikingNetwork), "spiking", type(spiking).__name__, "what convert made of the model")
    from rich.progress import track

    images = images_of(data, batch_size)
    parameter = next(spiking.parameters())
    theirs = next(model.parameters())
    ours, wanted = parameter.dtype, theirs.dtype
    name = str(wanted).removeprefix("torch.")
    require(name in TOLERANCE, "model", name, f"a precision of {', '.join(TOLERANCE)} (model.double() for a proof)")
    require(ours == wanted, "spiking", ours, f"{wanted} as the model has (convert it in that precision)")
    require(
        spiking.how.code.name == "planes", "spiking", spiking.how.code.name, "a code of bit planes, as convert makes"
    )
    source = _Source(model)
    tallies = {path: _Tally() for path in source.sites.values()}
    if tallies.keys() != set(spiking.sites.values()):
        raise ConfigError("spiking: has other activations than model; convert the model that it is compared with")
    bits, stored = source.timesteps, spiking.how.code.steps.bit_length()
    require(bits == stored, "spiking", stored, f"a conversion of the model's {bits} bits; convert the model")
    difference = scale = 0.0
    changed = 0
    for part in track(images.split(int(batch_size)), "comparing bits", disable=not progress, transient=True):
        part = part.to(theirs.device, theirs.dtype)
        expected, seen = source.run(part)
        output, spikes = spiking.record(part)
        pairs = list(zip(tree_leaves(output), tree_leaves(expected), strict=True))
        difference = _largest(difference, *(float((ours - wanted).abs().max()) for ours, wanted in pairs))
        scale = _largest(scale, *(float(wanted.abs().max()) for _, wanted in pairs))
        moved = _choice(pairs[0][0]) != _choice(pairs[0][1])
        changed += int(moved.reshape(len(part), -1).any(1).sum())
        clean = torch.ones(len(part), dtype=torch.bool, device=theirs.device)
        for path, activation in seen.items():
            clean = tallies[path].add(activation, spikes[path], clean)
    return Verification(
        images=len(images),
        timesteps=spiking.timesteps,
        precision=name,
        order=spiking.order,
        layers=tuple(tally.report(path, len(images)) for path, tally in tallies.items()),
        output_difference=difference,
        output_scale=scale,
        changed=changed,
    )


def _largest(*numbers: float) -> float:
    """Return the largest number, NaN where one is."""
    return float(torch.tensor(numbers, dtype=torch.float64).max())


def _choice(output: Tensor) -> Tensor:
    """Return the places of the largest outputs; a network with one number per image has but one."""
    return output.reshape(len(output), -1).argmax(-1) if output.ndim < 3 else output.argmax(-1)


@dataclass(frozen=True)
class _Activation:
    """What one QCFS received, counted in levels, and the bits that it gave: bool [timesteps, batch, ...]."""

    membrane: Tensor
    bits: Tensor


class _Source:
    """The source network as a graph whose activations can be looked at."""

    def __init__(self, model: nn.Module) -> None:
        self.graph = trace(model)
        layout = plan(self.graph, integrate=True)
        self.calls = {node.name: node for node in layout.neurons}
        self.sites = {name: site_name(self.graph, node) for name, node in self.calls.items()}
        self.timesteps = common_timesteps(self.graph, layout)

    def run(self, images: Tensor) -> tuple[object, dict[str, _Activation]]:
        """Return the output and, by path and in the order of the layers, what the activations received and gave."""
        received: dict[str, Tensor] = {}
        seen: dict[str, _Activation] = {}
        feeds = {name: node.all_input_nodes[0].name for name, node in self.calls.items()}

        def see(name: str, output: Tensor) -> None:
            received[name] = output
            if name in self.calls:
                layer = activation_of(self.graph, self.calls[name])
                threshold = layer.threshold_for(output)
                bits = digits(levels_of(output, threshold, layer.steps), layer.timesteps)
                membrane = to_levels(received[feeds[name]], threshold, layer.steps)
                seen[self.sites[name]] = _Activation(membrane, bits)

        output = Watcher(self.graph, {*feeds, *feeds.values()}, see).run(laid_out(self.graph, images))
        return output, seen


class _Tally:
    """The counts of one layer over all images."""

    def __init__(self) -> None:
        self.neurons = self.bits = self.mismatches = self.first = self.spikes = 0
        self.edge = 0.0

    def add(self, activation: _Activation, spikes: Tensor, clean: Tensor) -> Tensor:
        """Count one batch; return which images still agree, given which (`clean`) agreed in all layers before."""
        differs = activation.bits[: len(spikes)] != spikes
        self.neurons = activation.membrane[0].numel()
        self.bits += spikes.numel()
        self.spikes += int(spikes.sum())
        wrong = int(differs.sum())
        if not wrong:
            return clean
        self.mismatches += wrong
        by_image = differs.movedim(1, 0).flatten(1)
        self.first += int(by_image[clean].sum())
        moved = differs.any(0) & clean.view(-1, *(1 for _ in activation.membrane.shape[1:]))
        membrane = activation.membrane[moved]
        self.edge = max(self.edge, float((membrane - membrane.round()).abs().amax())) if len(membrane) else self.edge
        return clean & ~by_image.any(1)

    def report(self, layer: str, images: int) -> LayerReport:
        """Return the counts."""
        rate = self.spikes / (self.neurons * images)
        return LayerReport(layer, self.neurons, self.bits, self.mismatches, self.first, self.edge, rate)
