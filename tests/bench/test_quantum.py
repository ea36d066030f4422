"""The benchmark of the quantum head: its grid, its engines, and that what disagrees is an error."""

from __future__ import annotations

import dataclasses
import re
from itertools import product

import pytest
import torch
from torch import Tensor

from circuits import DataReupload, make_engine
from sqnn.bench import PEERS, Peer
from sqnn.bench.peers import Pass, torch_pass
from sqnn.bench.quantum import (
    DIRECT,
    EXTRA,
    MEMORY_LIMIT,
    OURS,
    PAPER_BATCH,
    QuantumBenchmark,
    disagreement,
    draw,
    left_out,
    piece,
    rotations,
)

SMALL = QuantumBenchmark(qubits="3", blocks="2", batches="5", budget=1e-9)
CIRCUIT = DataReupload(3, 2)


def lightcone(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
    return torch_pass(make_engine("lightcone", circuit), inputs, weights)


def wrong_gradient(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
    right = lightcone(circuit, inputs, weights)

    def run() -> tuple[Tensor, ...]:
        values, by_inputs, by_weights = right.run()
        return values, by_inputs, by_weights + 1e-3

    return Pass(run)


def undefined(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
    return Pass(lambda: (inputs[:, :3] * torch.nan, inputs * torch.nan, weights * torch.nan))


def compiled(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
    return Pass(lightcone(circuit, inputs, weights).run, compile_seconds=2.5)


def test_the_grid_is_the_whole_one_and_its_extras() -> None:
    cells = QuantumBenchmark().grid()
    assert len(cells) == len(set(cells)) == 4 * 4 * 4 + 2
    assert set(EXTRA) < set(cells)
    other_order = QuantumBenchmark(batches="128,1024,1,16").grid()
    assert sorted(other_order) == sorted(cells)
    assert [batch for *_, batch in other_order] == [128] * 18 + [1024] * 16 + [1] * 16 + [16] * 16
    part = QuantumBenchmark(qubits="9", blocks="4", batches="1,128", entangler="line").grid()
    assert part == [(9, 4, "line", 1), (9, 4, "line", 128)]


def test_all_engines_are_rows_of_one_cell() -> None:
    peers = [
        Peer("same", "same", "none", circuit=lightcone),
        Peer("compiled", "compiled", "none", circuit=compiled, compiles=True),
        Peer("absent", "noisy only", "none"),
    ]
    rows = SMALL.compare(CIRCUIT, 5, peers)
    assert [row["engine"] for row in rows] == [OURS, DIRECT, "same", "compiled", "noisy only"]
    for row in rows[:4]:
        assert row["seconds"] > 0
        assert row["ratio"] == pytest.approx(row["seconds"] / rows[0]["seconds"])
        assert row["samples_per_second"] == pytest.approx(5 / row["seconds"])
        assert row["lower_quartile"] <= row["seconds"] <= row["upper_quartile"]
    assert [row["compile_seconds"] for row in rows[:4]] == [None, None, None, 2.5]
    assert rows[4]["note"]
    assert "seconds" not in rows[4]


@pytest.mark.parametrize("peer", [wrong_gradient, undefined])
def test_a_peer_that_disagrees_is_an_error_and_no_row(peer) -> None:
    with pytest.raises(RuntimeError, match="wrong differs from ours by"):
        SMALL.compare(CIRCUIT, 5, [Peer("wrong", "wrong", "none", circuit=peer)])


@pytest.mark.parametrize("peer", [wrong_gradient, undefined])
def test_a_peer_that_disagrees_elsewhere_than_on_the_cpu_is_named_in_its_row_and_not_timed(peer) -> None:
    elsewhere = dataclasses.replace(SMALL, device="cpu:0")  # every name but cpu is taken for a GPU's
    rows = elsewhere.compare(CIRCUIT, 5, [Peer("wrong", "wrong", "none", circuit=peer)])
    assert [row["engine"] for row in rows] == [OURS, "wrong"]
    assert re.fullmatch(r"differs from ours by (\d\.\de[-+]\d+|nan): not timed", rows[1]["note"])
    assert "seconds" in rows[0]
    assert "seconds" not in rows[1]


def test_a_large_batch_is_cut_into_pieces_that_make_up_the_whole(monkeypatch) -> None:
    sizes = []

    def counted(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
        sizes.append(inputs.shape[0])
        return lightcone(circuit, inputs, weights)

    peer = Peer("large", "large", "none", circuit=counted, states=2, compiles=True)
    states = 2 * rotations(CIRCUIT) + len(CIRCUIT.edges)
    monkeypatch.setattr("sqnn.bench.quantum.MEMORY_LIMIT", states * 8 * 8 * 3)
    rows = SMALL.compare(CIRCUIT, 5, [peer])
    assert sizes == [3, 2]
    assert rows[2]["note"] == "in pieces of 3"


def test_pieces_fit_the_memory() -> None:
    circuit, peer = DataReupload(12, 6), PEERS["pennylane"]
    size = piece(peer, circuit, 1024)
    bytes_of = {n: (2 * rotations(circuit) + len(circuit.edges)) * 2**12 * 8 * n for n in (size, 2 * size)}
    assert bytes_of[size] <= MEMORY_LIMIT < bytes_of[2 * size]
    assert piece(peer, DataReupload(2, 1), 1024) == 1024


@pytest.mark.parametrize(("size", "batch"), list(product([(2, 1), (9, 2), (12, 6)], [1, 16, 128, 1024])))
def test_what_cannot_last_is_left_out(size: tuple[int, int], batch: int) -> None:
    circuit = DataReupload(*size)
    reasons = {name: left_out(peer, circuit, batch, "cpu") for name, peer in PEERS.items() if peer.circuit}
    assert {name for name, reason in reasons.items() if "one execution" in reason} == (
        {"pennylane-lightning", "pennylane-one-by-one"} if batch > 16 else set()
    )
    late = size == (12, 6) and batch != PAPER_BATCH
    assert {name for name, reason in reasons.items() if "compiled" in reason} == (
        {"pennylane-jax", "tensorcircuit-jax"} if late else set()
    )
    assert left_out(Peer("a", "a", "a", circuit=lightcone, cpu_only=True), circuit, 1, "cuda") == "runs on the CPU"
    asked = Peer("a", "a", "a", circuit=lightcone, cpu_only=lambda: True)
    assert left_out(asked, circuit, 1, "cuda") == "computes on no GPU here"


def test_a_difference_is_a_share_of_the_largest_number() -> None:
    zeros = torch.zeros(2)
    small, large = torch.tensor([0.5, 0.25]), torch.tensor([100.0, 50.0])
    other = Pass(lambda: (small, large, zeros))
    assert disagreement(Pass(lambda: (small + 0.01, large, zeros)), other) == pytest.approx(0.01)
    assert disagreement(Pass(lambda: (small, large + 0.01, zeros)), other) == pytest.approx(1e-4, rel=1e-3)
    assert disagreement(other, other) == 0


def test_inputs_are_always_the_same() -> None:
    one, other = draw(CIRCUIT, 4, "cpu"), draw(CIRCUIT, 4, "cpu", torch.float64)
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first.double(), second)
        assert first.is_leaf
        assert first.requires_grad


def test_peers_are_chosen_by_name(monkeypatch) -> None:
    assert [peer.name for peer in QuantumBenchmark(peers="pennylane-lightning, pennylane").chosen()] == [
        *("pennylane-lightning", "pennylane"),
    ]
    with pytest.raises(ValueError, match=r"peers: got 'penylane', expected one of .*; did you mean 'pennylane'"):
        QuantumBenchmark(peers="penylane")
    monkeypatch.setattr("sqnn.bench.peers.peer.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="peers: deepquantum is not installed"):
        QuantumBenchmark(peers="deepquantum")
