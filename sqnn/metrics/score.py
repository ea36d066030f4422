"""Accuracy and spike rate of source networks and spiking ones."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from sqnn.conversion import SpikingNetwork, Watcher
from sqnn.core import AUTO, Threads, is_whole, require
from sqnn.data import Split
from sqnn.metrics.accuracy import run_batches
from sqnn.metrics.own_network import TRIED, check_own
from sqnn.models import HasNetwork, Network, logits_of, network_of, require_network

ROWS = 512
"""Images times time steps per batch."""


@dataclass(frozen=True)
class Score:
    """Accuracy (a fraction) on so many images; mean spikes per neuron and image, nan where nothing spikes."""

    images: int
    accuracy: float
    spikes: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers as plain values, None for nan."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


@torch.no_grad()
def score(
    network: nn.Module | HasNetwork, split: Split, *, rows: int = ROWS, progress: bool = False, threads: Threads = AUTO
) -> Score:
    """Classify the images of a split with a source network, in evaluation mode, or with a spiking one.

    `rows` bounds images times time steps of a batch; `threads` are those of the CPU, by default chosen by its size.
    Raises ConfigError where there are no images.
    """
    network = require_network(network_of(network), "network")
    require(isinstance(split, Split), "split", type(split).__name__, "a part of a data set, such as data.test")
    require(len(split) > 0, "split", repr(split), "at least one image")
    require(is_whole(rows) and rows >= 1, "rows", rows, "a whole number of at least 1")
    if not isinstance(network, Network | SpikingNetwork):
        check_own(network, split.floats(slice(TRIED)))
    timesteps = network.timesteps if isinstance(network, SpikingNetwork) else 1
    spikes, neurons = 0, 0

    def call(images: Tensor) -> Tensor:
        nonlocal spikes, neurons
        output, fired, neurons = _run(network, images)
        spikes += fired
        return output

    logits = run_batches(network, split, call, max(1, rows // timesteps), None, progress, threads)
    right = int((logits.argmax(-1) == split.labels).sum())
    return Score(len(split), right / len(split), spikes / (neurons * len(split)) if neurons else math.nan)


def _run(network: nn.Module, images: Tensor) -> tuple[Tensor, int, int]:
    """Return the output, how many spikes there were, and how many neurons."""
    if not isinstance(network, SpikingNetwork):
        return logits_of(network, images), 0, 0
    fired: list[int] = []
    neurons: list[int] = []
    if network.order != "layer":
        output, trains = network.record(images)
        return output, sum(int(train.sum()) for train in trains.values()), sum(t[0, 0].numel() for t in trains.values())

    def see(name: str, train: Tensor) -> None:
        # Counted at once, so that no more than one layer's train is in memory.
        fired.append(int(torch.count_nonzero(train)))
        neurons.append(train[0].numel())

    output = Watcher(network.spiking, network.sites, see).run(network.fitted(images))
    return output, sum(fired), sum(neurons)
