"""The layer study: gradients are those of the network named, zeros are exact, and only the backward pass varies."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.encoding import PLANE_SURROGATES, RunningRange
from sqnn.studies import LayerStudy, layer_study, measure_layers, plot_layers, summarise_layers
from sqnn.studies.layers.study import draw_batch, settle

SMALL = LayerStudy(width=2, hidden=(8,), images=16, seeds=2)
LAST = 6
"""Stages of the smallest form with its depth of 4: five convolutions and the dense layers."""


@pytest.fixture(scope="module")
def rows(digits: sqnn.ImageData) -> pd.DataFrame:
    return layer_study(SMALL, digits)


def build(digits: sqnn.ImageData, seed: int, **options) -> torch.nn.Module:
    return sqnn.create_model("has8-vgg", digits, seed=seed, width=2, hidden=(8,), **options)


def test_one_row_a_first_weight(rows: pd.DataFrame) -> None:
    branches = {("hybrid", "ann"), ("hybrid", "snn"), ("no-ann", "snn")}
    expected = {
        (*pair, surrogate, seed, stage)
        for pair in branches
        for surrogate in PLANE_SURROGATES
        for seed in range(2)
        for stage in range(1, LAST + 1)
    }
    key = ["variant", "branch", "surrogate", "seed", "stage"]
    assert len(rows) == len(expected)
    assert set(rows[key].itertuples(index=False, name=None)) == expected


def test_detached_encoders_pass_exactly_nothing_and_the_others_something(rows: pd.DataFrame) -> None:
    alone = rows[rows.variant == "no-ann"]
    nothing = (alone.surrogate == "detached") & (alone.stage < LAST)
    assert nothing.sum() == 2 * (LAST - 1)
    assert (alone.norm[nothing] == 0).all()
    assert (alone.rms[nothing] == 0).all()
    assert (alone.norm[~nothing] > 0).all()
    assert (rows[rows.variant == "hybrid"].norm > 0).all()


def test_surrogates_share_the_forward_pass(rows: pd.DataFrame) -> None:
    losses = rows.groupby(["variant", "seed"]).loss
    assert (losses.nunique() == 1).all()
    assert losses.first().nunique() == 4, "every network has its own loss"


def test_behind_the_last_encoder_surrogates_do_not_matter(rows: pd.DataFrame) -> None:
    keys = ["variant", "branch", "seed", "stage"]
    assert (rows[rows.stage == LAST].groupby(keys).norm.nunique() == 1).all()
    before = rows[(rows.stage == LAST - 1) & (rows.variant == "no-ann")]
    assert (before.groupby(keys).norm.nunique() == len(PLANE_SURROGATES)).all()


def test_rescaling_changes_gradients_alone(digits: sqnn.ImageData) -> None:
    ways = {}
    for rescaling in ("order", "paper", "none"):
        study = LayerStudy(
            width=2, hidden=(8,), images=16, surrogates=("fourier-sine", "straight-through"), rescaling=rescaling
        )
        ways[rescaling] = measure_layers(study, digits, "no-ann", seed=0)
    assert all((frame.loss == ways["order"].loss).all() for frame in ways.values())
    sine = ways["order"].surrogate == "fourier-sine"
    inner = ways["order"].stage < LAST
    assert (ways["none"].norm != ways["order"].norm).equals(inner & sine), "order leaves straight-through as it is"
    assert (ways["paper"].norm != ways["order"].norm).equals(inner)


@pytest.mark.parametrize("variant", ["hybrid", "no-ann"])
def test_gradients_are_those_of_the_parameter_named(variant: str, rows: pd.DataFrame, digits: sqnn.ImageData) -> None:
    model = build(digits, 1, variant=variant, encoding_surrogate="tanh-sine", rescaling="order")
    batch = draw_batch(digits.train, 16, seed=1)
    settle(model, batch.floats())
    F.cross_entropy(model(batch.floats()), batch.labels).backward()
    parameters = dict(model.named_parameters())
    part = rows[(rows.variant == variant) & (rows.surrogate == "tanh-sine") & (rows.seed == 1)]
    for row in part.itertuples():
        gradient = parameters[row.parameter].grad
        assert row.parameter.startswith(f"stages.{row.stage - 1}.{row.branch}.")
        assert gradient.ndim in (2, 4), "a convolution's or linear layer's weight"
        assert row.weights == gradient.numel()
        assert row.norm == pytest.approx(gradient.norm().item(), rel=1e-5)
        assert row.rms == pytest.approx(gradient.square().mean().sqrt().item(), rel=1e-5)


def test_settled_ranges_stay_where_they_are(digits: sqnn.ImageData) -> None:
    model = build(digits, 0)
    weights = {name: value.clone() for name, value in model.named_parameters()}
    images = digits.train.floats(slice(16))
    settle(model, images)
    ranges = [module for module in model.modules() if isinstance(module, RunningRange)]
    assert len(ranges) == LAST - 1
    assert {each.momentum for each in ranges} == {RunningRange().momentum}
    before = [(each.low.clone(), each.high.clone()) for each in ranges]
    assert all(low < high != 1 for low, high in before)
    model(images)
    for each, (low, high) in zip(ranges, before, strict=True):
        assert_close(each.low, low, rtol=1e-6, atol=1e-6)
        assert_close(each.high, high, rtol=1e-6, atol=1e-6)
    assert all(torch.equal(value, weights[name]) for name, value in model.named_parameters())


def test_runs_repeat_themselves(rows: pd.DataFrame, digits: sqnn.ImageData) -> None:
    before = torch.get_rng_state()
    again = measure_layers(SMALL, digits, "no-ann", seed=1)
    first = rows[(rows.variant == "no-ann") & (rows.seed == 1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, first, check_exact=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_residual_form_has_its_layers(digits: sqnn.ImageData) -> None:
    study = LayerStudy(model="has8-resnet", width=1, images=8, surrogates=("detached",), variants=("no-ann",))
    frame = measure_layers(study, digits, "no-ann", seed=0)
    assert frame.stage.tolist() == list(range(1, 10)), "a stem and four stages of two blocks"
    assert (frame.norm == 0).tolist() == [True] * 8 + [False]


def test_summary_by_hand(rows: pd.DataFrame) -> None:
    summary = summarise_layers(rows).set_index(["variant", "surrogate", "branch", "stage"])
    one, other = rows[
        (rows.variant == "hybrid") & (rows.surrogate == "fourier-sine") & (rows.branch == "ann") & (rows.stage == 3)
    ].rms
    line = summary.loc[("hybrid", "fourier-sine", "ann", 3)]
    assert line.rms == pytest.approx(math.sqrt(one * other))
    assert (line.low, line.high) == (min(one, other), max(one, other))
    assert (line.seeds, line.zeros) == (2, 0)
    assert tuple(summary.loc[("no-ann", "detached", "snn", 1), ["zeros", "rms", "high"]]) == (2, 0, 0)


def test_one_zero_among_the_seeds_makes_the_geometric_mean_zero(rows: pd.DataFrame) -> None:
    part = rows[(rows.variant == "hybrid") & (rows.stage == 1) & (rows.branch == "snn")]
    part = part[part.surrogate == "detached"].assign(rms=[0.0, 3.0])
    (line,) = summarise_layers(part).itertuples()
    assert (line.zeros, line.rms, line.low, line.high) == (1, 0, 0, 3)


def test_picture_shows_the_means_and_marks_the_zeros(rows: pd.DataFrame) -> None:
    both, alone = plot_layers(rows).axes
    summary = summarise_layers(rows)
    for axes, variant in ((both, "hybrid"), (alone, "no-ann")):
        drawn = {tuple(line.get_ydata()) for line in axes.lines if line.get_linestyle() in ("-", "--")}
        part = summary[(summary.variant == variant) & (summary.surrogate != "detached")]
        expected = {tuple(each.rms) for _, each in part.groupby(["surrogate", "branch"])}
        assert expected <= drawn
    assert both.get_yscale() == "log"
    (zeros,) = [line for line in alone.lines if line.get_linestyle() == "None"]
    height = zeros.get_ydata()[0]
    assert zeros.get_xdata().tolist() == list(range(1, LAST)), "one mark a stage without gradient"
    assert set(zeros.get_ydata()) == {height}
    assert height <= rows.rms[rows.rms > 0].min() / 10, "zeros stand well below the least gradient"
    labels = dict(zip(both.get_yticks(), [label.get_text() for label in both.get_yticklabels()], strict=True))
    assert labels[height] == "0"


def test_picture_without_zeros_has_no_line_for_them(rows: pd.DataFrame) -> None:
    (axes,) = plot_layers(rows[rows.variant == "hybrid"]).axes
    assert len(axes.lines) == 2 * len(PLANE_SURROGATES)
    assert "0" not in [label.get_text() for label in axes.get_yticklabels()]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"surrogates": ("sine",)}, "surrogates: got 'sine', expected one of sigmoid-sine, .*, detached"),
        ({"surrogates": ()}, "surrogates: got (), expected some of sigmoid-sine"),
        ({"variants": ("no-snn",)}, "variants: got 'no-snn', expected one of hybrid, no-ann"),
        ({"rescaling": "size"}, "rescaling: got 'size', expected one of order, paper, none"),
        ({"seeds": 0}, "seeds: got 0, expected a whole number of at least 1"),
        ({"seeds": True}, "seeds: got True"),
        ({"images": 1}, "images: got 1, expected a whole number of at least 2"),
        ({"model": "sqdr-cnn"}, "model: got 'sqdr-cnn', expected one of has8-vgg, has8-resnet"),
        ({"width": 0}, "width: got 0, expected a whole number of at least 1"),
        ({"encoding_alpha": -1.0}, "encoding_alpha: got -1.0"),
        ({"model": "has8-resnet", "hidden": (8,)}, "hidden: HAS8ResNetConfig has no such field"),
    ],
)
def test_refusals(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("()", r"\(\)")):
        LayerStudy(**values)


def test_a_batch_larger_than_the_data_is_refused(digits: sqnn.ImageData) -> None:
    with pytest.raises(ConfigError, match="images: got 201, expected at most the 200 training images"):
        layer_study(LayerStudy(images=201), digits)
