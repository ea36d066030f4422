"""State graphs: a cycle of membranes is found, counts add up, and shares on test images equal loops."""

from __future__ import annotations

import json

import pytest
import torch
from explained import Small, small_data
from torch import Tensor, nn

import sqnn
from sqnn.core import ConfigError
from sqnn.data import ImageData, Split
from sqnn.encoding import make_encoder
from sqnn.explain.behaviour import StateGraph
from sqnn.neurons import IF


class Cycle(nn.Module):
    """One neuron of threshold 3 whose current is 1 at all of 9 steps: membranes 1, 2, 3, 4, 2, 3, 4, 2, 3."""

    def __init__(self) -> None:
        super().__init__()
        self.neurons = IF(3.0)

    def forward(self, images: Tensor) -> Tensor:
        fired = self.neurons(torch.ones(9, len(images), 1)).sum(0)
        return torch.cat([fired + images.flatten(1)[:, :1], fired, 0 * fired], 1)


def test_a_cycle_is_followed() -> None:
    graph = sqnn.distil(Cycle(), small_data(20, 0, 10), "states", states=8)
    assert isinstance(graph, StateGraph)
    by_membrane = {round(float(graph.centres[state, 0])): state for state in range(graph.states)}
    assert sorted(by_membrane) == [1, 2, 3, 4]
    assert (graph.next_accuracy, graph.stay) == (1.0, 0.0)
    # Of the 8 states that follow one, 2, 3 and 4 are 3, 3 and 2.
    assert graph.next_baseline == 3 / 8
    ways = {1: 2, 2: 3, 3: 4, 4: 2}
    assert {(row.state, row.next) for row in graph.frame.itertuples()} == {
        (by_membrane[a], by_membrane[b]) for a, b in ways.items()
    }
    assert int(graph.ends[by_membrane[3]].sum()) == 20


def test_counts_and_shares_equal_loops() -> None:
    model, data = Small(), small_data(50, 0, 30)
    graph = sqnn.distil(model, data, "states", layer="hidden", states=5)
    assert isinstance(graph, StateGraph)
    train, test = (graph.states_of(sqnn.record(model, split)).tolist() for split in (data.train, data.test))
    moves, ends = [[0] * 5 for _ in range(5)], [[0] * 3 for _ in range(5)]
    answers = sqnn.record(model, data.train).predictions.tolist()
    for image in range(50):
        for t in range(3):
            moves[train[t][image]][train[t + 1][image]] += 1
        ends[train[3][image]][answers[image]] += 1
    assert graph.moves.tolist() == moves
    assert graph.ends.tolist() == ends
    reached = [sum(row[j] for row in moves) for j in range(5)]
    steps = [(test[t][i], test[t + 1][i]) for t in range(3) for i in range(30)]
    then = [row.index(max(row)) if any(row) else reached.index(max(reached)) for row in moves]
    assert graph.next_accuracy == sum(then[a] == b for a, b in steps) / 90
    assert graph.next_baseline == sum(reached.index(max(reached)) == b for _, b in steps) / 90
    assert graph.stay == sum(a == b for a, b in steps) / 90
    network = sqnn.record(model, data.test).predictions.tolist()
    told = [ends[test[3][i]].index(max(ends[test[3][i]])) for i in range(30)]
    assert graph.fidelity == sum(a == b for a, b in zip(told, network, strict=True)) / 30
    assert json.loads(json.dumps(graph.to_dict()))["moves"] == moves
    assert graph.text.count("\n") == 4
    arrows = sum(m > 0 and i != j and m / sum(row) >= 0.05 for i, row in enumerate(moves) for j, m in enumerate(row))
    assert len(graph.plot().axes[0].texts) == 5 + arrows


def test_recordings_of_events_are_followed() -> None:
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        frames = torch.randint(2, (count, 3, 2, 4, 4), generator=generator, dtype=torch.uint8) * 255
        return Split(frames, torch.randint(2, (count,), generator=generator))

    data = ImageData("events", split(20), split(0), split(10), ("left", "right"))
    model = sqnn.create_model("snn-mlp", data, hidden=(5,), timesteps=3)
    graph = sqnn.distil(model, data, "states", states=4)
    assert isinstance(graph, StateGraph)
    assert (graph.layer, graph.centres.shape) == ("output", (4, 2))
    assert int(graph.moves.sum()) == 2 * 20


class Drawn(nn.Module):
    """Sums a random train of each pixel in a neuron of threshold 100, so that membranes are counts of its spikes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.neurons = make_encoder("rate", 5), IF(100.0)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        trains = self.encoder.encode(images, generator).flatten(2)
        return trains.sum(0)[:, :3] + self.neurons(trains).sum(0)[:, :3]


def test_random_encoders_draw_from_the_generator() -> None:
    model, data = Drawn(), small_data(30, 0, 20)
    graphs = [
        sqnn.distil(model, data, "states", states=6, generator=torch.Generator().manual_seed(seed))
        for seed in (3, 3, 4)
    ]
    first, again, other = (graph.centres for graph in graphs)
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.allclose(first, other)
    # The states are of what the network did under the same numbers.
    drawing = torch.Generator().manual_seed(3)
    torch.randint(2**31 - 1, (), generator=drawing)
    seen = sqnn.record(model, data.train, generator=drawing)
    states = graphs[0].states_of(seen)
    assert graphs[0].ends.sum(1).tolist() == states[-1].bincount(minlength=graphs[0].states).tolist()
    assert graphs[0].ends.sum(0).tolist() == seen.predictions.bincount(minlength=3).tolist()


def test_one_step_has_no_next_state() -> None:
    model = sqnn.create_model("snn-mlp", small_data(), hidden=(4,), timesteps=1)
    graph = sqnn.distil(model, small_data(20, 0, 10), "states", states=3)
    assert isinstance(graph, StateGraph)
    assert (graph.next_accuracy, graph.stay) == (None, None)
    assert int(graph.moves.sum()) == 0
    assert "one step" in repr(graph)


def test_bad_input_gets_one_line() -> None:
    with pytest.raises(ConfigError, match=r"layers?: got 'hiden', expected one of hidden, output"):
        sqnn.distil(Small(), small_data(), "states", layer="hiden")
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(ConfigError, match=r"model: got a network without spiking neurons"):
        sqnn.distil(plain, small_data(), "states")
    with pytest.raises(ConfigError, match=r"data: got no test image"):
        sqnn.distil(Small(), small_data(20, 0, 0), "states")
