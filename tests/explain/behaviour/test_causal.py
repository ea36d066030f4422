"""Causal graphs: equal to clamping by hand, never against the wiring, shares of images."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch
from explained import TIMESTEPS, Small, quantum, small_data

import sqnn

IMAGES = 12


def by_hand(model: Small, images: list[list[float]], clamp: tuple[int, float] | None) -> list[list[list[int]]]:
    """Trains of the output neurons, [images][neurons][time], of the equations in plain numbers."""

    def layer(currents: list[list[float]]) -> list[list[int]]:
        """[time][neurons] of currents to spikes."""
        v, trains = [0.0] * 3, []
        for row in currents:
            u = [a + b for a, b in zip(v, row, strict=True)]
            fired = [int(each > 1) for each in u]
            v = [a - s for a, s in zip(u, fired, strict=True)]
            trains.append(fired)
        return trains

    def linear(weights: torch.nn.Linear, row: list[float]) -> list[float]:
        pairs = zip(weights.weight.tolist(), weights.bias.tolist(), strict=True)
        return [bias + sum(w * x for w, x in zip(each, row, strict=True)) for each, bias in pairs]

    found = []
    for pixels in images:
        hidden = layer([linear(model.first, pixels)] * TIMESTEPS)
        if clamp is not None:
            hidden = [[clamp[1] if i == clamp[0] else s for i, s in enumerate(row)] for row in hidden]
        output = layer([linear(model.second, [float(s) for s in row]) for row in hidden])
        found.append([[row[j] for row in output] for j in range(3)])
    return found


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_it_equals_clamping_by_hand(seed: int) -> None:
    model, data = Small(seed), small_data(5, 0, IMAGES, seed)
    graph = sqnn.causal_graph(model, data, "hidden", images=IMAGES)
    assert graph.effects == (
        *(f"{layer}, neuron {unit}" for layer in ("hidden", "output") for unit in range(3)),
        "answer",
    )
    pixels = data.test.floats().flatten(1).tolist()
    plain = by_hand(model, pixels, None)

    def answer(trains: list[list[int]]) -> int:
        counts = [sum(train) for train in trains]
        return counts.index(max(counts))

    for unit in range(3):
        for value, shares in ((0.0, graph.silenced), (1.0, graph.forced)):
            clamped = by_hand(model, pixels, (unit, value))
            for j in range(3):
                differs = [a[j] != b[j] for a, b in zip(clamped, plain, strict=True)]
                assert math.isclose(shares[unit, 3 + j], sum(differs) / IMAGES, abs_tol=1e-6)
            flips = [answer(a) != answer(b) for a, b in zip(clamped, plain, strict=True)]
            assert math.isclose(shares[unit, 6], sum(flips) / IMAGES, abs_tol=1e-6)
    # Neurons of one layer do not reach each other, and paths of weight 0 are none.
    others = graph.strength[:, :3]
    assert torch.equal(others.isnan(), torch.eye(3, dtype=torch.bool))
    assert others[~others.isnan()].max() == 0
    assert graph.strength[1, 3] == graph.strength[0, 5] == 0
    assert (graph.first[1, 3], graph.first[0, 5]) == (-1, -1)


def test_edges_are_those_of_the_share() -> None:
    model, data = Small(), small_data(5, 0, IMAGES)
    graph = sqnn.causal_graph(model, data, "hidden", images=IMAGES, share=0.5)
    strong = [(i, j) for i in range(3) for j in range(7) if graph.strength[i, j] >= 0.5]
    assert graph.edges == [(graph.causes[i], graph.effects[j]) for i, j in strong]
    assert len(graph.frame) == len(strong) > 0
    fewer = sqnn.causal_graph(model, data.test, "hidden", images=IMAGES, units=[2])
    assert fewer.causes == ("hidden, neuron 2",)
    assert torch.equal(fewer.silenced[0, :2], graph.silenced[2, :2])
    assert torch.equal(fewer.first[0], graph.first[2])
    assert json.loads(json.dumps(graph.to_dict()))["silenced"][0][0] is None
    assert len(graph.plot().axes[0].lines[0].get_xdata()) == len(strong)


def test_channels_of_a_circuits_front_end_reach_the_answer() -> None:
    model = quantum((2, 3))
    images = torch.randint(256, (6, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    split = sqnn.data.Split(images, torch.zeros(6, dtype=torch.int64))
    graph = sqnn.causal_graph(model, split, "frontend.blocks.1")
    assert graph.causes == tuple(f"frontend.blocks.1, channel {channel}" for channel in range(3))
    assert graph.strength[:, :2].max() == 0  # the layer before
    assert graph.images == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "hiden"}, r"layer: got 'hiden', expected one of hidden, output; did you mean 'hidden'"),
        ({"share": 0}, r"share: got 0.0, expected a share of images above 0"),
        ({"units": [3]}, r"units: got 3, expected whole numbers from 0 to 2, the units of hidden"),
        (
            {"units": []},
            r"units: got \[\], expected at least one of whole numbers from 0 to 2, .*or none given for all",
        ),
        ({"units": [0.5]}, r"units: got 0.5, expected whole numbers from 0 to 2"),
        ({"units": [True]}, r"units: got True, expected whole numbers from 0 to 2"),
        ({"units": 3}, r"units: got 3, expected a list of whole numbers from 0 to 2, the units of hidden"),
        ({"units": "0"}, r"units: got '0', expected a list of whole numbers from 0 to 2"),
        ({"images": 0}, r"images: got 0, expected a whole number of at least 1"),
    ],
)
def test_bad_input_gets_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sqnn.causal_graph(Small(), small_data(5, 0, 5), **{"layer": "hidden", **options})


def test_units_may_be_a_tensor_and_one_is_one() -> None:
    graph = sqnn.causal_graph(Small(), small_data(5, 0, 5), "hidden", units=torch.tensor([2]))
    assert graph.causes == ("hidden, neuron 2",)
    assert " from 1 unit at a share of " in repr(graph)


def test_a_notebook_shows_words_and_table_as_they_are() -> None:
    graph = sqnn.causal_graph(Small(), small_data(), "hidden", images=5)
    odd = dataclasses.replace(graph, layer="<b>")
    assert odd._repr_html_().startswith("<p>CausalGraph(&lt;b&gt;: ")
    assert graph.frame.to_html(index=False) in graph._repr_html_()
