"""The table of the hybrid benchmark: who is in it, what its ratios are, and what a step and its memory are."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sqnn.bench import Row, peaks_mib
from sqnn.bench.layerwise import BLOCK, STEP, HybridBenchmark, Workload, build, convolutions, installed_peers
from sqnn.bench.peers import Layerwise


class NoMemory(HybridBenchmark):
    """A benchmark that measures no memory: zero for all."""

    def peaks(self, questions: Sequence[dict[str, Any]]) -> list[float | None]:
        return [0.0 for _ in questions]


SMALL = NoMemory(data_shape="1x8x8", batch=4, width=2, budget=1e-9)


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


def stand_in(bias: bool = False) -> Layerwise:
    return Layerwise(
        block=lambda inputs, outputs, surrogate: Twofold(inputs, outputs, bias),
        network=lambda inputs, classes, width, surrogate: nn.Sequential(nn.Flatten(), nn.LazyLinear(classes)),
        reset=lambda module: module.events.append("reset") if isinstance(module, Twofold) else None,
        surrogates=("fourier-sine",),
    )


def measured(benchmark: HybridBenchmark, peers: Mapping[str, Layerwise] | None) -> Iterator[list[Row]]:
    """The rows of each cell, with the columns that name it."""
    return ([{**cell.key, **row} for row in cell.measure()] for cell in benchmark.cells(peers))


@pytest.fixture(scope="module")
def groups() -> list[list[Row]]:
    return list(measured(SMALL, {"other": stand_in()}))


@pytest.fixture(scope="module")
def rows(groups) -> list[Row]:
    return [row for group in groups for row in group]


def test_each_group_compares_one_thing(groups) -> None:
    assert [{row["task"] for row in group} for group in groups] == [{STEP}, *[{BLOCK}] * 5]
    assert [row["name"] for row in groups[0]] == ["has8-vgg ann", "has8-vgg hybrid", "has8-vgg snn", "other VGG"]
    for number, group in enumerate(groups[1:], 1):
        ours, other = f"block {number}, sqnn", f"block {number}, other"
        names = [(row["name"], row["surrogate"]) for row in group]
        # The peer knows one surrogate only.
        assert names == [(ours, "sigmoid-sine"), (ours, "fourier-sine"), (other, "fourier-sine")]
        assert len({row["inputs"] for row in group}) == 1


def test_a_ratio_is_that_of_the_two_times(groups) -> None:
    for group in groups:
        for row in group:
            (base,) = [
                b
                for b in group
                if b["name"] == row["against"] and (row["task"] == STEP or b["surrogate"] == row["surrogate"])
            ]
            assert base["ratio"] == 1
            if not row["note"]:
                assert row["milliseconds"] > 0
                assert row["ratio"] == pytest.approx(row["milliseconds"] / base["milliseconds"], rel=1e-12)


def test_a_row_is_complete_or_says_why_not(rows) -> None:
    optional = ("inputs", "outputs", "parameters", "milliseconds", "ratio", "peak_mib")
    for row in rows:
        assert [row.get(name) is not None for name in optional] == [not row["note"]] * len(optional), row
        assert row["device"] == "cpu"
    assert [row["name"] for row in rows if row["note"]] == ["other VGG"]


def test_the_blocks_are_those_of_the_network(groups) -> None:
    """Each is fed what the one before gives, and with the dense layers they have all its parameters."""
    ours = [group[0] for group in groups[1:]]
    assert ours[0]["inputs"] == "4x1x8x8"
    assert all(before["outputs"] == after["inputs"] for before, after in pairwise(ours))
    dense = 2 * (32 * 1024 + 2 * 1024 + 1024 * 512 + 2 * 512)
    hybrid = groups[0][1]
    assert hybrid["parameters"] == sum(block["parameters"] for block in ours) + dense + 512 * 10 + 10


def test_twins_are_as_large_as_the_hybrid(groups) -> None:
    ann, hybrid, snn = (row["parameters"] for row in groups[0][:3])
    assert ann == pytest.approx(hybrid, rel=0.01)
    assert snn == pytest.approx(hybrid, rel=0.01)


def test_memory_is_asked_for_what_runs_and_lands_in_its_row() -> None:
    asked: list[dict[str, Any]] = []

    class Asked(HybridBenchmark):
        def peaks(self, questions: Sequence[dict[str, Any]]) -> list[float | None]:
            asked.extend(questions)
            return [None if q["variant"] == "snn" else float(number) for number, q in enumerate(questions)]

    small = Asked(data_shape="1x8x8", batch=4, width=2, budget=1e-9)
    group = next(measured(small, {"other": stand_in()}))
    assert [(q["maker"], q["variant"]) for q in asked] == [("sqnn", "ann"), ("sqnn", "hybrid"), ("sqnn", "snn")]
    assert [row.get("peak_mib") for row in group] == [0.0, 1.0, None, None]


def test_peers_that_are_not_there_are_left_out(monkeypatch) -> None:
    monkeypatch.setattr("sqnn.bench.peers.peer.find_spec", lambda name: None)
    group = next(measured(SMALL, None))
    assert [row["name"] for row in group] == ["has8-vgg ann", "has8-vgg hybrid", "has8-vgg snn"]


def test_half_an_installation_is_none(monkeypatch) -> None:
    monkeypatch.setattr("sqnn.bench.peers.peer.find_spec", lambda name: name if name == "has_8" else None)
    assert installed_peers() == {}


def test_a_block_with_other_parameters_is_refused() -> None:
    compared = measured(SMALL, {"other": stand_in(bias=True)})
    next(compared)
    with pytest.raises(RuntimeError, match=r"block 1, other has 48 parameters, block 1, sqnn has 44"):
        next(compared)


def test_a_peer_network_runs_where_its_image_lasts() -> None:
    large = NoMemory(data_shape="1x32x33", batch=2, width=1, budget=1e-9)
    peer = next(measured(large, {"other": stand_in()}))[-1]
    assert (peer["name"], peer["note"], peer["parameters"]) == ("other VGG", "", 32 * 33 * 10 + 10)


def test_a_peer_forgets_before_every_step() -> None:
    built = build(Workload(BLOCK, "other", "fourier-sine", number=1), SMALL, {"other": stand_in()})
    built.step()
    built.step()
    assert built.module.events == ["reset", "forward"] * 3


@pytest.mark.parametrize("variant", ["hybrid", "ann", "snn"])
def test_a_training_step_trains_all_weights_and_keeps_no_gradients(variant: str) -> None:
    built = build(Workload(STEP, "sqnn", "" if variant == "ann" else "sigmoid-sine", variant), SMALL, {})
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
    built = build(Workload(BLOCK, "sqnn", "sigmoid-sine", number=number), SMALL, {})
    before = [p.detach().clone() for p in built.module.parameters()]
    built.step()
    parameters = list(built.module.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, parameters, strict=True))
    assert {id(p) for p in wanted} >= {id(p) for p in parameters}
    others = [tuple(t.shape) for t in wanted if all(t is not p for p in parameters)]
    assert others == ([convolutions(SMALL)[number][1]] if inner else [])


def test_a_batch_of_one_cannot_train() -> None:
    with pytest.raises(ValueError, match="batch: got 1, expected a whole number of at least 2"):
        HybridBenchmark(batch=1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_grows_with_the_batch_and_not_with_the_process_that_asks() -> None:
    block, absent = (dataclasses.asdict(Workload(BLOCK, maker, "sigmoid-sine")) for maker in ("sqnn", "absent"))
    once = peaks_mib(HybridBenchmark(batch=32), [block, absent, block])
    held = torch.ones(2**27)  # 512 MiB, more than what is measured
    (twice,) = peaks_mib(HybridBenchmark(batch=64), [block])
    del held
    assert once[0] is not None
    assert once[1] is None
    assert once[2] == pytest.approx(once[0], rel=0.1)
    assert twice == pytest.approx(2 * once[0], rel=0.1)
    # Of the spiking branch, the backward pass needs at least what enters the norm and what enters the neurons.
    trains = 8 * 32 * 16 * 28 * 28 * 4 / 2**20
    assert 2 * trains < once[0] < 10 * trains


@pytest.mark.skipif(not installed_peers(), reason="make peers has not installed it here")
def test_the_published_code_takes_part() -> None:
    groups = list(measured(NoMemory(data_shape="1x32x32", batch=2, width=1, budget=1e-9), None))
    assert all(row["milliseconds"] for group in groups for row in group)
    assert [sum("has_8" in row["name"] for row in group) for group in groups] == [1, 2, 2, 2, 2, 2]
