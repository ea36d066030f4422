"""The comparison of methods: known truths come out, failures are listed, and nothing is left to chance."""

from __future__ import annotations

from typing import Any

import pages
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import sqnn
from sqnn.core import ConfigError
from sqnn.data import ImageData, Split, planted_set
from sqnn.explain import attribute
from sqnn.explain.quality import (
    BADGES,
    MethodComparison,
    MethodWarning,
    compare_methods,
    make_maps,
    makers_of,
    shortfall,
)
from sqnn.models import reset_parameters

SMALL: dict[str, int] = {"images": 60, "repeated": 6, "stages": 2, "steps": 8, "noises": 2, "squares": 6}


def contribution(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """What each pixel adds to the margin of the class over the mean of all: the truth of a linear network."""
    weight = next(p for p in model.parameters() if p.ndim == 2)
    return ((weight - weight.mean(0))[target].view(images.shape) * images).detach()


def noisy(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """The truth and noise that is drawn."""
    truth = contribution(model, images, target, generator)
    return truth + 0.1 * truth.std() * torch.randn(truth.shape, generator=generator)


DRAWS = torch.Generator().manual_seed(3)


def own_noise(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """Noise that no generator passed in holds still."""
    return torch.rand(images.shape, generator=DRAWS)


def nothing(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    raise ConfigError("nothing: got a network, expected none")


def not_finite(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    return images / 0


class Linear(nn.Module):
    """A linear network that knows each class by the mean of its images."""

    def __init__(self, data: ImageData) -> None:
        super().__init__()
        images, labels = data.train.floats().flatten(1), data.train.labels
        means = torch.stack([images[labels == n].mean(0) for n in range(data.num_classes)])
        self.head = nn.Linear(images.shape[1], data.num_classes)
        with torch.no_grad():
            self.head.weight.copy_(4 * means)
            self.head.bias.copy_(-2 * means.square().sum(1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        return logits


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return sqnn.load_data("digits")


@pytest.fixture(scope="module")
def compared(digits: ImageData) -> MethodComparison:
    methods = {
        "truth": contribution,
        "noisy": noisy,
        "own-noise": own_noise,
        "nothing": nothing,
        "not-finite": not_finite,
    }
    return compare_methods(Linear(digits), digits, methods, **SMALL)


def line(compared: MethodComparison, method: str) -> Any:
    return compared.frame.set_index("method").loc[method]


def test_the_truth_of_a_linear_network_keeps_its_claims(compared: MethodComparison) -> None:
    truth = line(compared, "truth")
    assert [truth[name] for name in ("beats_intensity", "beats_ink", "sees_class")] == [True] * 3
    assert truth.adds_up is None
    assert truth.finds_planted is None
    assert truth.deletion_high < -0.05
    assert 0 <= truth.infidelity <= 1


def test_draws_hide_and_feign_nothing(compared: MethodComparison) -> None:
    """The same draws for maps that are compared: noise moves no map, and a true one keeps its claims under it."""
    noise = line(compared, "random")
    assert noise.sensitivity == 0
    assert (noise.other_class, noise.shuffled) == pytest.approx((1, 1))
    assert abs(noise.redrawn) < 0.4
    assert abs(line(compared, "own-noise").redrawn) < 0.4
    assert line(compared, "truth").redrawn == pytest.approx(1)
    noisy = line(compared, "noisy")
    assert 0.5 < noisy.redrawn < 1
    assert noisy.sees_class is line(compared, "truth").sees_class is True
    assert noisy.reads_weights is line(compared, "truth").reads_weights is True
    assert noisy.sensitivity < 2 * line(compared, "truth").sensitivity


def test_the_intensity_knows_nothing_of_the_network(compared: MethodComparison) -> None:
    intensity = line(compared, "intensity")
    assert intensity.shuffled == pytest.approx(1)
    assert intensity.other_class == pytest.approx(1)
    assert (intensity.reads_weights, intensity.sees_class) == (False, False)
    for name in ("random-ink", "random", "own-noise"):
        assert (line(compared, name).reads_weights, line(compared, name).sees_class) == (False, False)


def test_what_fails_is_listed_with_its_reason(compared: MethodComparison) -> None:
    assert line(compared, "nothing").problem == "nothing: got a network, expected none"
    assert line(compared, "not-finite").problem.startswith("method: got ")
    assert "nothing: got a network" in repr(compared)
    assert compared.badges.loc["nothing", list(BADGES)].tolist() == [None] * len(BADGES)


def breaks(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """It takes the first 50 images, and no others."""
    if len(images) < 50:
        images.zero_()
        raise RuntimeError("no\nmore")
    return images


def test_a_method_that_breaks_off_costs_no_other_its_numbers(digits: ImageData, compared: MethodComparison) -> None:
    few = {**SMALL, "repeated": 52, "stages": 1, "noises": 1}
    methods = {"breaks": breaks, "arrays": lambda *given: given[1].numpy(), "truth": contribution}
    with pytest.warns(
        MethodWarning, match=r"breaks broke off \(RuntimeError: no more \(test_compare.py, line \d+\)\)"
    ) as told:
        found = compare_methods(Linear(digits), digits, methods, **few)
    assert len(told) == 1
    rows = found.rows[(found.rows.method == "breaks") & (found.rows.randomised == "")].set_index("image")
    assert rows.problem.str.startswith("RuntimeError: no more").tolist() == [False] * 50 + [True] * 10
    assert rows.deletion.notna().tolist() == [True] * 50 + [False] * 10
    assert line(found, "arrays").problem == "method: got ndarray, expected a tensor of values, or an Attribution"
    assert line(found, "truth").deletion == line(compared, "truth").deletion
    assert found.agreement.loc["breaks", "intensity"] == pytest.approx(1)  # over the images that it took
    assert found.agreement.loc["truth", "truth"] == pytest.approx(1)
    assert line(found, "breaks").problem.startswith("RuntimeError: no more (test_compare.py, line")
    assert repr(found).splitlines()[-1].startswith("breaks broke off: RuntimeError: no more")
    with pytest.raises(RuntimeError, match="no\nmore"):
        raise found.errors["breaks"]


def test_maps_agree_with_themselves(compared: MethodComparison) -> None:
    agreement = compared.agreement
    assert list(agreement) == ["intensity", "random-ink", "random", "truth", "noisy", "own-noise"]
    assert agreement.loc["truth", "truth"] == pytest.approx(1)
    assert agreement.equals(agreement.T)
    assert abs(agreement.loc["random", "intensity"]) < 0.3


def test_the_same_numbers_again_whatever_else_is_measured(digits: ImageData, compared: MethodComparison) -> None:
    model, before = Linear(digits), torch.get_rng_state()
    again = compare_methods(model, digits, {"truth": contribution}, **SMALL)
    names = ["image", "randomised", "deletion", "insertion", "infidelity", "sensitivity", "similarity"]
    for method in ("truth", "random-ink"):
        one, two = (c.rows[c.rows.method == method][names].reset_index(drop=True) for c in (compared, again))
        pd.testing.assert_frame_equal(one, two)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_planted_label_is_found_by_the_truth_and_not_by_the_intensity(digits: ImageData) -> None:
    data = planted_set(digits)
    model = Linear(digits)
    with torch.no_grad():
        own = model.head.weight.view(10, 8, 8)
        model.head.weight = nn.Parameter(torch.cat([own, torch.zeros(10, 8, 8)], 2).flatten(1))
    found = compare_methods(model, data, {"truth": contribution}, **{**SMALL, "images": 20, "repeated": 0})
    assert line(found, "truth").inside == 1
    assert line(found, "truth").finds_planted is True
    assert line(found, "intensity").inside == pytest.approx(0.5, abs=0.05)
    assert line(found, "intensity").finds_planted is False
    assert line(found, "truth").reads_weights is None


def test_a_spiking_network_and_its_modes(digits: ImageData) -> None:
    model = sqnn.create_model("sqdr-cnn", digits, channels=(2, 2), n_qubits=2).train()
    weights = [weight.clone() for weight in model.parameters()]
    found = compare_methods(model, digits, {}, **{**SMALL, "images": 4, "repeated": 2})
    assert found.frame.problem.eq("").all()
    assert model.training
    assert all(map(torch.equal, weights, model.parameters()))


def test_it_is_drawn_and_written_out(compared: MethodComparison) -> None:
    figure = compared.plot()
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert set(labels[:2]) == {"truth", "noisy"}
    assert set(labels) == {"truth", "noisy", "own-noise", "intensity", "random-ink", "random"}
    plain = compared.to_dict()
    assert {row["method"]: row["beats_intensity"] for row in plain["methods"]}["truth"] is True  # type: ignore[attr-defined, index]
    assert "<table" in compared._repr_html_()


def test_black_images_and_a_batch_of_one_have_defined_values(digits: ImageData) -> None:
    black = Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), 16)
    data = ImageData("black", digits.train, digits.validation, black, digits.classes)
    found = compare_methods(Linear(digits), data, {"truth": contribution}, **{**SMALL, "images": 2, "repeated": 1})
    truth = line(found, "truth")
    assert truth.deletion == pytest.approx(float(found.rows[found.rows.method == "random"].deletion.mean()))
    assert pd.isna(truth.infidelity)
    assert pd.isna(truth.other_class)
    assert truth.problem == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": 500}, "images: got 500, expected at most 359, the test images of digits"),
        ({"images": 1}, "images: got 1, expected"),
        ({"stepz": 3}, "stepz: QualityOptions has no such field"),
        ({"methods": {"intensity": contribution}}, "methods: got 'intensity'"),
        ({"methods": {"mine": 3}}, "methods: got 'mine': 3, expected a name of its own: a method or function"),
        ({"methods": "no-such"}, "methods: got 'no-such', expected one of .*random"),
        ({"methods": "saliency, occlusion,saliency"}, "methods: got 'saliency' twice, expected each method once"),
        (
            {"methods": [len]},
            "methods: got <built-in function len>, expected a name, .*'mine': function}.* of your own",
        ),
        ({"methods": 3}, "methods: got 3, expected a name, such as 'relevance' or"),
    ],
)
def test_a_mistake_is_one_line(digits: ImageData, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        compare_methods(Linear(digits), digits, **arguments)
    assert "\n" not in str(caught.value)


def test_a_network_of_other_images_is_refused(digits: ImageData) -> None:
    model = sqnn.create_model("tiny-cnn", planted_set(digits))
    reset_parameters(model, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="data: digits has image_size"):
        compare_methods(model, digits, {}, images=4)


def test_a_map_whose_ledger_closes_does_not_add_up_without_the_biases() -> None:
    layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    images = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        layers[1].weight.copy_(torch.tensor([[1.0, 2, 0, 1], [0, 1, 1, 1], [2, 0, 1, 1]]))
        layers[1].bias.zero_()
        layers[3].weight.copy_(torch.tensor([[1.0, 1, 0], [0, 1, 1]]))
    target = torch.tensor([0, 1, 0, 1, 0])
    # The signed rule books the bias of the logit, and hands on the rest.
    for bias in (0.0, 3.0):
        with torch.no_grad():
            layers[3].bias.fill_(bias)
            logits = layers(images).gather(1, target[:, None])[:, 0]
        found = attribute(layers, images, target, "relevance", rule="signed")
        assert found.completeness_error is not None
        assert found.completeness_error.max() < 1e-12
        torch.testing.assert_close(shortfall(found), bias / logits, rtol=1e-9, atol=1e-12)
        made = make_maps(
            makers_of("relevance:rule=signed")["relevance:rule=signed"], layers, images, target, torch.Generator()
        )
        torch.testing.assert_close(made.completeness, bias / logits, rtol=1e-9, atol=1e-12)


def test_methods_have_options_in_their_names(digits: ImageData) -> None:
    image = digits.test.floats(slice(3))
    model, target, draws = Linear(digits), torch.tensor([0, 1, 2]), torch.Generator()
    makers = makers_of("occlusion:window=2:stride=2,saliency")
    assert list(makers) == ["intensity", "random-ink", "random", "occlusion:window=2:stride=2", "saliency"]
    maps = make_maps(makers["occlusion:window=2:stride=2"], model, image, target, draws).values
    # Windows of two by two pixels that do not overlap have one value each.
    assert torch.equal(maps, maps[:, ::2, ::2].repeat_interleave(2, 1).repeat_interleave(2, 2))
    weight = model.head.weight[target].view(3, 8, 8).detach()
    by_hand = (weight * image[:, 0]).unfold(1, 2, 2).unfold(2, 2, 2).sum((-1, -2))
    torch.testing.assert_close(maps[:, ::2, ::2], by_hand)
    torch.testing.assert_close(make_maps(makers["saliency"], model, image, target, draws).values, weight.abs())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("saliency:3", "methods: got 'saliency:3', expected options as in"),
        ("random:seed=3", "methods: got 'random:seed=3', expected random, which has no options"),
        ("occlusion:windows=3", "windows: Occlusion has no such field"),
        ("occlusion:window=0", "window: got 0"),
        ("occlusion:window=2:window=3", "methods: got 'occlusion:window=2:window=3', expected window once"),
    ],
)
def test_wrong_options_of_methods_are_named(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        makers_of(name)


def test_a_silent_network_has_a_problem_and_no_badge() -> None:
    data = pages.small_data(400)
    silent, options = pages.small_network(threshold=1e6), {**SMALL, "images": 10}
    found = compare_methods(silent, data, "shapley,saliency,integrated-smooth", **options)
    for name in ("shapley", "saliency", "integrated-smooth"):
        told = found.badges.loc[name]
        assert told.problem == "no attribution: the network is silent, and answers as it answers a black image"
        assert [told[badge] for badge in BADGES] == [None] * len(BADGES)
    assert found.badges.loc["intensity"].problem == ""
