"""The window of a rule, spikes of one step included, and its picture."""

from __future__ import annotations

import math

import pytest
import torch
from matplotlib.figure import Figure
from torch.testing import assert_close

from sqnn.plasticity import PairSTDP, TripletSTDP, plot_curve, stdp_curve

LAGS = range(-30, 31)


@pytest.mark.parametrize("pairing", ["all", "nearest"])
@pytest.mark.parametrize(
    ("coincidence", "at_zero"), [("potentiation", 0.5), ("depression", -0.75), ("both", -0.25), ("neither", 0.0)]
)
def test_a_pair_changes_a_weight_by_an_exponential(coincidence: str, at_zero: float, pairing: str) -> None:
    rule = PairSTDP(
        a_plus=0.5, a_minus=0.75, tau_plus=10, tau_minus=25, coincidence=coincidence, pairing=pairing, batch="max-abs"
    )
    expected = [
        0.5 * math.exp(-lag / 10) if lag > 0 else -0.75 * math.exp(lag / 25) if lag else at_zero for lag in LAGS
    ]
    assert_close(stdp_curve(rule, LAGS), torch.tensor(expected, dtype=torch.float64), atol=1e-14, rtol=0)


def test_a_lone_pair_makes_no_triplet() -> None:
    triplet = TripletSTDP(a2_plus=0.01, a2_minus=0.0105, tau_plus=20, tau_minus=20, time="mean")
    assert_close(stdp_curve(triplet, LAGS), stdp_curve(PairSTDP(), LAGS))


def test_the_weight_scales_its_window() -> None:
    rule = PairSTDP(dependence="multiplicative", weight_min=0, weight_max=1)
    found, plain = stdp_curve(rule, [-5, 5], weight=0.75), stdp_curve(PairSTDP(), [-5, 5])
    assert_close(found, plain * torch.tensor([0.75, 0.25]))


def test_the_picture_shows_the_windows() -> None:
    rules = {"pairs": PairSTDP(), "Euler": PairSTDP(trace="euler", tau_plus=5)}
    axes = Figure().subplots()
    assert plot_curve(rules, LAGS, ax=axes) is axes.figure
    drawn = {line.get_label(): line for line in axes.lines}
    for name, rule in rules.items():
        assert list(drawn[name].get_xdata()) == list(LAGS)
        assert list(drawn[name].get_ydata()) == stdp_curve(rule, LAGS).tolist()
    (own,) = plot_curve(PairSTDP(), title="pairs").axes
    assert own.get_title() == "pairs"
    assert own.get_legend() is None
