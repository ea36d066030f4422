"""The table of the hybrid benchmark: who is in it, what its ratios are, and what a step and its memory are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sqnn.bench import HybridSetting, HybridTiming, Peer, Workload, compare_hybrid, peak_mib
from sqnn.bench.layerwise import MIN_ROUNDS, alternating_medians
from sqnn.bench.layerwise_workloads import BLOCK, STEP, build, convolutions
from sqnn.bench.peers.layerwise import installed_peers

SMALL = HybridSetting(image_size=(8, 8), batch=4, width=2)


class Twofold(nn.Module):
    """A stand-in for a peer's block: two convolutions with norm, added and halved; it counts its calls."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias), nn.BatchNorm2d(outputs))
            for _ in range(2)
        )
        self.events: list[str] = []

    def forward(self, values: Tensor) -> Tensor:
        self.events.append("forward")
        return nn.functional.avg_pool2d(sum(branch(values) for branch in self.branches), 2)


def stand_in(bias: bool = False) -> Peer:
    return Peer(
        block=lambda inputs, outputs, surrogate: Twofold(inputs, outputs, bias),
        network=lambda inputs, classes, width, surrogate: nn.Sequential(nn.Flatten(), nn.LazyLinear(classes)),
        reset=lambda module: module.events.append("reset") if isinstance(module, Twofold) else None,
        surrogates=("fourier-sine",),
    )


def no_memory(workloads: Iterable[Workload], setting: HybridSetting, device: str) -> list[float]:
    return [0.0 for _ in workloads]


@pytest.fixture(scope="module")
def groups() -> list[list[HybridTiming]]:
    return list(compare_hybrid(SMALL, budget=1e-9, peers={"other": stand_in()}, measure=no_memory))


@pytest.fixture(scope="module")
def rows(groups) -> list[HybridTiming]:
    return [row for group in groups for row in group]


class Clock:
    """Time that passes only in scripted calls."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def call(self, name: str, seconds: Iterator[float]) -> Callable[[], None]:
        def run() -> None:
            self.order.append(name)
            self.now += next(seconds)

        return run

    def __call__(self) -> float:
        return self.now


def test_all_take_turns_and_neither_warm_up_nor_outlier_shows() -> None:
    clock = Clock()
    fast = clock.call("fast", iter([1000.0, 1, 2, 500, 3, 2]))
    slow = clock.call("slow", iter([1000.0, 20, 10, 30, 900, 10]))
    assert alternating_medians([fast, slow], 0.001, clock=clock) == [2.0, 20.0]
    assert clock.order == ["fast", "slow"] * (1 + MIN_ROUNDS)


def test_the_budget_is_that_of_each() -> None:
    clock = Clock()
    short, long = (clock.call(name, iter([seconds] * 100)) for name, seconds in (("short", 1.0), ("long", 3.0)))
    alternating_medians([short, long], 20.0, clock=clock)
    assert clock.order.count("short") == clock.order.count("long") == 1 + 10  # a turn of both takes 4 of 40 seconds


def test_waiting_is_timed() -> None:
    """What a call leaves running belongs to it: on a GPU, all of it."""
    clock = Clock()
    left = [0.0]

    def start() -> None:
        left[0] += 7.0

    def wait() -> None:
        clock.now += left[0]
        left[0] = 0.0

    assert alternating_medians([start], 1.0, wait=wait, clock=clock) == [7.0]


def test_each_group_compares_one_thing(groups) -> None:
    assert [{row.task for row in group} for group in groups] == [{STEP}, *[{BLOCK}] * 5]
    assert [row.name for row in groups[0]] == ["has8-vgg ann", "has8-vgg hybrid", "has8-vgg snn", "other VGG"]
    for number, group in enumerate(groups[1:], 1):
        ours, other = f"block {number}, sqnn", f"block {number}, other"
        found = [(row.name, row.surrogate) for row in group]
        # The peer knows one surrogate only.
        assert found == [(ours, "sigmoid-sine"), (ours, "fourier-sine"), (other, "fourier-sine")]
        assert len({row.inputs for row in group}) == 1


def test_a_ratio_is_that_of_the_two_times(groups) -> None:
    for group in groups:
        for row in group:
            (base,) = [b for b in group if b.name == row.against and (row.task == STEP or b.surrogate == row.surrogate)]
            assert base.ratio == 1
            if row.milliseconds is not None:
                assert row.milliseconds > 0
                assert row.ratio == pytest.approx(row.milliseconds / base.milliseconds, rel=1e-12)


def test_a_row_is_complete_or_says_why_not(rows) -> None:
    optional = ("inputs", "outputs", "parameters", "milliseconds", "ratio", "peak_mib")
    for row in rows:
        values = row.to_dict()
        assert [bool(values[name]) or values[name] == 0 for name in optional] == [not row.note] * len(optional), row
        assert (row.device, row.threads) == ("cpu", torch.get_num_threads())
    assert [row.name for row in rows if row.note] == ["other VGG"]


def test_the_blocks_are_those_of_the_network(groups) -> None:
    """Each is fed what the one before gives, and with the dense layers they have all its parameters."""
    ours = [group[0] for group in groups[1:]]
    assert ours[0].inputs == "4x1x8x8"
    assert all(before.outputs == after.inputs for before, after in pairwise(ours))
    dense = 2 * (32 * 1024 + 2 * 1024 + 1024 * 512 + 2 * 512)
    hybrid = groups[0][1]
    assert hybrid.parameters == sum(block.parameters for block in ours) + dense + 512 * 10 + 10


def test_twins_are_as_large_as_the_hybrid(groups) -> None:
    ann, hybrid, snn = (row.parameters for row in groups[0][:3])
    assert ann == pytest.approx(hybrid, rel=0.01)
    assert snn == pytest.approx(hybrid, rel=0.01)


def test_memory_is_asked_for_what_runs_and_lands_in_its_row() -> None:
    asked = []

    def measure(workloads: Iterable[Workload], setting: HybridSetting, device: str) -> list[float | None]:
        asked.extend(workloads)
        assert (setting, device) == (SMALL, "cpu")
        return [None if w.variant == "snn" else float(asked.index(w)) for w in workloads]

    group = next(compare_hybrid(SMALL, budget=1e-9, peers={"other": stand_in()}, measure=measure))
    assert [(w.maker, w.variant) for w in asked] == [("sqnn", "ann"), ("sqnn", "hybrid"), ("sqnn", "snn")]
    assert [row.peak_mib for row in group] == [0.0, 1.0, None, None]


def test_peers_that_are_not_there_are_left_out(monkeypatch) -> None:
    monkeypatch.setattr("sqnn.bench.peers.layerwise.find_spec", lambda name: None)
    group = next(compare_hybrid(SMALL, budget=1e-9, measure=None))
    assert [row.name for row in group] == ["has8-vgg ann", "has8-vgg hybrid", "has8-vgg snn"]


def test_half_an_installation_is_none(monkeypatch) -> None:
    monkeypatch.setattr("sqnn.bench.peers.layerwise.find_spec", lambda name: name if name == "has_8" else None)
    assert installed_peers() == {}


def test_a_block_with_other_parameters_is_refused() -> None:
    compared = compare_hybrid(SMALL, budget=1e-9, peers={"other": stand_in(bias=True)}, measure=None)
    next(compared)
    with pytest.raises(RuntimeError, match=r"block 1, other has 48 parameters, block 1, sqnn has 44"):
        next(compared)


def test_a_peer_network_runs_where_its_image_lasts() -> None:
    large = HybridSetting(image_size=(32, 33), batch=2, width=1)
    peer = next(compare_hybrid(large, budget=1e-9, peers={"other": stand_in()}, measure=None))[-1]
    assert (peer.name, peer.note, peer.parameters) == ("other VGG", "", 32 * 33 * 10 + 10)


def test_a_peer_forgets_before_every_step() -> None:
    built = build(Workload(BLOCK, "other", "fourier-sine", number=1), SMALL, "cpu", {"other": stand_in()})
    built.step()
    built.step()
    assert built.module.events == ["reset", "forward"] * 3


@pytest.mark.parametrize("variant", ["hybrid", "ann", "snn"])
def test_a_training_step_trains_all_weights_and_keeps_no_gradients(variant: str) -> None:
    built = build(Workload(STEP, "sqnn", "" if variant == "ann" else "sigmoid-sine", variant), SMALL, "cpu", {})
    before = [p.detach().clone() for p in built.module.parameters()]
    for _ in range(3):
        built.step()
    still = [torch.equal(old, new) for old, new in zip(before, built.module.parameters(), strict=True)]
    assert not any(still)
    assert all(p.grad is None for p in built.module.parameters())


@pytest.mark.parametrize(("number", "inner"), [(0, False), (2, True)])
def test_a_block_step_differentiates_what_the_network_does(number: int, inner: bool, monkeypatch) -> None:
    """The weights, and the input unless it is the image; the weights stay."""
    wanted: list[Any] = []
    grad = torch.autograd.grad

    def record(outputs: Tensor, inputs: list[Tensor], weights: Tensor) -> tuple[Tensor, ...]:
        wanted[:] = inputs
        return grad(outputs, inputs, weights)

    monkeypatch.setattr(torch.autograd, "grad", record)
    built = build(Workload(BLOCK, "sqnn", "sigmoid-sine", number=number), SMALL, "cpu", {})
    before = [p.detach().clone() for p in built.module.parameters()]
    built.step()
    parameters = list(built.module.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, parameters, strict=True))
    assert {id(p) for p in wanted} >= {id(p) for p in parameters}
    others = [tuple(t.shape) for t in wanted if all(t is not p for p in parameters)]
    assert others == ([convolutions(SMALL)[number][1]] if inner else [])


def test_a_batch_of_one_cannot_train() -> None:
    with pytest.raises(ValueError, match="batch: got 1, expected at least 2"):
        HybridSetting(batch=1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_grows_with_the_batch_and_not_with_the_process_that_asks() -> None:
    block = Workload(BLOCK, "sqnn", "sigmoid-sine")
    once = peak_mib([block, Workload(BLOCK, "absent", "sigmoid-sine"), block], HybridSetting(batch=32))
    held = torch.ones(2**27)  # 512 MiB, more than what is measured
    (twice,) = peak_mib([block], HybridSetting(batch=64))
    del held
    assert once[0] is not None
    assert once[1] is None
    assert once[2] == pytest.approx(once[0], rel=0.1)
    assert twice == pytest.approx(2 * once[0], rel=0.1)
    # Of the spiking branch, the backward pass needs at least what enters the norm and what enters the neurons.
    trains = 8 * 32 * 16 * 28 * 28 * 4 / 2**20
    assert 2 * trains < once[0] < 10 * trains


@pytest.mark.skipif(not installed_peers(), reason="benchmarks/requirements.txt is not installed")
def test_the_published_code_takes_part() -> None:
    groups = list(compare_hybrid(HybridSetting(image_size=(32, 32), batch=2, width=1), budget=1e-9, measure=None))
    assert all(row.milliseconds for group in groups for row in group)
    assert [sum("has_8" in row.name for row in group) for group in groups] == [1, 2, 2, 2, 2, 2]
