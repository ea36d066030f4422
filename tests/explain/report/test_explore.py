"""Neurons silenced and made to fire from a notebook: what the widget tells is what the network then does."""

from __future__ import annotations

import numpy as np
import pages
import pytest
import torch
from pages import unpacked

import sqnn
from sqnn.core import ConfigError

pytest.importorskip("anywidget")
LAYER = "frontend.blocks.0"


def test_silenced_neurons_are_silent_firing_ones_fire_and_released_ones_do_as_before() -> None:
    model, data = pages.small_network(), pages.small_data()
    image = data.test.floats([4])[0]
    seen = sqnn.explore(model, image, int(data.test.labels[4]), data.classes)
    before = seen.story
    counts = seen.record[LAYER].spikes[:, 0].flatten(1).sum(0)
    busiest, other = int(counts.argmax()), int(counts.argmin())
    seen.silence(LAYER, busiest)
    seen.act("fire", LAYER, other)
    spikes = unpacked(seen.story["sections"]["time"]["layers"][0]["spikes"])
    assert spikes[:, busiest].sum() == 0
    assert spikes[:, other].sum() == 8
    answer = seen.story["sections"]["answer"]
    assert answer["before"] == before["sections"]["answer"]["probabilities"]
    assert answer["probabilities"] != answer["before"]
    assert answer["changed"].count("silent") == answer["changed"].count("firing") == 1
    seen.release()
    np.testing.assert_array_equal(
        seen.story["sections"]["answer"]["probabilities"], before["sections"]["answer"]["probabilities"]
    )


def test_what_is_released_is_what_was_named() -> None:
    seen = sqnn.explore(pages.small_network(), pages.small_data().test.floats([4])[0])
    first, second = seen.record.layers
    changes = [(first, 0), (first, 1), (second, 2)]
    for layer, neuron in changes:
        seen.silence(layer, neuron)
    before = seen.story
    for given, message in (
        (("nope",), "layer: got 'nope', expected one of"),
        (("nope", 3), "layer: got 'nope', expected one of"),
        ((first, 1_000), "neuron: got 1000"),
        ((None, 3), "layer: got None, expected the name of the layer of neuron 3"),
    ):
        with pytest.raises(ConfigError, match=message):
            seen.release(*given)
        assert (list(seen.changes), seen.story) == (changes, before)
    seen.release(first, 1)
    assert list(seen.changes) == [(first, 0), (second, 2)]
    seen.release(first)
    assert list(seen.changes) == [(second, 2)]
    seen.release()
    assert seen.changes == {}


def test_mistakes_change_nothing() -> None:
    seen = sqnn.explore(pages.small_network(), torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(0)))
    before = seen.story
    for layer, neuron, message in (
        ("blocks", 0, "layer: got 'blocks'"),
        (LAYER, 72, "neuron: got 72"),
        (LAYER, -1, "neuron"),
    ):
        with pytest.raises(ConfigError, match=message):
            seen.silence(layer, neuron)
    with pytest.raises(ConfigError, match="action: got 'shout'"):
        seen.act("shout", LAYER, 0)
    assert seen.story == before
    with pytest.raises(ConfigError, match=r"image: got \[6, 6\], expected \[channels, height, width\]"):
        sqnn.explore(pages.small_network(), torch.rand(6, 6))
    with pytest.raises(ConfigError, match="image: got"):
        sqnn.explore(pages.small_network(), torch.rand(2, 1, 6, 6))
    with pytest.raises(ConfigError, match="classes: got"):
        sqnn.explore(pages.small_network(), torch.rand(1, 6, 6), classes=("a", "b"))
