"""The table of the front-end benchmark: who is in it, that all compute the same, and what a step does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from sqnn.bench import PEERS, Peer
from sqnn.bench.frontend import OURS, PLAIN, FrontEndBenchmark, installed_peers, training_step
from sqnn.core import ConfigError
from sqnn.neurons import IF


class NoMemory(FrontEndBenchmark):
    """A benchmark that measures no memory: zero for all."""

    def peaks(self, questions: Sequence[dict[str, Any]]) -> list[float | None]:
        return [0.0 for _ in questions]


SMALL = NoMemory(data_shape="1x9x8", batch=20, channels="2,3", timesteps=3, budget=1e-9)


def test_everybody_is_measured_against_ours() -> None:
    (cell,) = SMALL.cells({"other": Peer("other", "other", "other", neurons=lambda device: IF().to(device))})
    rows = cell.measure()
    assert [row["name"] for row in rows] == [OURS, PLAIN, "other"]
    assert rows[0]["ratio"] == 1
    for row in rows:
        assert row["ratio"] == pytest.approx(row["milliseconds"] / rows[0]["milliseconds"])
    assert cell.key == {"channels": "2,3", "timesteps": 3}


@pytest.mark.parametrize(("subtracts", "refused"), [(True, True), (False, False)])
def test_a_peer_that_computes_something_else_is_refused_unless_it_says_so(subtracts: bool, refused: bool) -> None:
    def silent(currents: Tensor) -> Tensor:
        return currents * 0

    (cell,) = SMALL.cells(
        {"wrong": Peer("wrong", "wrong", "wrong", neurons=lambda device: silent, subtracts=subtracts)}
    )
    if refused:
        with pytest.raises(RuntimeError, match="wrong: rates differ from those of sqnn, plain PyTorch by 0"):
            cell.measure()
    else:
        assert len(cell.measure()) == 3


def test_kernels_that_compute_something_else_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnn.layers.spiking_cnn.pooled_rates", lambda trains, blocks: torch.zeros(3, 20, 3))
    (cell,) = SMALL.cells({})
    with pytest.raises(RuntimeError, match="sqnn: rates differ from those of sqnn, plain PyTorch"):
        cell.measure()


def test_a_step_moves_every_weight_of_everybody_alike() -> None:
    peers = {"other": Peer("other", "other", "other", neurons=lambda device: IF().to(device))}
    moved = []
    for name in (OURS, PLAIN, "other"):
        network = SMALL.network(name, peers)
        before = [p.detach().clone() for p in network.parameters() if p.requires_grad]
        training_step(network, SMALL.trains())()
        after = [p.detach() for p in network.parameters() if p.requires_grad]
        moved.append({tuple(b.shape): b - a for a, b in zip(before, after, strict=True) if b.ndim == 4})
    for change in moved:
        assert change.keys() == moved[1].keys()
        for shape, difference in change.items():
            assert difference.abs().max() > 0
            torch.testing.assert_close(difference, moved[1][shape], rtol=0.02, atol=2e-7)


def peer_or_skip(name: str) -> Peer:
    if PEERS[name].title not in installed_peers():
        pytest.skip(f"{name} is not installed")
    return PEERS[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.neurons])
def test_neurons_of_installed_peers_fire_as_ours(name: str) -> None:
    peer = peer_or_skip(name)
    currents = torch.rand(5, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0)) * 1.5
    fire, again = peer.neurons("cpu"), None
    for _ in range(2):  # the second call has forgotten the first
        spikes = fire(currents)
        assert again is None or torch.equal(spikes, again)
        again = spikes
    assert torch.equal(again, IF(reset="subtract" if peer.subtracts else "zero")(currents))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.neurons])
def test_neurons_of_installed_peers_hold_nothing_on_another_device(name: str) -> None:
    peer = peer_or_skip(name)
    currents = torch.empty(2, 3, 4, device="meta", requires_grad=True)
    spikes = peer.neurons("meta")(currents)  # PyTorch refuses operations on tensors of two devices
    spikes.sum().backward()
    assert currents.grad is not None
    assert currents.grad.is_meta


def test_an_image_too_small_for_its_blocks_is_named() -> None:
    with pytest.raises(ConfigError, match="data_shape: got 1x4x4, expected at least 8 x 8 pixels for 3 blocks"):
        FrontEndBenchmark(data_shape="1x4x4")
