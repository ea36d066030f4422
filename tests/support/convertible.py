"""Random networks of QCFS activations to be converted, and the digits of what they compute, counted by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from sqnn.neurons import QCFS

IMAGE = (2, 5, 5)
WIDTH = 3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Normal weights, norms with random statistics, thresholds from 0.3 to 3: in double precision, in evaluation."""
    draw = generator(seed)
    model = model.double().eval()
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, QCFS):
                drawn = torch.rand(layer.raw_threshold.shape, generator=draw, dtype=torch.float64)
                layer.set_threshold(0.3 + 2.7 * drawn)
                continue
            for parameter in layer.parameters(recurse=False):
                parameter.normal_(generator=draw)
                # Currents of a threshold's size: weights by their number, biases below them.
                if parameter.ndim > 1:
                    parameter.mul_(2 * parameter[0].numel() ** -0.5)
                elif isinstance(layer, nn.Linear | nn.Conv2d):
                    parameter.mul_(0.3)
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.running_mean.normal_(generator=draw)
                layer.running_var.uniform_(0.3, 2, generator=draw)
    return model


def draw_images(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


def plain(timesteps: int = 3, hidden: int = 3, seed: int = 10) -> nn.Module:
    """Convolutions of three channels on 1 x 4 x 4 images, an activation behind each, and a linear layer."""
    layers: list[nn.Module] = []
    for index in range(hidden):
        layers += [nn.Conv2d(3 if index else 1, 3, 3, padding=1), QCFS(timesteps)]
    return randomise(nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 4)), seed)


@dataclass(frozen=True)
class BlockSpec:
    kind: str
    bias: bool
    norm: str
    dropout: bool


@dataclass(frozen=True)
class Spec:
    timesteps: int
    by_channel: bool
    blocks: tuple[BlockSpec, ...]
    view: bool
    hidden: bool
    seed: int


BLOCKS = st.builds(
    BlockSpec,
    kind=st.sampled_from(("plain", "skip", "concat", "pool", "shared", "twice")),
    bias=st.booleans(),
    norm=st.sampled_from(("none", "affine", "plain")),
    dropout=st.booleans(),
)
SPECS = st.builds(
    Spec,
    timesteps=st.sampled_from((2, 3, 4, 6, 8)),
    by_channel=st.booleans(),
    blocks=st.lists(BLOCKS, min_size=1, max_size=4).map(tuple),
    view=st.booleans(),
    hidden=st.booleans(),
    seed=st.integers(0, 10**6),
)


class RandomBlock(nn.Module):
    def __init__(self, spec: BlockSpec, inputs: int, activation: QCFS) -> None:
        super().__init__()
        self.kind = spec.kind
        self.conv = nn.Conv2d(inputs, WIDTH, 3, padding=1, bias=spec.bias)
        self.norm = nn.Identity() if spec.norm == "none" else nn.BatchNorm2d(WIDTH, affine=spec.norm == "affine")
        self.activation = activation
        self.dropout = nn.Dropout(0.5) if spec.dropout else nn.Identity()
        self.outputs = WIDTH + inputs if spec.kind == "concat" else WIDTH
        if spec.kind == "skip":
            self.shortcut = nn.Identity() if inputs == WIDTH else nn.Conv2d(inputs, WIDTH, 1)
        if spec.kind in ("shared", "twice"):
            self.second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        if spec.kind == "pool":
            self.pool = nn.AvgPool2d(2, ceil_mode=True)

    def forward(self, values: Tensor) -> Tensor:
        current = self.conv(values)
        if self.kind == "twice":
            current = self.second(current)
        current = self.norm(current)
        if self.kind == "skip":
            current = current + self.shortcut(values)
        spikes = self.activation(current)
        if self.kind == "shared":
            spikes = self.activation(self.second(spikes))
        if self.kind == "concat":
            spikes = torch.cat([values, spikes], 1)
        if self.kind == "pool":
            spikes = self.pool(spikes)
        return self.dropout(spikes)


class RandomNetwork(nn.Module):
    """Blocks as the specification has them; the second and the third share one activation module."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.view = spec.view
        channels, side, blocks = IMAGE[0], IMAGE[1], []
        activations = [QCFS(spec.timesteps, channels=WIDTH if spec.by_channel else None) for _ in spec.blocks]
        activations[2:3] = activations[1:2]
        for block, activation in zip(spec.blocks, activations, strict=False):
            blocks.append(RandomBlock(block, channels, activation))
            channels = blocks[-1].outputs
            side = (side + 1) // 2 if block.kind == "pool" else side
        self.blocks = nn.Sequential(*blocks)
        size = channels * side**2
        inner = [nn.Linear(size, 6), QCFS(spec.timesteps, channels=6 if spec.by_channel else None)]
        self.head = nn.Sequential(*(inner if spec.hidden else []), nn.Linear(6 if spec.hidden else size, 4))
        randomise(self, spec.seed)

    def forward(self, images: Tensor) -> Tensor:
        features = self.blocks(images)
        flat = features.view(features.size(0), -1) if self.view else features.flatten(1)
        return self.head(flat)


def levels_by_hand(values: np.ndarray, threshold: np.ndarray | float, steps: int) -> np.ndarray:
    """Nearest level of each value, halves upwards."""
    return np.clip(np.floor(values * steps / threshold + 0.5), 0, steps).astype(int)


def digits_by_hand(levels: np.ndarray, timesteps: int) -> np.ndarray:
    """Binary digits, most significant first: [timesteps, ...]."""
    flat = [[int(digit) for digit in format(int(level), f"0{timesteps}b")] for level in levels.ravel()]
    return np.array(flat).T.reshape(timesteps, *levels.shape)
