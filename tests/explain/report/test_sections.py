"""What a page tells is what the network does: each section against the network itself."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pages
import pytest
import torch
from pages import unpacked
from torch import nn

from sqnn.core import ConfigError
from sqnn.explain import NO_ATTRIBUTION, attribute, record
from sqnn.explain.attribution import Attribution, smooth_twin
from sqnn.explain.behaviour import changed_spikes
from sqnn.explain.quality import rank_correlation, shortfall
from sqnn.explain.report import Story, make_page, sections
from sqnn.explain.report.page import FEW_PASSES, PASSES, pixel_methods
from sqnn.explain.report.subject import Subject
from sqnn.metrics import operations, predict_logits
from sqnn.models import create_model

INDEX = 4


@cache
def model() -> nn.Module:
    return pages.small_network()


@cache
def story() -> Story:
    return make_page(model(), pages.small_data(), INDEX, methods=["shapley", "relevance", "saliency"]).story


def image() -> torch.Tensor:
    return pages.small_data().test.floats([INDEX])


def subject(network: nn.Module | None = None) -> Subject:
    """The image as the subject of single sections."""
    network = model() if network is None else network
    return Subject(network, record(network, image()), pages.small_data().classes)


def answers(images: torch.Tensor) -> np.ndarray:
    return predict_logits(model(), images).double().softmax(1).numpy()


def test_the_answer_is_the_networks_and_so_is_the_last_of_those_after_each_step() -> None:
    answer = story()["sections"]["answer"]
    np.testing.assert_allclose(answer["probabilities"], answers(image())[0], atol=1e-12)
    assert story()["predicted"] == int(np.argmax(answer["probabilities"]))
    logits = predict_logits(model(), image())[0].sort(descending=True).values
    assert answer["margin"] == pytest.approx(float(logits[0] - logits[1]), abs=1e-6)
    steps = unpacked(answer["anytime"]["probabilities"])
    np.testing.assert_allclose(steps[-1], answer["probabilities"], atol=1e-6)
    decided = answer["anytime"]["decided"]
    assert (steps[decided - 1 :].argmax(1) == story()["predicted"]).all()
    assert decided == 1 or steps[decided - 2].argmax() != story()["predicted"]


def test_what_it_cost_is_what_is_counted() -> None:
    costs = {cost["name"]: cost["value"] for cost in story()["sections"]["answer"]["costs"]}
    count, seen = operations(model(), image()), record(model(), image())
    assert costs["spikes"] == sum(int(layer.spikes.sum()) for layer in seen.layers.values()) > 0
    assert costs["additions"] == count.total("accumulates")
    assert costs["energy"] == pytest.approx(count.energy() / 1000)


def test_trains_are_those_of_the_record_and_rates_means_over_the_images_of_a_class() -> None:
    seen, data = record(model(), image()), pages.small_data()
    whole = record(model(), data.train)
    assert len(seen.layers) > 0
    for told, (name, layer) in zip(story()["sections"]["time"]["layers"], seen.layers.items(), strict=True):
        assert told["name"] == name
        assert (unpacked(told["spikes"]) == layer.spikes[:, 0].flatten(1).numpy()).all()
        np.testing.assert_allclose(unpacked(told["membranes"]), layer.membranes[:, 0].flatten(1).numpy(), atol=1e-3)
        for label in range(3):
            rates = whole[name].spikes[:, data.train.labels == label].flatten(1).mean(1)
            np.testing.assert_allclose(unpacked(told["psth"])[label], rates.numpy(), atol=1e-6)


def test_shares_of_spikes_are_zero_where_none_is() -> None:
    layers = story()["sections"]["time"]["layers"]
    assert len(layers) > 0
    for layer in layers:
        shares, spikes = unpacked(layer["values"]), unpacked(layer["spikes"])
        assert (shares[spikes == 0] == 0).all()
        assert np.abs(shares).max() > 0


def test_bloch_vectors_end_in_what_is_read_and_shares_add_up_to_the_logit() -> None:
    head, seen = story()["sections"]["head"], record(model(), image())
    np.testing.assert_allclose(unpacked(head["angles"])[-1], seen.head.angles[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(unpacked(head["bloch"])[-1, -1, :, 2], seen.head.expectations[0].numpy(), atol=1e-6)
    falls = head["waterfall"]
    for players in ("qubits", "angles"):
        assert falls["baseline"] + sum(falls[players]) == pytest.approx(falls["output"], abs=1e-9)
    assert falls["output"] == pytest.approx(float(seen.logits[0, story()["predicted"]]), abs=1e-5)


def test_pixels_go_in_the_order_of_the_map_and_the_answers_are_those_without_them() -> None:
    section = story()["sections"]["pixels"]
    assert [one["method"] for one in section["maps"]] == ["shapley", "relevance", "saliency", "intensity"]
    for told in section["maps"]:
        values = unpacked(told["targets"][0]["values"]).flatten()
        order = unpacked(told["deletion"]["order"]).astype(int)
        assert sorted(order) == list(range(36))
        assert (np.diff(values[order]) <= 0).all()
        probabilities = unpacked(told["deletion"]["probabilities"])
        for step in (0, 7, len(section["fractions"]) - 1):
            left = image().clone().view(-1)
            left[order[: round(section["fractions"][step] * 36)]] = 0
            np.testing.assert_allclose(probabilities[step], answers(left.view(1, 1, 6, 6))[0], atol=1e-6)


def test_options_of_a_method_are_those_of_the_map() -> None:
    names = ["relevance:rule=signed", "relevance"]
    told = sections.pixels(subject(), pixel_methods(", ".join(names)))["maps"]
    assert [one["method"] for one in told] == [*names, "intensity"]
    for one, rule in zip(told, ("signed", "z+"), strict=False):
        label = one["targets"][0]["target"]
        found = attribute(model(), image(), label, "relevance", rule=rule).values[0, 0]
        np.testing.assert_allclose(unpacked(one["targets"][0]["values"]), found, atol=float(found.abs().max()) / 2**15)
    assert told[0]["targets"][0]["values"] != told[1]["targets"][0]["values"]


def test_a_map_stands_beside_the_same_one_of_other_draws() -> None:
    both = subject().targets
    for told, alike in zip(story()["sections"]["pixels"]["maps"], (False, True), strict=False):
        first, again = (
            attribute(
                model(),
                image().expand(2, -1, -1, -1),
                both,
                told["method"],
                generator=torch.Generator().manual_seed(seed),
            )
            for seed in (0, 1)
        )
        one, other, redrawn = first.values[0], first.values[1], again.values[0]
        assert torch.allclose(one, redrawn, atol=1e-3 * float(one.abs().max())) is alike
        np.testing.assert_allclose(unpacked(told["redrawn"]), redrawn[0], atol=float(redrawn.abs().max()) / 2**15)
        itself, runner_up = (float(rank_correlation(one, each, image()[0] != 0)) for each in (redrawn, other))
        badge = told["badges"][1]
        assert f"{runner_up:.2f} with the map of the runner-up, {itself:.2f} with the same map" in badge["detail"]
        assert badge["state"] == ("pass" if itself >= 0.5 and runner_up < 0.9 * itself else "fail")


def test_a_twin_that_answers_otherwise_has_no_mark_of_success() -> None:
    """The smooth twin of these networks is complete by itself; what is marked is whether the network's logit is met."""
    seen = []
    for seed in range(2):
        network = pages.small_network(seed=seed)
        told = sections.pixels(subject(network), pixel_methods("integrated-smooth"))
        badge = told["maps"][0]["badges"][2]
        logits, own = (predict_logits(part, image())[0].double() for part in (smooth_twin(network), network))
        label = int(own.argmax())
        black = float(predict_logits(smooth_twin(network), torch.zeros_like(image()))[0, label])
        off = abs(float(logits[label] - own[label])) / abs(float(logits[label]) - black)
        same = int(logits.argmax()) == label
        seen.append((same, off))
        if off > 0.02 or not same:
            assert (badge["state"], badge["text"]) == ("fail", "adds up for its smooth twin, not for this network")
            assert f"the twin answers {'abc'[int(logits.argmax())]}" in badge["detail"]
        found = attribute(network, image(), label, "integrated-smooth")
        assert found.twin is not None
        assert found.twin.same_label.tolist() == [same]
        assert float(shortfall(found)) == pytest.approx(max(off, float(found.relative_error)), rel=1e-3, abs=1e-4)
    assert any(off > 0.02 for _, off in seen)


def test_what_arrives_at_a_layer_is_what_leaves_it_and_what_arrives_below() -> None:
    ledger = story()["sections"]["ledger"]
    stations = ledger["stations"]
    assert len(stations) > 2
    for above, below in pairwise(stations):
        left = sum(term["value"] for term in above["terms"])
        assert above["arriving"] == pytest.approx(below["arriving"] + left, abs=1e-5)
    assert sum(end["value"] for end in ledger["ends"]) == pytest.approx(ledger["total"], abs=1e-5)


def test_the_image_fulfils_the_rule() -> None:
    rule = story()["sections"]["rule"]
    assert 0 < rule["fidelity"] <= 1
    assert rule["images"] == len(pages.small_data().test)
    bounds = [float(step["text"].split(": ")[1].split()[-2]) for step in rule["steps"] if "from" not in step["text"]]
    values = [step["value"] for step in rule["steps"] if "from" not in step["text"]]
    above = ["more than" in step["text"] for step in rule["steps"] if "from" not in step["text"]]
    assert all(
        (value > bound - 0.01) if up else (value < bound + 0.01)
        for value, bound, up in zip(values, bounds, above, strict=True)
    )


def test_the_nearest_change_changes_the_answer_and_is_no_larger_than_it_says() -> None:
    nearest = story()["sections"]["what_if"]["nearest"]
    other = torch.tensor(unpacked(nearest["image"]) / 255, dtype=torch.float32)[None]
    assert (other - image()).abs().max() <= nearest["radius"] + 0.5 / 255 + 1e-6
    assert "moves every pixel by at most as much" in nearest["how"]
    assert nearest["label"] != story()["predicted"]
    assert answers(other)[0, nearest["label"]] > 1 / 3 - 0.02


def test_the_answer_without_a_neuron_is_that_of_one_pass_without_it() -> None:
    first = story()["sections"]["what_if"]["neurons"][0]
    assert abs(first["change"]) > 0
    layer, channel, row, column = (part.split()[-1] for part in first["text"].split(", "))

    def silent(spikes: torch.Tensor) -> torch.Tensor:
        changed = spikes.clone()
        changed[:, :, int(channel), int(row), int(column)] = 0
        return changed

    with changed_spikes(model(), layer, silent):
        np.testing.assert_allclose(answers(image())[0], first["probabilities"], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"index": 12}, "index: got 12, expected the number of one of the 12 test images, from 0"),
        ({"index": -1}, "index: got -1"),
        ({"index": True}, "index: got True"),
        ({"split": "dev"}, "split: got 'dev', expected one of train, validation, test"),
        ({"methods": ["shaply"]}, "methods: got 'shaply', expected one of .*; did you mean 'shapley'"),
        ({"methods": "shapley,shapley"}, "methods: got 'shapley' twice, expected each method once"),
        ({"target": "d"}, "target: got 'd', expected one of a, b, c$"),
        ({"target": 3}, "target: got 3, expected the name of a class, or its number from 0 to 2"),
        ({"target": "3"}, "target: got '3', expected the name of a class, or its number from 0 to 2"),
        ({"target": True}, "target: got True, expected the name"),
        ({"seed": -1}, "seed: got -1, expected a whole number from 0 to 4,294,967,295"),
        ({"seed": 2**32}, "seed: got 4294967296, expected a whole number from 0 to"),
        ({"seed": 1.5}, "seed: got 1.5, expected a whole number from 0 to"),
    ],
)
def test_a_mistake_gets_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_page(model(), pages.small_data(), **{"index": 0, **options})


def test_a_network_without_spikes_has_a_page_that_says_what_is_missing() -> None:
    plain = create_model("logistic", image_size=(6, 6), num_classes=3)
    parts = make_page(plain, pages.small_data(), 0, methods="shapley").story["sections"]
    assert parts["time"] == {"absent": "the network has no spiking neurons"}
    assert parts["head"] == {"absent": "the network has no quantum head"}
    assert "absent" in parts["rule"]
    assert parts["answer"]["anytime"] is None
    assert len(parts["pixels"]["maps"]) == 2


def test_methods_send_about_as_many_images_as_is_foretold() -> None:
    plain, pixels = create_model("logistic", image_size=(28, 28), num_classes=3), torch.rand(1, 1, 28, 28)
    small = dict.fromkeys(("saliency", "temporal-spike", "spike-triggered"), (model(), image()))
    for method, (network, one) in {**small, **dict.fromkeys(("shapley", "occlusion"), (plain, pixels))}.items():
        cost = attribute(network, one.expand(2, -1, -1, -1), torch.tensor([0, 1]), method).cost
        sent, foretold = cost.forwards + cost.backwards, PASSES.get(method, FEW_PASSES)
        assert sent <= 1.1 * foretold, method
        assert sent > 0.8 * foretold or foretold == FEW_PASSES, method


def test_silence_is_said_and_drawn_as_no_map_and_a_flat_map_is_no_lack_of_ink() -> None:
    silent = pages.small_network(threshold=1e6)
    told = sections.trains(subject(silent), None)["silent"]
    assert told.startswith("No neuron fires for this image")
    with changed_spikes(model(), "frontend.blocks.1", torch.zeros_like):
        told = sections.trains(subject(), None)["silent"]
    assert told.startswith("No neuron fires in frontend.blocks.1 for this image")
    assert story()["sections"]["time"]["silent"] == ""
    asked = subject(silent)
    assert sections.pixels(asked, pixel_methods("occlusion,saliency")) == {"absent": NO_ATTRIBUTION}
    assert [one["failed"] for one in asked.methods] == [NO_ATTRIBUTION] * 2
    assert sections.trains(asked, None)["coloured_by"] == ""
    flat = sections.pixels(subject(), pixel_methods("occlusion:window=6:stride=6"))["maps"][0]["badges"]
    assert "the same value everywhere: nothing to compare" in [badge["text"] for badge in flat]


def test_a_method_that_breaks_off_is_told_and_costs_no_other() -> None:
    asked = subject()

    def breaks() -> Attribution:
        raise RuntimeError("it broke")

    assert asked.noted("mine", breaks).startswith("broke off by RuntimeError: it broke (test_sections.py, line")
    assert asked.methods[-1]["failed"] == asked.noted("mine", breaks)


@pytest.mark.slow
def test_a_silent_network_has_a_page() -> None:
    silent = pages.small_network(threshold=1e6)
    told = make_page(silent, pages.small_data(), 0, methods="shapley").story["sections"]
    assert told["answer"]["costs"][0]["value"] == 0
    assert told["what_if"]["neurons"] == []
    assert told["pixels"] == {"absent": NO_ATTRIBUTION}
    assert told["rule"]["size"] == "1 leaf"
