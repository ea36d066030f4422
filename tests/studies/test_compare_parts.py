"""Who takes part in a comparison and at what size, equal tries, and parts of the images."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import sqnn
from sqnn.core import ConfigError
from sqnn.data import Split
from sqnn.studies import CompareStudy
from sqnn.studies.compare.budget import largest_widths
from sqnn.studies.compare.parts import noisy, stratified_order
from sqnn.studies.compare.rivals import LABELS, parse_models

SMALL = "sqdr-cnn:channels=2:n_qubits=2"
HERE = {"workers": 0, "progress": False}


def parameters(name: str, data: sqnn.ImageData, options: dict[str, object]) -> int:
    return sqnn.count(sqnn.create_model(name, data, **options)).total


def test_widths_are_the_largest_below_the_budget(digits: sqnn.ImageData) -> None:
    """By hand, for 64 pixels and 10 classes: an snn-mlp has 75 h + 10 parameters, snn-wta 65 n, one layer more h k."""
    assert largest_widths(803, "sqdr-cnn", digits) == {"channels": (2, 4, 8)}
    assert largest_widths(803, "snn-mlp", digits) == {"hidden": ((803 - 10) // 75,)}
    assert largest_widths(759, "snn-mlp", digits) == {"hidden": (9,)}
    assert largest_widths(760, "snn-mlp", digits, {"hidden": (7,)}) == {"hidden": (10,)}
    assert largest_widths(803, "snn-mlp", digits, {"hidden": ()}) == {"hidden": ()}
    assert largest_widths(803, "snn-wta", digits) == {"neurons": 803 // 65}
    assert largest_widths(803, "logistic", digits) == {"side": 8}, "the images have no more pixels"
    factor = largest_widths(3_000, "vit", digits)["width_multiplier"]
    sizes = [parameters("vit", digits, {"width_multiplier": each}) for each in (factor, factor + 1 / 64)]
    assert sizes[0] <= 3_000 < sizes[1]


@pytest.mark.parametrize(("budget", "shape"), [(100, (3, 4)), (803, (10, 5)), (1500, (1, 7)), (3999, (500, 300))])
def test_several_widths_keep_their_proportions_and_none_can_be_one_larger(
    budget: int, shape: tuple[int, int], digits: sqnn.ImageData
) -> None:
    one, two = largest_widths(budget, "snn-mlp", digits, {"hidden": shape})["hidden"]

    def size(first: int, second: int) -> int:
        return 65 * first + (first + 1) * second + (second + 1) * 10

    assert size(one, two) <= budget < min(size(one + 1, two), size(one, two + 1))
    widest = max(shape)
    scales = [
        scale for scale in range(1, 70) if size(*(max(1, round(width * scale / widest)) for width in shape)) <= budget
    ]
    assert all(width >= round(given * scales[-1] / widest) for width, given in zip((one, two), shape, strict=True))


def test_a_network_that_cannot_be_so_small_says_its_size(digits: sqnn.ImageData) -> None:
    with pytest.raises(ConfigError, match=r"^budget: got 80, expected at least 85 parameters, .* at its smallest;"):
        largest_widths(80, "snn-mlp", digits)
    with pytest.raises(ConfigError, match=r"^models: snn-mlp: budget: got 80, expected"):
        sqnn.study("compare", digits, models="snn-mlp", budget=80, **HERE)


def test_networks_are_named_in_every_spelling() -> None:
    def make() -> nn.Module:
        return nn.Flatten()

    text = (
        "sqdr-cnn, snn-mlp:hidden=20,10:learning_rate=0.01,sqdr-cnn:noise=depolarizing:0.1,on=id,nets.py:make:width=8"
    )
    rivals = parse_models([text, "paper:epochs=3", make])
    assert [rival.label for rival in rivals][:4] == [
        "sqdr-cnn",
        "snn-mlp:hidden=20,10:learning_rate=0.01",
        "sqdr-cnn:noise=depolarizing:0.1,on=id",
        "nets.py:make:width=8",
    ]
    assert rivals[1].settings == {"model": "snn-mlp", "hidden": (20, 10), "learning_rate": 0.01}
    assert rivals[2].settings["noise"] == "depolarizing:0.1,on=id"
    assert (rivals[3].make.where, rivals[3].make.options) == ("nets.py:make", {"width": 8})
    near = parse_models("sqdr-cnn,./nets.py:make,../nets.py:make,snn-mlp:hidden=5,.5")
    assert [rival.label for rival in near] == ["sqdr-cnn", "./nets.py:make", "../nets.py:make", "snn-mlp:hidden=5,.5"]
    paper = sqnn.RECIPES["paper"]
    assert rivals[4].settings == {"model": paper.model, **paper.options, "epochs": 3}
    assert rivals[4].usual == paper.training
    assert rivals[5].make is make
    assert [rival.label for rival in parse_models({"mine": make, "theirs": "snn-mlp"})] == ["mine", "theirs"]


def test_labels_stand_before_any_spelling() -> None:
    text = (
        "ours=sqdr-cnn:noise=depolarizing:0.1,on=id, a-1 b=snn-mlp:hidden=20,10,c=./nets.py:make:width=8,"
        "./a=b/nets.py:make,d=nets:make,sqdr-cnn:noise=depolarizing:0.1,on=id+readout:0.02,e=paper"
    )
    rivals = parse_models([text, "nets.py:make"])
    assert [rival.label for rival in rivals] == [
        *("ours", "a-1 b", "c", "./a=b/nets.py:make", "d"),
        *("sqdr-cnn:noise=depolarizing:0.1,on=id+readout:0.02", "e", "nets.py:make"),
    ]
    assert rivals[0].settings == {"model": "sqdr-cnn", "noise": "depolarizing:0.1,on=id"}
    assert rivals[1].settings == {"model": "snn-mlp", "hidden": (20, 10)}
    assert (rivals[2].make.where, rivals[2].make.options) == ("./nets.py:make", {"width": 8})
    assert rivals[4].make.where == "nets:make"
    stored = CompareStudy(models=[text, "nets.py:make"]).to_dict()["models"]
    assert parse_models(stored) == rivals, "what is stored names them again"
    assert parse_models({"mine": "theirs=logistic"})[0].label == "mine"
    with pytest.raises(ConfigError, match=r"^models: got 'logistc', expected one of .*; did you mean 'logistic'"):
        parse_models("mine=logistc")
    with pytest.raises(ConfigError, match=r"^models: got 'a' twice, expected .* labels of their own: mine=tiny-cnn$"):
        parse_models("a=logistic,a=tiny-cnn")


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ("sqdr-cn", "models: got 'sqdr-cn', expected one of sqdr-cnn, .*; did you mean 'sqdr-cnn'"),
        ("sqdr-cnn,sqdr-cnn", "models: got 'sqdr-cnn' twice, expected .* labels of their own: mine=sqdr-cnn$"),
        ([nn.Flatten, nn.Flatten], "models: got '.*Flatten' twice, expected .* of their own: models={'mine': ...}$"),
        ("=sqdr-cnn", f"models: got '' as a label, expected {LABELS}$"),
        (" =my.py:make", f"models: got '' as a label, expected {LABELS}$"),
        ("a/b=logistic,vit", f"models: got 'a/b' as a label, expected {LABELS}$"),
        ("a:b=my.py:make", f"models: got 'a:b' as a label, expected {LABELS}$"),
        ("a=b=logistic:epochs=1", f"models: got 'a=b' as a label, expected {LABELS}$"),
        ("a,b=logistic", f"models: got 'a', expected one of sqdr-cnn, .*; or, before 'b=logistic', {LABELS}$"),
        ("a=,logistic", "models: got 'a=', expected one of sqdr-cnn, .*; or file.py:function of your own$"),
        (",", "models: got ',', expected a network, a recipe"),
        ("mine=snn-mlp:hiden=3", "models: mine: hiden: no such option of snn-mlp or .*; did you mean 'hidden'"),
        ("my.py:make:width=[1", "models: got 'width=\\[1', expected plain values"),
        ("", "models: got '', expected a network, a recipe"),
        ("sqdr-cnn:spike", "models: got 'sqdr-cnn:spike', expected one of sqdr-cnn"),
        ("snn-mlp:model=vit", "models: got 'snn-mlp:model=vit', expected settings of one network"),
        ([5], "models: got 5, expected a network"),
        ({"": "logistic"}, "models: got '', expected labels with a name in them"),
        ({" ": "logistic"}, "models: got ' ', expected labels with a name in them"),
        ("my.py", "models: got 'my.py', expected a function of that file as well, such as my.py:make"),
        ("snn-mlp,my.py:width=3", "models: got 'my.py:width=3', expected a function of that file as well"),
        (nn.Flatten(), "models: got a Flatten, expected a function or a class that makes it"),
    ],
)
def test_what_names_no_network_is_one_line(models: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"^{expected}"):
        CompareStudy(models=models)


@settings(max_examples=25)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60), seed=st.integers(0, 9))
def test_every_beginning_has_the_classes_in_their_proportions(labels: list[int], seed: int) -> None:
    split = Split(torch.zeros(len(labels), 1, 1, 1, dtype=torch.uint8), torch.tensor(labels))
    order = stratified_order(split, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    assert torch.equal(order, stratified_order(split, seed))
    for count in range(1, len(labels) + 1):
        for label in range(4):
            share = count * labels.count(label) / len(labels)
            most = 0.5 + 0.5 * len(set(labels)) * labels.count(label) / len(labels)
            assert abs(int((split.labels[order[:count]] == label).sum()) - share) <= most


def test_noise_has_its_deviation_and_keeps_to_black_and_white() -> None:
    grey = Split(torch.full((50, 1, 28, 28), 8, dtype=torch.uint8), torch.arange(50), 16)
    values = noisy(grey, 0.1, 3).floats()
    assert values.mean().item() == pytest.approx(0.5, abs=0.002)
    assert values.std().item() == pytest.approx(0.1, abs=0.002)
    assert torch.equal(values, noisy(grey, 0.1, 3).floats())
    assert not torch.equal(values, noisy(grey, 0.1, 4).floats())
    assert noisy(grey, 5.0, 0).floats().unique().tolist()[::255] == [0.0, 1.0]
