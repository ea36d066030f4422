"""Badges: each claim is settled by its number, and intervals are those of resampled images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats  # type: ignore[import-untyped]

from sqnn.explain.quality import BADGES, MEASURES, paired_bootstrap, summarise_methods


def rows_of(method: str, count: int = 20, **values: Any) -> list[dict[str, Any]]:
    """Rows of one method; a value may be one number for all images or one for each."""
    rows = []
    for image in range(count):
        row = dict.fromkeys(MEASURES, math.nan) | {"network": "n", "method": method, "image": image}
        row |= {"randomised": "", "problem": "", "seconds": 0.002}
        row |= {name: value[image] if isinstance(value, np.ndarray) else value for name, value in values.items()}
        rows.append(row)
    return rows


def redrawn(method: str, similarity: float = 1.0) -> list[dict[str, Any]]:
    """Rows of its map once more with other draws."""
    return rows_of(method, 5, randomised="other draws", similarity=similarity)


def test_the_interval_is_that_of_the_mean_of_the_differences() -> None:
    noise = np.random.default_rng(1).normal(size=(2, 400))
    base = pd.Series(noise[0])
    found = paired_bootstrap(base + 0.3 + 0.1 * noise[1], base)
    # Paired: the spread of what both have in common does not count.
    low, high = stats.t.interval(0.95, 399, loc=found.mean, scale=stats.sem(0.1 * noise[1]))
    assert found.mean == pytest.approx(0.3 + 0.1 * noise[1].mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(0.5, 1.0, size=(30, 50))
    intervals = [paired_bootstrap(pd.Series(row), pd.Series(np.zeros(50))) for row in draws]
    assert 0.8 <= np.mean([low <= 0.5 <= high for _, low, high in intervals]) <= 1
    assert np.mean([low <= 0 <= high for _, low, high in intervals]) < 0.2


def test_images_that_one_of_them_lacks_are_left_out() -> None:
    first, second = pd.Series([1.0, 2.0, 9.0], index=[0, 1, 2]), pd.Series([0.0, 1.0, math.nan], index=[0, 1, 2])
    assert paired_bootstrap(first, second) == pytest.approx((1, 1, 1))
    assert all(map(math.isnan, paired_bootstrap(first[:1], second[:1])))


SPREAD = np.linspace(-0.01, 0.01, 20)


@pytest.mark.parametrize(
    ("badge", "values", "held"),
    [
        ("beats_intensity", {"deletion": 0.24 + SPREAD}, True),
        ("beats_intensity", {"deletion": 0.30 + 9 * SPREAD}, False),
        ("beats_intensity", {"deletion": 0.30}, False),
        ("beats_ink", {"deletion": 0.36 + SPREAD}, True),
        ("beats_ink", {"deletion": 0.41 + SPREAD}, False),
        ("adds_up", {"completeness": 0.009 + SPREAD / 100}, True),
        ("adds_up", {"completeness": 0.009 + SPREAD}, False),
        ("adds_up", {}, None),
        ("sees_class", {"other_class": 0.85 + SPREAD}, True),
        ("sees_class", {"other_class": 0.95 + SPREAD}, False),
        ("sees_class", {}, None),
        ("finds_planted", {"inside": 0.92 + SPREAD}, True),
        ("finds_planted", {"inside": 0.85 + SPREAD}, False),
        ("finds_planted", {}, None),
    ],
)
def test_a_badge_is_settled_by_its_number(badge: str, values: dict[str, Any], held: bool | None) -> None:
    rows = rows_of("intensity", deletion=0.30) + rows_of("random-ink", deletion=0.40)
    mine = rows_of("mine", **{"deletion": 0.5, **values}) + redrawn("mine")
    line = summarise_methods(pd.DataFrame(rows + mine)).iloc[-1]
    assert line[badge] is held
    assert line.milliseconds == pytest.approx(2)


@pytest.mark.parametrize(("last", "held"), [(0.1, True), (-0.2, True), (0.4, False), (-0.4, False)])
def test_the_network_with_all_weights_shuffled_settles_whether_they_are_read(last: float, held: bool) -> None:
    rows = rows_of("mine", deletion=0.5) + redrawn("mine")
    for layer, value in (("head", 0.9), ("conv", last)):
        rows += [{**row, "deletion": math.nan, "similarity": value} for row in rows_of("mine", 5, randomised=layer)]
    line = summarise_methods(pd.DataFrame(rows)).iloc[0]
    assert line.reads_weights is held
    assert line.shuffled == pytest.approx(last)
    assert line.images == 20


@pytest.mark.parametrize(
    ("again", "other", "shuffled", "held"),
    [
        # Noise of its own knows no class and no weights, though nothing correlates with it.
        (0.0, 0.0, 0.0, (False, False)),
        (0.01, -0.02, 0.0, (False, False)),
        (0.4, 0.1, 0.0, (False, False)),
        (0.8, 0.7, 0.19, (True, True)),
        (0.8, 0.75, 0.21, (False, False)),
        (math.nan, 0.1, 0.1, (None, None)),
    ],
)
def test_classes_and_weights_are_settled_against_the_map_with_other_draws(
    again: float, other: float, shuffled: float, held: tuple[bool | None, bool | None]
) -> None:
    rows = rows_of("mine", deletion=0.5, other_class=other) + redrawn("mine", again)
    rows += rows_of("mine", 5, randomised="conv", similarity=shuffled)
    line = summarise_methods(pd.DataFrame(rows)).iloc[0]
    assert (line.sees_class, line.reads_weights) == held


def test_baselines_are_not_measured_against_themselves() -> None:
    line = summarise_methods(pd.DataFrame(rows_of("intensity", deletion=0.3 + SPREAD))).iloc[0]
    assert math.isnan(line.deletion_difference)
    assert line.beats_intensity is None


def test_a_method_that_refused_keeps_its_reason_and_no_badge() -> None:
    line = summarise_methods(pd.DataFrame(rows_of("broken", problem="method: no gradient"))).iloc[0]
    assert line.problem == "method: no gradient"
    assert line.images == 0
    assert [line[name] for name in BADGES] == [None] * len(BADGES)
