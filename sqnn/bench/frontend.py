"""Training steps of the spiking front-end, beside the same layers with the neurons of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.bench.benchmark import Cell, ImageBenchmark, Row, numbers
from sqnn.bench.peers import PEERS, Fire, Peer
from sqnn.bench.timing import TIMING, take_turns
from sqnn.core import ConfigError, option
from sqnn.kernels import kernels
from sqnn.layers import POOL, SpikingCNN
from sqnn.neurons import IF, ATan, gpu_kernels

OURS, PLAIN = "sqnn", "sqnn, plain PyTorch"
LEARNING_RATE = 1e-4
"""Of gradient descent; too small for weights to run away during a measurement."""
ALIKE = 1e-3
"""Most mean difference of the rates of a peer whose neurons compute what ours do."""


@dataclass(frozen=True, kw_only=True)
class FrontEndBenchmark(ImageBenchmark):
    """Time a training step of the spiking front-end against the same layers with the neurons of other libraries.

    Blocks of 3x3 convolution, batch norm, integrate-and-fire neurons and 2x2 max pool on random spikes; a step is
    forward, backward from a fixed gradient of the mean spikes, and gradient descent, in float32. Everybody convolves,
    norms and pools all steps at once, the best way for each, with the same weights; neurons run in the way of their
    library that takes all steps at once, where it has one. Kernels, and peers whose neurons compute what ours do, are
    checked before: rates that differ from plain PyTorch's are an error. All take turns in one process; a ratio is the
    time of a row over ours. Memory is what a step needs at its peak above weights and spikes.

    Examples:

    sqnn bench frontend --threads 1

    sqnn bench frontend --channels 32,64,128 --out table.csv
    """

    name = "frontend"
    key = ("channels", "timesteps")
    columns = (*key, "name", "version", "milliseconds", "ratio", "peak_mib", "device", "kernels", *TIMING)
    shown = "name version milliseconds:,.2f ratio:.2f peak_mib:,.1f"
    quick: ClassVar = {"data_shape": "1x8x8", "batch": 16, "channels": "2,3", "timesteps": 2, "budget": 0.2}

    channels: str = option("2,4,8", "widths of the blocks")
    timesteps: int = option(8, "time steps", least=1)

    def validate(self) -> None:
        super().validate()
        blocks = len(numbers("channels", self.channels))
        if min(self.image_size) < POOL**blocks:
            raise ConfigError(
                f"data_shape: got {self.data_shape}, expected at least {POOL**blocks} x {POOL**blocks} pixels for "
                f"{blocks} blocks"
            )

    def cells(self, peers: Mapping[str, Peer] | None = None) -> Iterator[Cell]:
        """Yield the one comparison."""
        peers = installed_peers() if peers is None else peers
        key: Row = {"channels": self.channels, "timesteps": self.timesteps}
        yield Cell(key, partial(self.compare, peers))

    def title(self, row: Row) -> str:
        return f"channels {row['channels']}, {row['timesteps']} steps, batch {self.batch}"

    def compare(self, peers: Mapping[str, Peer]) -> list[Row]:
        """Measure everybody in turns. Raises RuntimeError where rates are not those of the layers in plain PyTorch."""
        names = [OURS, PLAIN, *peers]
        networks = {name: self.network(name, peers) for name in names}
        trains = self.trains()
        # With gradients: without them ours would not be computed in the way that is timed.
        wanted = networks[PLAIN](trains).detach()
        for name in (OURS, *(name for name, peer in peers.items() if peer.subtracts)):
            difference = float((networks[name](trains).detach() - wanted).abs().mean())
            if difference > ALIKE:
                raise RuntimeError(f"{name}: rates differ from those of {PLAIN} by {difference:.2g} in the mean")
        steps = [training_step(network, trains) for network in networks.values()]
        timings = take_turns(steps, self.budget, device=self.device)
        peaks = self.peaks([{"name": name} for name in names])
        return [
            {
                "name": name,
                "version": peers[name].version if name in peers else "",
                "milliseconds": timing.median * 1e3,
                **timing.columns(1e3),
                "ratio": timing.median / timings[0].median,
                "peak_mib": peak,
                "device": self.device,
                "kernels": kernels_on(self.device) if name == OURS else "",
            }
            for name, timing, peak in zip(names, timings, peaks, strict=True)
        ]

    def step(self, question: dict[str, str]) -> Callable[[], object] | None:
        """Build the step of one row; None where its peer is not installed."""
        peers = installed_peers()
        name = question["name"]
        if name not in (OURS, PLAIN, *peers):
            return None
        return training_step(self.network(name, peers), self.trains())

    def trains(self) -> Tensor:
        """Return random spikes [time, batch, channels, height, width], always the same."""
        shape = (self.timesteps, self.batch, self.in_channels, *self.image_size)
        spikes = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.3
        return spikes.float().to(self.device)

    def network(self, name: str, peers: Mapping[str, Peer]) -> nn.Module:
        """Return what a row trains: everybody has the same weights."""
        widths = numbers("channels", self.channels)
        if name in (OURS, PLAIN):
            surrogate = ATan() if name == OURS else ATanWithoutKernel()
            ours = Rates(SpikingCNN(self.in_channels, widths, 1, lambda width: IF(surrogate=surrogate), "membrane"))
            ours.network.compiled = name == OURS
            network: nn.Module = ours
        else:
            network = PeerFrontEnd(self.in_channels, widths, partial(cast(Any, peers[name].neurons), self.device))
        generator = torch.Generator().manual_seed(1)
        for part in network.modules():
            if isinstance(part, nn.Conv2d):
                bound = 2 / part.weight[0].numel() ** 0.5
                nn.init.uniform_(part.weight, -bound, bound, generator=generator)
        return network.to(self.device).train()


class ATanWithoutKernel(ATan):
    """A surrogate that no kernel knows, so that neurons with it are computed by PyTorch."""


class Rates(nn.Module):
    """The mean spikes of our front-end, [time, batch, channels]."""

    def __init__(self, network: SpikingCNN) -> None:
        super().__init__()
        self.network = network

    def forward(self, trains: Tensor) -> Tensor:
        return self.network.rates(trains)


class PeerFrontEnd(nn.Module):
    """The same blocks in PyTorch, with the neurons of a library."""

    def __init__(self, in_channels: int, widths: Sequence[int], make: Callable[[], Fire]) -> None:
        super().__init__()
        sizes = list(pairwise([in_channels, *widths]))
        self.convs = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1, bias=False) for before, after in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for _, after in sizes)
        self.fire = [make() for _ in sizes]

    def forward(self, trains: Tensor) -> Tensor:
        for conv, norm, fire in zip(self.convs, self.norms, self.fire, strict=True):
            currents = norm(conv(trains.flatten(0, 1))).unflatten(0, trains.shape[:2])
            trains = F.max_pool2d(fire(currents).flatten(0, 1), POOL).unflatten(0, trains.shape[:2])
        return trains.mean((-2, -1))


def kernels_on(device: str) -> str:
    """Return a line on the kernels that take part: those of blocks on a CPU, those of neurons on a GPU."""
    return kernels().line if device == "cpu" else gpu_kernels().line


def installed_peers() -> dict[str, Peer]:
    """Return the peers with neurons that are installed, by the name that tables have for them."""
    return {peer.title: peer for peer in PEERS.values() if peer.neurons and peer.installed()}


def training_step(network: nn.Module, trains: Tensor) -> Callable[[], Tensor]:
    """Return a step: forward, backward from a fixed gradient of the rates, gradient descent."""
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], LEARNING_RATE)
    with torch.no_grad():
        shape = network(trains).shape
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(2)).to(trains.device)

    def step() -> Tensor:
        rates: Tensor = network(trains)
        rates.backward(gradient)
        optimizer.step()
        optimizer.zero_grad()
        return rates.detach()

    return step
