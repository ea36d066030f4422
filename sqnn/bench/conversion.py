"""Forward passes of spiking networks, compared with those of the network they were converted from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.bench.benchmark import Cell, ImageBenchmark, Row
from sqnn.bench.peers import PEERS, Run
from sqnn.bench.timing import TIMING, take_turns
from sqnn.core import ConfigError, option, require_one_of

SOURCE, TWIN = "source", "relu twin"
FUSED = "fused"
LAYERS = "layer by layer"
FOLDED = "layer by layer, folded norms"
RATE_LAYERS = "rates, layer by layer"
RATE_STEPS = "rates, step by step"
OURS: tuple[str, ...] = (SOURCE, TWIN, FUSED, LAYERS, FOLDED, RATE_LAYERS, RATE_STEPS)
"""The source network of QCFS activations, its twin of ReLUs, and the spiking networks made of the source."""
EXACT = frozenset({FUSED, LAYERS, FOLDED})
"""Those that give the source's outputs but for rounding."""
SETTLING_PASSES = 3
"""Batches, in training mode, that give the batch norms statistics of their own."""
FLOAT_BYTES = 4

Converter = Callable[[nn.Module, Tensor, int], Run]
"""Convert a ReLU network, calibrated on some images, and return how to run it for so many time steps."""


@dataclass(frozen=True, kw_only=True)
class ConversionBenchmark(ImageBenchmark):
    """Time forward passes of a source network and of the spiking networks that conversion makes of it.

    The source network (QCFS activations), its ReLU twin, the exact conversion fused and layer by layer, the conversion
    by rates, and SpikingJelly's converter where it is installed (benchmarks/README.md), all in float32 without
    gradients, all taking turns in one process. "changed" counts images classified otherwise than by the source, by
    SpikingJelly otherwise than by the ReLU twin that it converts. Peak memory is what a forward pass needs above
    weights and images; its bound is the source's peak plus the spikes of the largest layer: of all time steps
    of a T-th of the batch, or of one step of all of it.

    Examples:

    sqnn bench conversion

    sqnn bench conversion --model vgg11 --width-multiplier 0.25 --timesteps 8 --out table.csv
    """

    name = "conversion"
    key = ("model", "width_multiplier", "inputs", "timesteps")
    columns = (
        *("name", *key, "milliseconds", "against", "ratio", "changed", "peak_mib", "spikes_mib", "bound_mib"),
        *("device", "note", *TIMING),
    )
    shown = "name milliseconds:,.2f ratio:.2f changed:,d peak_mib:,.1f spikes_mib:,.1f bound_mib:,.1f"
    free = ("model", "width_multiplier", "data_shape", "batch", "timesteps", "budget")
    quick: ClassVar = {"width_multiplier": 0.25, "batch": 8, "budget": 0.2}

    model: str = option("resnet20", "source network")
    data_shape: str = option("3x32x32", "channels x height x width of an image")
    batch: int = option(64, "images of a forward pass", least=2)
    timesteps: int = option(4, "time steps of every spiking network")
    width_multiplier: float = option(1.0, "factor on all widths")

    def validate(self) -> None:
        super().validate()
        from sqnn.models import MODELS, SourceConfig

        require_one_of("model", self.model, [n for n, m in MODELS.items() if issubclass(m.config_class, SourceConfig)])

    def title(self, row: Row) -> str:
        return f"{self.model}, forward pass of {row['inputs']}, {self.timesteps} time steps, memory in MiB"

    def sources(self) -> tuple[nn.Module, nn.Module]:
        """Build the source network and its ReLU twin, of the same weights, in evaluation mode, their norms settled."""
        from sqnn.models import create_model

        width = self.width_multiplier
        source = create_model(self.model, self, width_multiplier=width, activation="qcfs", timesteps=self.timesteps)
        source.train()
        with torch.no_grad():
            for number in range(SETTLING_PASSES):
                source(self.images(number))
        twin = create_model(self.model, self, width_multiplier=width)
        twin.load_state_dict({name: value for name, value in source.state_dict().items() if name in twin.state_dict()})
        return source.eval().to(self.device), twin.eval().to(self.device)

    def cells(self, converters: Mapping[str, Converter] | None = None) -> Iterator[Cell]:
        """Yield the one comparison, installed converters included."""
        converters = installed_converters() if converters is None else converters
        inputs = f"{self.batch}x{self.data_shape}"
        values = (self.model, self.width_multiplier, inputs, self.timesteps)
        yield Cell(dict(zip(self.key, values, strict=True)), partial(self.compare, converters))

    def compare(self, converters: Mapping[str, Converter]) -> list[Row]:
        """Measure all networks in turns; `note` says why one could not be made."""
        source, twin = self.sources()
        images = self.images().to(self.device)
        forwards: dict[str, Forward] = {}
        notes: dict[str, str] = {}
        classes: dict[str, Tensor] = {}
        for name in (*OURS, *converters):
            try:
                forward = forward_of(name, self, source, twin, converters)
                classes[name] = call(forward, images)().argmax(1)
            except ConfigError as error:  # not every network has every order of execution
                notes[name] = str(error)
                continue
            forwards[name] = forward
        calls = [call(forward, images) for forward in forwards.values()]
        timings = dict(zip(forwards, take_turns(calls, self.budget, device=self.device), strict=True))
        peaks = dict(zip(forwards, self.peaks(list(forwards)), strict=True))
        layer, source_peak = largest_layer_mib(source, self), peaks[SOURCE]
        rows: list[Row] = []
        for name in (*OURS, *converters):
            row: Row = {"name": name, "against": SOURCE, "device": self.device, "note": notes.get(name, "")}
            if name in forwards:
                timing, spikes = timings[name], layer * forwards[name].trains
                origin = TWIN if name in converters else SOURCE
                row |= {"milliseconds": timing.median * 1e3, **timing.columns(1e3)}
                row |= {"ratio": timing.median / timings[SOURCE].median, "peak_mib": peaks[name], "spikes_mib": spikes}
                row |= {"changed": int((classes[name] != classes[origin]).sum())}
                row |= {"bound_mib": None if source_peak is None else source_peak + spikes}
            rows.append(row)
        return rows

    def step(self, question: str) -> Callable[[], object] | None:
        """Build the forward pass of the network of this name; None for a peer that is not installed."""
        converters = installed_converters()
        if question not in (*OURS, *converters):
            return None
        source, twin = self.sources()
        return call(forward_of(question, self, source, twin, converters), self.images().to(self.device))


def installed_converters() -> dict[str, Converter]:
    """Return the conversions of the peers that are installed, by name."""
    return {peer.title: peer.convert for peer in PEERS.values() if peer.convert and peer.installed()}


@dataclass(frozen=True)
class Forward:
    """A network ready to run: `run(images)` is its forward pass, without gradients.

    `trains` is how much of a layer's spikes is in memory at once, in time steps of the whole batch, 0 where none are: a
    T-th of the batch with all its steps is as much as one step of all of it.
    """

    run: Callable[[Tensor], Tensor]
    trains: int = 0


def forward_of(
    name: str, benchmark: ConversionBenchmark, source: nn.Module, twin: nn.Module, converters: Mapping[str, Converter]
) -> Forward:
    """Return the forward pass of the named network: one of `OURS`, or a peer's conversion of the twin."""
    from sqnn.conversion import convert, convert_rate

    made: dict[str, Callable[[], Forward]] = {
        SOURCE: lambda: Forward(source),
        TWIN: lambda: Forward(twin),
        FUSED: lambda: Forward(convert(source).using("fused")),
        LAYERS: lambda: Forward(convert(source), 1),
        FOLDED: lambda: Forward(convert(source, fold_batch_norm=True), 1),
        RATE_LAYERS: lambda: Forward(convert_rate(source, benchmark.timesteps), 1),
        RATE_STEPS: lambda: Forward(convert_rate(source, benchmark.timesteps).using("step"), 1),
    }
    if name in made:
        return made[name]()
    device = next(twin.parameters()).device
    return Forward(converters[name](twin, benchmark.images().to(device), benchmark.timesteps), 1)


def call(forward: Forward, images: Tensor) -> Callable[[], Tensor]:
    """Return the forward pass of one batch as a call without arguments."""

    @torch.no_grad()
    def run() -> Tensor:
        return forward.run(images)

    return run


def largest_layer_mib(source: nn.Module, benchmark: ConversionBenchmark) -> float:
    """Return the memory of the spikes of one time step of the largest layer, as float32 numbers, in MiB."""
    from sqnn.conversion import convert

    spiking = convert(source)
    device = next(source.parameters()).device
    _, spikes = spiking.record(benchmark.images()[:1].to(device))
    neurons = max(layer[0].numel() for layer in spikes.values())
    return float(benchmark.batch * neurons * FLOAT_BYTES / 2**20)
