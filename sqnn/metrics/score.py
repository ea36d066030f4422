"""How well a network does on labelled images, and how often its neurons fire."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.progress import track
from torch import Tensor, nn

from sqnn.conversion import SpikingNetwork, Watcher, laid_out
from sqnn.core import require
from sqnn.data import Split

ROWS = 512
"""Images times time steps that go through a layer at once."""


@dataclass(frozen=True)
class Score:
    """Accuracy (a fraction) on so many images; mean spikes per neuron and image, nan where nothing spikes."""

    images: int
    accuracy: float
    spikes: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values, None for nan."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


@torch.no_grad()
def score(network: nn.Module, split: Split, *, rows: int = ROWS, progress: bool = False) -> Score:
    """Classify the images of a split with a source network, as it is in evaluation, or with a spiking one.

    `rows` bounds images times time steps of a batch. Raises ConfigError where there are no images.
    """
    require(isinstance(network, nn.Module), "network", type(network).__name__, "a source network or a spiking one")
    require(isinstance(split, Split), "split", type(split).__name__, "a part of a data set, such as data.test")
    require(len(split) > 0, "split", repr(split), "at least one image")
    whole = isinstance(rows, int) and rows >= 1
    require(whole, "rows", rows, "a whole number of at least 1")
    parameter = next(network.parameters())
    timesteps = network.timesteps if isinstance(network, SpikingNetwork) else 1
    modes = {part: part.training for part in network.modules()}
    network.eval()
    right, spikes, neurons = 0, 0, 0
    chunks = torch.arange(len(split)).split(max(1, rows // timesteps))
    try:
        for chosen in track(chunks, "classifying", disable=not progress, transient=True):
            images = split.floats(chosen).to(parameter.device, parameter.dtype)
            output, fired, neurons = _run(network, images)
            right += int((output.argmax(-1).cpu() == split.labels[chosen]).sum())
            spikes += fired
    finally:
        for part, mode in modes.items():
            part.training = mode
    return Score(len(split), right / len(split), spikes / (neurons * len(split)) if neurons else math.nan)


def _run(network: nn.Module, images: Tensor) -> tuple[Tensor, int, int]:
    """Return the output, how many spikes there were, and how many neurons."""
    if not isinstance(network, SpikingNetwork):
        return network(images), 0, 0
    fired: list[int] = []
    neurons: list[int] = []
    if network.order != "layer":
        output, trains = network.record(images)
        return output, sum(int(train.sum()) for train in trains.values()), sum(t[0, 0].numel() for t in trains.values())

    def see(name: str, train: Tensor) -> None:
        # Counted as they come, so that no more than one layer's train is held.
        fired.append(int(torch.count_nonzero(train)))
        neurons.append(train[0].numel())

    output = Watcher(network.spiking, network.sites, see).run(laid_out(network.source, images))
    return output, sum(fired), sum(neurons)
