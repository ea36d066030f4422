"""What the hybrid benchmark measures: training steps of whole networks, and fusion blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.bench.peers.layerwise import Peer
from sqnn.models import create_model

MODEL = "has8-vgg"
OURS = "sqnn"
STEP, BLOCK = "training step", "fusion block"
PUBLISHED = "fourier-sine"
"""The surrogate of the bit planes that the public code of HAS-8 takes by default."""
LEARNING_RATE = 1e-3
"""Of Adam in a training step; too small for weights to run away during a measurement."""


@dataclass(frozen=True)
class HybridSetting:
    """Sizes common to everything that one run compares; the other choices are the network's defaults.

    Raises ValueError on sizes that make no batch: a batch norm needs two images to train.
    """

    in_channels: int = 1
    image_size: tuple[int, int] = (28, 28)
    num_classes: int = 10
    batch: int = 128
    width: int = 16

    def __post_init__(self) -> None:
        if self.batch < 2:
            raise ValueError(f"batch: got {self.batch}, expected at least 2")

    def network(self, variant: str, **options: Any) -> Any:
        """Build our network of one variant; ConfigError (a ValueError) where its configuration refuses the sizes."""
        return create_model(MODEL, self, width=self.width, variant=variant, **options)


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
    """One convolutional stage of our network together with the pool behind it."""

    def __init__(self, stage: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.stage = stage
        self.after = after

    def forward(self, values: Tensor) -> Tensor:
        pooled: Tensor = self.after(self.stage(values))
        return pooled


def convolutions(setting: HybridSetting, **options: Any) -> list[tuple[Convolution, tuple[int, ...]]]:
    """Return the hybrid's convolutional blocks, each with the shape [batch, channels, height, width] that it is fed."""
    network = setting.network("hybrid", **options).eval()
    values = torch.rand(1, setting.in_channels, *setting.image_size)
    found = []
    with torch.no_grad():
        for stage, after in zip(network.stages, network.after, strict=True):
            if values.ndim != 4:
                break
            block = Convolution(stage, after)
            found.append((block, (setting.batch, *values.shape[1:])))
            values = block(values)
    network.train()
    return found


def refusal(workload: Workload, setting: HybridSetting) -> str:
    """Return why a workload cannot be measured, or nothing: peers halve an image in every block, rounding down."""
    if workload.maker == OURS:
        return ""
    blocks = convolutions(setting)
    if workload.task == STEP:
        least = 2 ** len(blocks)
        return f"needs images of {least} x {least}" if min(setting.image_size) < least else ""
    side = min(blocks[workload.number][1][2:])
    return "halves the image, which has one pixel a side" if side < 2 else ""


def build(workload: Workload, setting: HybridSetting, device: str, peers: Mapping[str, Peer]) -> Built:
    """Build a workload on a device, its peer among `peers`, and run it once.

    A training step is forward, cross-entropy, backward and a step of Adam. A block's step is forward and backward from
    a fixed gradient of its output to its weights and, as in the network, to its input unless that is the image. Inner
    inputs are leaky ReLUs of normal values, so that ranges have something to do. Everyone is fed the memory layout that
    its network has there: ours channels last, peers PyTorch's own. Peers' neurons forget the batch before in each step,
    as they must.
    """
    with torch.random.fork_rng(devices=[]):  # peers draw their weights from the global generator
        module, shape = _module(workload, setting, peers)
    module = module.to(device).train()
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(shape, generator=generator)
    reset = peers[workload.maker].reset if workload.maker != OURS else _nothing
    if workload.task == STEP:
        labels = torch.randint(setting.num_classes, shape[:1], generator=generator).to(device)
        step = _training_step(module, reset, values.to(device), labels)
        return Built(step, module, shape, tuple(step().shape))
    if workload.number > 0:
        values = F.leaky_relu(torch.randn(shape, generator=generator))
    if workload.maker == OURS:
        values = values.contiguous(memory_format=torch.channels_last)
    values = values.to(device).requires_grad_(workload.number > 0)
    step = _block_step(module, reset, values)
    return Built(step, module, shape, tuple(step().shape))


def _module(workload: Workload, setting: HybridSetting, peers: Mapping[str, Peer]) -> tuple[nn.Module, tuple[int, ...]]:
    images = (setting.batch, setting.in_channels, *setting.image_size)
    if workload.task == STEP:
        if workload.maker == OURS:
            options = {"encoding_surrogate": workload.surrogate} if workload.surrogate else {}
            return setting.network(workload.variant, **options), images
        peer = peers[workload.maker]
        return peer.network(setting.in_channels, setting.num_classes, setting.width, workload.surrogate), images
    block, shape = convolutions(setting, encoding_surrogate=workload.surrogate)[workload.number]
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
