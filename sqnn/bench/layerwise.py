"""Training steps of layer-wise hybrid networks and their fusion blocks, compared with twins and with peers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.bench.benchmark import Cell, ImageBenchmark, Row
from sqnn.bench.peers import PEERS, Layerwise
from sqnn.bench.timing import TIMING, take_turns
from sqnn.core import option

if TYPE_CHECKING:
    from sqnn.models import HAS8VGG

MODEL = "has8-vgg"
OURS = "sqnn"
STEP, BLOCK = "training step", "fusion block"
PUBLISHED = "fourier-sine"
"""The surrogate of the bit planes that the public code of HAS-8 takes by default."""
LEARNING_RATE = 1e-3
"""Of Adam in a training step; too small for weights to run away during a measurement."""


@dataclass(frozen=True, kw_only=True)
class HybridBenchmark(ImageBenchmark):
    """Time a training step of has8-vgg and of its twins of one kind, and its blocks against the paper's own code.

    A training step is forward, backward and a step of Adam; a block's step is forward and backward; all in float32,
    all taking turns in one process. Blocks are compared with the surrogate that our network has by default and with the
    one that the peers have. A ratio is to the network without spikes, for a block to ours with the same surrogate.
    Peak memory is what a step needs above the weights and the optimiser's state. benchmarks/README.md says how to
    install the paper's code; without it, only ours is measured.

    Examples:

    sqnn bench hybrid

    sqnn bench hybrid --data-shape 3x32x32 --batch 64 --out table.csv
    """

    name = "hybrid"
    key = ("task", "block")
    columns = (
        *("task", "name", "surrogate", "inputs", "outputs", "parameters", "milliseconds", "against", "ratio"),
        *("peak_mib", "device", "note", "block", *TIMING),
    )
    shown = "name surrogate parameters:,d milliseconds:,.2f ratio:.2f peak_mib:,.1f"
    free = ("budget",)
    quick: ClassVar = {"data_shape": "1x8x8", "batch": 16, "width": 4, "budget": 0.2}

    width: int = option(16, "width of has8-vgg")

    def network(self, variant: str, surrogate: str = "") -> HAS8VGG:
        """Build our network of one variant; ConfigError where its configuration refuses the sizes."""
        from sqnn.models import create_model

        options: dict[str, Any] = {"encoding_surrogate": surrogate} if surrogate else {}
        return cast("HAS8VGG", create_model(MODEL, self, width=self.width, variant=variant, **options))

    def cells(self, peers: Mapping[str, Layerwise] | None = None) -> Iterator[Cell]:
        """Yield the training step of whole networks, then each convolutional fusion block."""
        peers = installed_peers() if peers is None else peers
        default = self.network("hybrid").config.gradient_surrogate
        twins = [Workload(STEP, OURS, "", "ann"), Workload(STEP, OURS, default), Workload(STEP, OURS, default, "snn")]
        networks = [*twins, *(Workload(STEP, peer, PUBLISHED) for peer in peers)]
        yield Cell({"task": STEP, "block": None}, partial(self.compare, networks, peers))
        for number in range(len(convolutions(self))):
            blocks = [
                Workload(BLOCK, maker, surrogate, number=number)
                for surrogate in dict.fromkeys((default, PUBLISHED))
                for maker in (OURS, *peers)
                if maker == OURS or surrogate in peers[maker].surrogates
            ]
            yield Cell({"task": BLOCK, "block": number + 1}, partial(self.compare, blocks, peers))

    def title(self, row: Row) -> str:
        return f"{row['task']}, input {row['inputs']}"

    def compare(self, workloads: Sequence[Workload], peers: Mapping[str, Layerwise]) -> list[Row]:
        """Measure the workloads in turns; a ratio is to the first of them, among blocks to the first of its surrogate.

        Raises RuntimeError where a peer's block has other parameters than ours: a ratio would mean nothing.
        """
        notes = {workload: refusal(workload, self) for workload in workloads}
        built = {workload: build(workload, self, peers) for workload in workloads if not notes[workload]}
        timings = take_turns([b.step for b in built.values()], self.budget, device=self.device)
        timed = dict(zip(built, timings, strict=True))
        peaks = dict(zip(built, self.peaks([dataclasses.asdict(workload) for workload in built]), strict=True))
        rows: list[Row] = []
        for workload in workloads:
            base = next(w for w in workloads if workload.task == STEP or w.surrogate == workload.surrogate)
            row: Row = {"name": workload.name, "surrogate": workload.surrogate, "against": base.name}
            row |= {"device": self.device, "note": notes[workload]}
            if workload in built:
                ready, timing = built[workload], timed[workload]
                if workload.task == BLOCK and ready.parameters != built[workloads[0]].parameters:
                    raise RuntimeError(
                        f"{workload.name} has {ready.parameters} parameters, "
                        f"{workloads[0].name} has {built[workloads[0]].parameters}"
                    )
                row |= {"inputs": _shape(ready.inputs), "outputs": _shape(ready.outputs)}
                row |= {"parameters": ready.parameters, "milliseconds": timing.median * 1e3, **timing.columns(1e3)}
                row |= {"ratio": timing.median / timed[base].median, "peak_mib": peaks[workload]}
            rows.append(row)
        return rows

    def step(self, question: dict[str, str | int]) -> Callable[[], object] | None:
        """Build the step of a workload, as plain values; None where its peer is not installed.

        Held before a step, and so not in its memory: weights, the optimiser's state, the batch. In it: activations kept
        for the backward pass, gradients, and every temporary that lives at the peak.
        """
        workload, peers = Workload(**cast(Any, question)), installed_peers()
        return build(workload, self, peers).step if workload.maker in (OURS, *peers) else None


def installed_peers() -> dict[str, Layerwise]:
    """Return the parts of the peers that are installed, by the name that tables have for them."""
    return {peer.title: peer.layerwise() for peer in PEERS.values() if peer.layerwise and peer.installed()}


@dataclass(frozen=True)
class Workload:
    """One thing to measure, as plain values, from which another process builds it again.

    `maker` is `OURS` or a peer's name. A training step is of the network's `variant`; a fusion block is convolution
    `number` (from 0) of the hybrid, whose encoding has this `surrogate` gradient (empty: nothing is encoded).
    """

    task: str
    maker: str
    surrogate: str
    variant: str = "hybrid"
    number: int = 0

    @property
    def name(self) -> str:
        """What tables call it."""
        if self.task == BLOCK:
            return f"block {self.number + 1}, {self.maker}"
        return f"{MODEL} {self.variant}" if self.maker == OURS else f"{self.maker} VGG"


@dataclass(frozen=True)
class Built:
    """A workload ready to run: `step()` computes once, and `module` is what it computes with."""

    step: Callable[[], object]
    module: nn.Module
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.module.parameters() if p.requires_grad)


class Convolution(nn.Module):
    """One convolutional stage of our network together with the pool after it."""

    def __init__(self, stage: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.stage = stage
        self.after = after

    def forward(self, values: Tensor) -> Tensor:
        return self.after(self.stage(values))


def convolutions(benchmark: HybridBenchmark, surrogate: str = "") -> list[tuple[Convolution, tuple[int, ...]]]:
    """Return the hybrid's convolutional blocks, each with the shape [batch, channels, height, width] that it is fed."""
    network = benchmark.network("hybrid", surrogate).eval()
    values = torch.rand(1, benchmark.in_channels, *benchmark.image_size)
    blocks = []
    with torch.no_grad():
        for stage, after in zip(network.stages, network.after, strict=True):
            if values.ndim != 4:
                break
            block = Convolution(stage, after)
            blocks.append((block, (benchmark.batch, *values.shape[1:])))
            values = block(values)
    network.train()
    return blocks


def refusal(workload: Workload, benchmark: HybridBenchmark) -> str:
    """Return why a workload cannot be measured, or nothing: peers halve an image in every block, rounding down."""
    if workload.maker == OURS:
        return ""
    blocks = convolutions(benchmark)
    if workload.task == STEP:
        least = 2 ** len(blocks)
        return f"needs images of {least} x {least}" if min(benchmark.image_size) < least else ""
    side = min(blocks[workload.number][1][2:])
    return "halves the image, which has one pixel a side" if side < 2 else ""


def build(workload: Workload, benchmark: HybridBenchmark, peers: Mapping[str, Layerwise]) -> Built:
    """Build a workload on the benchmark's device, its peer among `peers`, and run it once.

    A training step is forward, cross-entropy, backward and a step of Adam. A block's step is forward and backward from
    a fixed gradient of its output to its weights and, as in the network, to its input unless that is the image. Inner
    inputs are leaky ReLUs of normal values, so that ranges have something to do. Everyone is fed the memory layout that
    its network has there: ours channels last, peers PyTorch's own. Peers' neurons forget the last batch in each step,
    as they must.
    """
    with torch.random.fork_rng(devices=[]):  # peers draw their weights from the global generator
        module, shape = _module(workload, benchmark, peers)
    device = benchmark.device
    module = module.to(device).train()
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(shape, generator=generator)
    reset = peers[workload.maker].reset if workload.maker != OURS else _nothing
    if workload.task == STEP:
        labels = torch.randint(benchmark.num_classes, shape[:1], generator=generator).to(device)
        step = _training_step(module, reset, values.to(device), labels)
        return Built(step, module, shape, tuple(step().shape))
    if workload.number > 0:
        values = F.leaky_relu(torch.randn(shape, generator=generator))
    if workload.maker == OURS:
        values = values.contiguous(memory_format=torch.channels_last)
    values = values.to(device).requires_grad_(workload.number > 0)
    step = _block_step(module, reset, values)
    return Built(step, module, shape, tuple(step().shape))


def _module(
    workload: Workload, benchmark: HybridBenchmark, peers: Mapping[str, Layerwise]
) -> tuple[nn.Module, tuple[int, ...]]:
    images = (benchmark.batch, benchmark.in_channels, *benchmark.image_size)
    if workload.task == STEP:
        if workload.maker == OURS:
            return benchmark.network(workload.variant, workload.surrogate), images
        peer = peers[workload.maker]
        return peer.network(benchmark.in_channels, benchmark.num_classes, benchmark.width, workload.surrogate), images
    block, shape = convolutions(benchmark, workload.surrogate)[workload.number]
    if workload.maker == OURS:
        return block, shape
    with torch.no_grad():
        channels = block.eval()(torch.zeros(1, *shape[1:])).shape[1]
    return peers[workload.maker].block(shape[1], channels, workload.surrogate), shape


def _training_step(
    module: nn.Module, reset: Callable[[nn.Module], object], images: Tensor, labels: Tensor
) -> Callable[[], Tensor]:
    optimizer = torch.optim.Adam(module.parameters(), LEARNING_RATE)

    def step() -> Tensor:
        reset(module)
        logits: Tensor = module(images)
        F.cross_entropy(logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        return logits.detach()

    return step


def _block_step(module: nn.Module, reset: Callable[[nn.Module], object], values: Tensor) -> Callable[[], Tensor]:
    wanted = [*([values] if values.requires_grad else []), *module.parameters()]

    def step() -> Tensor:
        reset(module)
        outputs: Tensor = module(values)
        torch.autograd.grad(outputs, wanted, torch.ones_like(outputs))
        return outputs.detach()

    return step


def _nothing(module: nn.Module) -> None:
    pass


def _shape(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
