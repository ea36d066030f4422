"""Selections, tables and neo objects of a record hold the spikes of the record, each once."""

from __future__ import annotations

import copy
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from sqnn.core import ConfigError
from sqnn.explain import HeadRecord, LayerRecord, SpikeRecord

T, B = 5, 3


def made(seed: int = 0, silent: bool = False) -> SpikeRecord:
    """A record of two layers, [2, 3] and [4] neurons, with thresholds per channel and per step."""
    draw = torch.Generator().manual_seed(seed)

    def train(*shape: int) -> Tensor:
        return torch.rand(T, B, *shape, generator=draw)

    first, second = ((train(2, 3) < 0.4).float(), (train(4) < 0.4).float())
    return SpikeRecord(
        layers={
            "a": LayerRecord(
                "a", first * (not silent), train(2, 3), train(2, 3), threshold=torch.tensor([1.0, 2])[:, None]
            ),
            "b": LayerRecord(
                "b",
                second * (not silent),
                train(4),
                None,
                threshold=torch.arange(1.0, T + 1).view(T, 1, 1) * torch.arange(1.0, 5),
                heights=tuple(float(t) for t in range(T)),
            ),
        },
        images=torch.rand(B, 1, 2, 2, generator=draw),
        logits=torch.rand(B, 2, generator=draw),
        labels=torch.tensor([1, 0, 1]),
        input=train(1, 2, 2),
        heads={"circuit": HeadRecord(torch.rand(B, 6), torch.rand(B, 2), torch.rand(2, B, 2, 3))},
    )


def rows(record: SpikeRecord) -> set[tuple[object, ...]]:
    return set(record.frame.itertuples(index=False, name=None))


@pytest.mark.parametrize("seed", range(3))
def test_the_frame_has_one_row_per_spike(seed: int) -> None:
    record = made(seed)
    wanted = {
        (name, image, neuron, t)
        for name, layer in record.layers.items()
        for t in range(T)
        for image in range(B)
        for neuron, fired in enumerate(layer.spikes[t, image].flatten().tolist())
        if fired
    }
    assert rows(record) == wanted
    assert len(record.frame) == len(wanted)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"images": slice(90, 99)}, "images: got slice(90, 99, None), expected a slice that takes some of the 3"),
        ({"images": []}, "images: got [], expected whole numbers from 0 to 2"),
        ({"images": torch.zeros(B, dtype=torch.bool)}, "images: got a mask that takes none of the 3"),
        ({"images": 3}, "images: got 3, expected whole numbers from 0 to 2"),
        ({"images": "first"}, "images: got 'first', expected whole numbers"),
        ({"images": slice("a", "b")}, "images: got slice('a', 'b', None), expected whole"),
        ({"layer": "a", "neurons": slice(6, None)}, "neurons: got slice(6, None, None), expected a slice that takes"),
        ({"layer": "a", "neurons": [0.5]}, "neurons: got [0.5], expected whole numbers from 0 to 5"),
        ({"layer": []}, "layer: got [], expected one or more layers"),
        ({"layer": ["a", "a"]}, "layer: got ['a', 'a'], expected each layer once"),
        ({"window": 3}, "window: got 3, expected (first, end) with 0 <= first < end <= 5"),
        ({"window": (0, 2.5)}, "window: got (0, 2.5), expected (first, end)"),
    ],
)
def test_a_choice_of_nothing_is_said(choice: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}") as caught:
        made().select(**choice)
    assert "\n" not in str(caught.value)


@settings(max_examples=20)
@given(
    first=st.integers(0, T - 1),
    steps=st.integers(1, T),
    images=st.lists(st.integers(0, B - 1), min_size=1, unique=True),
    neurons=st.lists(st.integers(0, 5), min_size=1, unique=True),
)
def test_a_selection_is_the_part_of_the_frame(first: int, steps: int, images: list[int], neurons: list[int]) -> None:
    record, end = made(1), min(T, first + steps)
    part = record.select(layer="a", neurons=neurons, window=(first, end), images=images)
    wanted = {
        ("a", images.index(image), neurons.index(neuron), t)
        for name, image, neuron, t in rows(record)
        if name == "a" and image in images and neuron in neurons and first <= t < end
    }
    assert rows(part) == wanted
    (layer,) = part.layers.values()
    whole = record["a"]
    for name in ("spikes", "membranes", "currents"):
        flat = vars(whole)[name][first:end].flatten(2)
        assert torch.equal(vars(layer)[name], flat[:, images][..., neurons])
    assert torch.equal(layer.threshold, torch.tensor([1.0, 1, 1, 2, 2, 2])[neurons])
    assert torch.equal(part.logits, record.logits[images])
    assert torch.equal(part.labels, record.labels[images])
    assert torch.equal(part.input, record.input[first:end, images])
    assert torch.equal(part.head.bloch, record.head.bloch[:, images])


def test_values_of_each_step_are_selected_with_the_steps() -> None:
    layer = made().select("b", neurons=[3, 1], window=(2, 4))["b"]
    assert_close(layer.threshold, torch.tensor([[[12.0, 6]], [[16, 8]]]))
    assert layer.heights == (2.0, 3.0)
    again = made().select("b", window=(1, 5)).select(window=(1, 3))["b"]
    assert again.start == 2
    assert torch.equal(again.spikes, made()["b"].spikes[2:4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "c"}, "layer: got 'c', expected one of a, b"),
        ({"neurons": [0]}, "neurons: got '2 layers beside them', expected one layer"),
        ({"layer": "b", "neurons": [4]}, "neurons: got [4], expected whole numbers from 0 to 3"),
        ({"layer": "b", "neurons": torch.ones(3, dtype=torch.bool)}, "neurons: got 'a mask of shape [3]'"),
        ({"window": (2, 6)}, "window: got (2, 6), expected (first, end) with 0 <= first < end <= 5"),
        ({"window": (2, 2)}, "window: got (2, 2), expected"),
        ({"images": 3}, "images: got 3, expected whole numbers from 0 to 2"),
        ({"images": [0.5]}, "images: got [0.5], expected whole"),
    ],
)
def test_what_is_not_there_gets_one_line(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        made().select(**arguments)  # type: ignore[arg-type]


def test_slices_masks_and_numbers_from_the_end_select_too() -> None:
    record = made()
    mask = torch.tensor([[True, False, False], [False, False, True]])
    assert torch.equal(record.select("a", neurons=mask)["a"].spikes, record["a"].spikes.flatten(2)[..., [0, 5]])
    assert torch.equal(record.select(images=-1).logits, record.logits[2:])
    assert torch.equal(record.select(images=slice(1, None)).logits, record.logits[1:])


@pytest.mark.parametrize("silent", [False, True])
def test_neo_gives_the_spikes_back(silent: bool) -> None:
    pytest.importorskip("neo")
    record = made(4, silent).select(window=(1, T))
    block = record.to_neo(step=2.0)
    assert [segment.annotations["label"] for segment in block.segments] == [1, 0, 1]
    found = {
        (train.annotations["layer"], image, train.annotations["neuron"], int(time / 2))
        for image, segment in enumerate(block.segments)
        for train in segment.spiketrains
        for time in train.rescale("ms").magnitude
    }
    assert found == rows(record)
    assert {len(segment.spiketrains) for segment in block.segments} == {10}
    signal = block.segments[2].analogsignals[0]
    np.testing.assert_array_equal(signal.magnitude, record["a"].membranes[:, 2].flatten(1))
    assert float(signal.t_start.rescale("ms")) == 2.0
    assert silent == (found == set())


@pytest.mark.parametrize("step", [0, -1.0, math.nan, math.inf])
def test_a_step_for_neo_takes_time(step: float) -> None:
    with pytest.raises(ConfigError, match=r"^step: got .*, expected how many ms a step takes, a finite number above 0"):
        made(0, silent=True).to_neo(step=step)


def test_too_many_trains_for_neo_are_refused() -> None:
    pytest.importorskip("neo")
    wide = SpikeRecord({"a": LayerRecord("a", torch.zeros(1, 2, 50_001))}, torch.zeros(2, 1), torch.zeros(2, 2))
    with pytest.raises(ConfigError, match="to_neo: got 100,002 spike trains, expected at most 100,000"):
        wide.to_neo()


@pytest.mark.parametrize("silent", [False, True])
def test_the_picture_has_a_mark_per_spike_of_the_image(silent: bool) -> None:
    record = made(2, silent).select(window=(1, T))
    axes = record.plot(image=1).axes[0]
    marks = {
        (int(x), int(y))
        for line in axes.lines
        for x, y in zip(*line.get_data(), strict=True)
        if line.get_marker() == "|"
    }
    below = {"a": 0, "b": 6}
    assert marks == {(t, below[name] + neuron) for name, image, neuron, t in rows(record) if image == 1}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_text_and_memory_are_those_of_the_trains() -> None:
    record = made()
    assert repr(record) == "SpikeRecord(3 images, 5 steps: a [2, 3], b [4])"
    assert record._repr_html_().count("<tr>") == 3
    trains = 4 * T * B * (3 * 6 + 2 * 4 + 4)
    assert record.nbytes == trains + 4 * B * (2 + 6 + 2 + 12)
    again = copy.deepcopy(record)
    assert torch.equal(again.select("b", window=(1, 3))["b"].spikes, record["b"].spikes[1:3])
    with pytest.raises(TypeError):
        record.layers["c"] = record["a"]  # type: ignore[index]
