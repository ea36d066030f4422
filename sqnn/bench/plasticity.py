"""Training steps with and without local plasticity, and window updates of STDP beside those of peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from sqnn.bench.benchmark import Cell, Row, TimedBenchmark
from sqnn.bench.peers import PEERS
from sqnn.bench.timing import TIMING, take_turns
from sqnn.core import option

if TYPE_CHECKING:
    from sqnn.plasticity import AdaptiveSTDP

STEP, WINDOW = "training step", "window update"
INK = 0.193
"""Share of MNIST's pixels that are not black, measured on the training images."""
PIXELS = 784
PRE_RATE, POST_RATE = 0.1325, 0.05
"""Spikes per neuron and step of the windows: MNIST's pixels, and a hidden layer."""
LEARNING_RATE = 1e-3


@dataclass(frozen=True, kw_only=True)
class PlasticityBenchmark(TimedBenchmark):
    """Time a training step of the spiking perceptron with each coupling of STDP, and window updates by themselves.

    A training step is forward, loss, backward and a step of Adam of 784-500-10 neurons on images as sparse as MNIST's;
    `beside` and `through` add depression-dominated STDP of the hidden layer. A window update is the change of 784 x 500
    weights by the spikes of a batch. All take turns in one process. A ratio is to backprop, of windows to additive
    pairs. SpikingJelly's STDPLearner and BindsNET's PostPre, which go step by step, take part where they are installed;
    BindsNET, which is under the AGPL, with both of its ways to make one change of a batch's.

    Examples:

    sqnn bench plasticity --threads 1

    sqnn bench plasticity --threads 1 --timesteps 50 --out table.csv
    """

    name = "plasticity"
    key = ("task",)
    columns = ("task", "name", "milliseconds", "against", "ratio", "device", *TIMING)
    shown = "name milliseconds:,.1f ratio:.2f"
    free = ("budget",)
    quick: ClassVar = {"hidden": 20, "timesteps": 5, "batch": 8, "budget": 0.2}

    hidden: int = option(500, "hidden neurons", least=1)
    timesteps: int = option(25, "time steps", least=1)
    batch: int = option(128, "images of a step", least=2)

    def cells(self) -> Iterator[Cell]:
        """Yield the training steps, then the windows."""
        for task, make in ((STEP, training_steps), (WINDOW, window_updates)):
            yield Cell({"task": task}, partial(self._compare, make))

    def title(self, row: Row) -> str:
        return f"{row['task']}, {PIXELS}-{self.hidden}, {self.timesteps} steps, batch {self.batch}"

    def _compare(self, make: Callable[[PlasticityBenchmark], Mapping[str, Callable[[], object]]]) -> list[Row]:
        calls = make(self)
        timings = dict(zip(calls, take_turns(list(calls.values()), self.budget, device=self.device), strict=True))
        first = next(iter(timings))
        return [
            {
                "name": name,
                "milliseconds": timing.median * 1e3,
                "against": first,
                "ratio": timing.median / timings[first].median,
                "device": self.device,
                **timing.columns(1e3),
            }
            for name, timing in timings.items()
        ]


def training_steps(benchmark: PlasticityBenchmark) -> Mapping[str, Callable[[], object]]:
    """Return a training step of each coupling."""
    from sqnn.plasticity import AdaptiveSTDP

    rules = {"backprop": None, "beside": AdaptiveSTDP(), "through": AdaptiveSTDP(coupling="through")}
    return {name: _training_step(benchmark, rule) for name, rule in rules.items()}


def _training_step(benchmark: PlasticityBenchmark, rule: AdaptiveSTDP | None) -> Callable[[], object]:
    from sqnn.models import create_model

    model: Any = create_model("snn-mlp", seed=0, hidden=(benchmark.hidden,), timesteps=benchmark.timesteps)
    model.to(benchmark.device)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    generator = torch.Generator().manual_seed(0)
    shape = (benchmark.batch, 1, 28, 28)
    images = torch.rand(shape, generator=generator) * (torch.rand(shape, generator=generator) < INK)
    labels = torch.randint(10, shape[:1], generator=generator).to(benchmark.device)
    images, updates = images.to(benchmark.device), None if rule is None else rule.callback()
    # The hooks of the training loop, without the loop.
    loop: Any = SimpleNamespace(current_epoch=0)
    module: Any = SimpleNamespace(model=model, log=_nothing)
    if updates is not None:
        updates.on_fit_start(loop, module)

    def step() -> None:
        if updates is not None:
            updates.on_train_batch_start(loop, module, None, 0)
        optimizer.zero_grad()
        model.learn(images, labels, generator)[1].backward()
        if updates is not None:
            updates.on_before_optimizer_step(loop, module, optimizer)
        optimizer.step()
        if updates is not None:
            updates.on_train_batch_end(loop, module, None, None, 0)

    return step


def window_updates(benchmark: PlasticityBenchmark) -> Mapping[str, Callable[[], object]]:
    """Return the window update of each rule, and of each peer that is installed."""
    from sqnn.plasticity import PairSTDP, TripletSTDP

    generator = torch.Generator().manual_seed(0)
    shape = (benchmark.timesteps, benchmark.batch)
    pre = (torch.rand(*shape, PIXELS, generator=generator) < PRE_RATE).float().to(benchmark.device)
    post = (torch.rand(*shape, benchmark.hidden, generator=generator) < POST_RATE).float().to(benchmark.device)
    weight = torch.rand(benchmark.hidden, PIXELS, generator=generator).to(benchmark.device)
    bounds = {"dependence": "soft", "weight_min": 0.0, "weight_max": 1.0}
    rules = {
        "pairs, additive": PairSTDP(),
        "pairs, soft bounds": PairSTDP.from_dict(bounds),
        "pairs, nearest": PairSTDP(pairing="nearest"),
        "triplets": TripletSTDP(),
    }
    calls: dict[str, Callable[[], object]] = {
        name: partial(rule.window, weight, pre, post) for name, rule in rules.items()
    }
    for peer in PEERS.values():
        if peer.windows is not None and peer.installed():
            calls |= peer.windows(weight, pre, post)
    return MappingProxyType(calls)


def _nothing(*arguments: object, **options: object) -> None:
    pass
