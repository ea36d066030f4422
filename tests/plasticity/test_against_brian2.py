"""The rules equal Brian2, whose results `tests/oracles/brian2_fixtures.py` has stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sqnn.plasticity import TRIPLETS, PairSTDP, TripletSTDP, stdp_curve

FIXTURES = Path(__file__).parent / "fixtures"
TOLERANCE = {"atol": 1e-12, "rtol": 0.0}


def stored(name: str) -> Any:
    return json.loads((FIXTURES / f"brian2-{name}.json").read_text())


def rule_of(options: dict[str, float], pairing: str = "all") -> PairSTDP | TripletSTDP:
    return (PairSTDP if "a_plus" in options else TripletSTDP)(**options, pairing=pairing)


def spikes(trains: list[list[int]], steps: int) -> Tensor:
    found = torch.zeros(steps, 1, len(trains), dtype=torch.float64)
    for neuron, times in enumerate(trains):
        found[times, 0, neuron] = 1
    return found


@pytest.mark.parametrize("number", range(5))
def test_random_trains(number: int) -> None:
    case = stored("trains")[number]
    expected = torch.tensor(case["changes"], dtype=torch.float64)
    pre, post = (spikes(case[name], case["steps"]) for name in ("pre", "post"))
    found = rule_of(case["rule"], case["pairing"]).window(torch.zeros_like(expected), pre, post)
    assert expected.abs().max() > 0.05
    assert_close(found, expected, **TOLERANCE)


def test_the_named_minimal_rule_is_the_one_that_was_run() -> None:
    named, run = TRIPLETS["visual-cortex-minimal"], rule_of(stored("trains")[4]["rule"])
    assert (named.amplitudes, named.pre_decay, named.post_decay) == (run.amplitudes, run.pre_decay, run.post_decay)
    assert named.amplitudes.pair_plus == named.amplitudes.triplet_minus == 0


def test_the_window_of_pairs() -> None:
    case = stored("window")
    expected = torch.tensor(case["changes"], dtype=torch.float64)
    assert_close(stdp_curve(rule_of(case["rule"]), case["lags"]), expected, **TOLERANCE)


PUBLISHED = {10: (0.132, -0.334), 20: (0.247, -0.352), 40: (0.534, 0.155), 50: (0.741, 0.727), 0.1: (0.000, -0.312)}
"""Changes of visual cortex after 60 pairs at several rates (Hz), the postsynaptic spike 10 ms after, and before."""


def test_the_triplet_rule_depends_on_the_frequency_as_published() -> None:
    """Little potentiation and much depression at low rates; above 40 Hz potentiation whichever spike comes first."""
    case, rule = stored("frequencies"), TRIPLETS["visual-cortex"]
    same = rule_of(case["rule"])
    assert (rule.amplitudes, rule.pre_decay, rule.post_decay) == (same.amplitudes, same.pre_decay, same.post_decay)
    for row in case["rows"]:
        rate, lag = row["rate"], row["lag"]
        pairs, period = (1, 1000) if rate < 1 else (case["pairs"], round(1000 / rate))
        starts = [50 + period * number for number in range(pairs)]
        pre, post = (spikes([[at + by for at in starts]], starts[-1] + 50) for by in (0, lag))
        change = case["pairs"] // pairs * rule.window(torch.zeros(1, 1, dtype=torch.float64), pre, post).item()
        assert change == pytest.approx(row["change"], abs=1e-12)
        assert change == pytest.approx(PUBLISHED[rate][lag < 0], abs=6e-4)
