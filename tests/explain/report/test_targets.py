"""Which class a page explains: the answer or the one asked for, and the true class of a misread image beside it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pages
import pytest
import torch
from pages import unpacked
from torch import nn

from sqnn.data import ImageData
from sqnn.explain import attribute, record
from sqnn.explain.behaviour import changed_spikes
from sqnn.explain.report import Story, make_page, sections
from sqnn.explain.report.page import class_number, pixel_methods
from sqnn.explain.report.subject import Subject
from sqnn.metrics import predict_logits

METHODS = "occlusion,relevance"


@cache
def model() -> nn.Module:
    return pages.small_network()


@cache
def logits() -> torch.Tensor:
    return predict_logits(model(), pages.small_data().test.floats()).double()


def misread(rank: int) -> int:
    """The first image whose true class has the logit of this rank."""
    ranks = logits().argsort(1, descending=True)
    return int((ranks[:, rank] == pages.small_data().test.labels).nonzero()[0])


@cache
def page(index: int, target: str | None = None) -> Story:
    return make_page(model(), pages.small_data(), index, methods=METHODS, target=target).story


def maps_of(story: Story) -> dict[str, list[int]]:
    return {one["method"]: [each["target"] for each in one["targets"]] for one in story["sections"]["pixels"]["maps"]}


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_true_class_has_a_map_which_is_that_of_attribute(rank: int) -> None:
    data: ImageData = pages.small_data()
    index = misread(rank)
    label, ranks = int(data.test.labels[index]), logits()[index].argsort(descending=True).tolist()
    story = page(index)
    assert (story["predicted"], story["label"], story["target"]) == (ranks[0], label, ranks[0])
    expected = ranks[:2] if rank < 2 else [*ranks[:2], label]
    assert maps_of(story) == {"occlusion": expected, "relevance": expected, "intensity": ranks[:1]}
    for one in story["sections"]["pixels"]["maps"][:2]:
        found = attribute(model(), data.test.floats([index]), label, one["method"]).values[0].sum(0)
        drawn = next(each for each in one["targets"] if each["target"] == label)
        np.testing.assert_allclose(unpacked(drawn["values"]), found, atol=2e-4 * float(found.abs().max()))


def test_everything_but_the_answer_is_about_the_target() -> None:
    index = misread(2)
    label = int(pages.small_data().test.labels[index])
    name, image = "abc"[label], pages.small_data().test.floats([index])
    story, plain = page(index, name), page(index)
    parts, own = story["sections"], float(logits()[index, label])
    assert story["title"] == f"What speaks for {name}? Image number {index} of thirds, test"
    assert plain["title"].startswith(f"Why {'abc'[plain['predicted']]}? ")
    assert (story["target"], story["predicted"]) == (label, plain["predicted"])
    assert parts["answer"]["probabilities"] == plain["sections"]["answer"]["probabilities"]
    assert parts["head"]["waterfall"]["output"] == pytest.approx(own, abs=1e-5)
    assert maps_of(story)["occlusion"] == [label, story["predicted"]]
    curve = unpacked(parts["pixels"]["maps"][0]["deletion"]["probabilities"])
    np.testing.assert_allclose(curve[0], logits()[index].softmax(0), atol=1e-6)
    shares = attribute(model(), image, label, "relevance", "frontend.blocks.0").values[0].flatten(1)
    np.testing.assert_allclose(unpacked(parts["time"]["layers"][0]["values"]), shares, atol=1e-4)
    ledger = attribute(model(), image, label, "relevance").ledger
    assert parts["ledger"]["total"] == pytest.approx(float(ledger.total), abs=1e-6)
    assert f"target={name!r}" in dict(parts["made"]["facts"])["command"]


def test_what_a_neuron_changes_is_the_logit_of_the_target() -> None:
    index = misread(2)
    label = int(pages.small_data().test.labels[index])
    image = pages.small_data().test.floats([index])
    seen = Subject(model(), record(model(), image), ("a", "b", "c"), label, target=label)
    first = sections.what_if(seen)["neurons"][0]
    layer, channel, row, column = (part.split()[-1] for part in first["text"].split(", "))

    def silent(spikes: torch.Tensor) -> torch.Tensor:
        changed = spikes.clone()
        changed[:, :, int(channel), int(row), int(column)] = 0
        return changed

    with changed_spikes(model(), layer, silent):
        moved = predict_logits(model(), image)[0, label] - logits()[index, label]
    assert first["change"] == pytest.approx(float(moved), abs=1e-5)


def test_marks_name_the_class_that_the_map_is_compared_with() -> None:
    index = misread(2)
    image, label = pages.small_data().test.floats([index]), int(pages.small_data().test.labels[index])
    seen = Subject(model(), record(model(), image), ("a", "b", "c"), label, target=label)
    badge = sections.pixels(seen, pixel_methods("occlusion"))["maps"][0]["badges"][1]
    answer = "abc"[int(logits()[index].argmax())]
    assert f"with the map of the answer {answer}, 1.00 with the same map of other draws" in badge["detail"]


@pytest.mark.parametrize(
    ("target", "classes", "number"),
    [("cat", ("dog", "cat"), 1), ("1", ("1", "0"), 0), ("1", ("a", "b"), 1), (0, "ab", 0)],
)
def test_a_class_is_found_by_its_name_first(target: str | int, classes: tuple[str, ...], number: int) -> None:
    assert class_number(target, classes) == number
