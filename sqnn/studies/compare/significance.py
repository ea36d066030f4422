"""Paired tests between the networks of a comparison, corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from noise_models import unknown
from sqnn.core import ConfigError, require
from sqnn.studies.runner import CONFIDENCE

if TYPE_CHECKING:
    import pandas as pd

CONDITION = ("data", "train_images", "noise")
"""Columns whose values two networks must share to be compared, where the rows have them."""


def paired_tests(frame: pd.DataFrame, value: str = "test_accuracy", against: str | None = None) -> pd.DataFrame:
    """Return Student's paired t-test of every pair of networks over their seeds, in each condition of the rows.

    With `against`, a network, only the pairs of it and each other one: contrasts that were planned are fewer, and so
    are corrected less.

    `frame` has the columns model, seed and `value`, and of data, train_images and noise those that matter: one row per
    training. Columns of the result: those of the condition, first, second, difference (mean of first minus second),
    low and high (its 95 % interval), p (two-sided), p_corrected (Holm, over the tests of the same condition),
    effect_size (Cohen's d_z = mean / standard deviation of the differences) and pairs, how many seeds both networks
    have a value for: where a training is missing, or failed, its pairs are left out, and no others (`unpaired` names
    them). Where all differences are equal, as with one pair or two networks that no seed changes, there is no test:
    interval, p and effect size are nan.

    The interval is over trainings on one split of the data, not over other images. Raises ConfigError where a column is
    missing, a seed comes twice, no two networks have a seed in common, or `against` is none of the networks.

    Source: Holm, Scand. J. Stat. 6, 65 (1979); Cohen, Statistical Power Analysis, 2nd ed. (1988), section 2.3.
    """
    from sqnn.studies.runner import WholeTable

    for name in ("model", "seed", value):
        require(name in frame, "frame", f"no column {name}", "columns model, seed and the value to be compared")
    check_network(against, dict.fromkeys(frame.model))
    lines: list[dict[str, object]] = []
    shared: list[bool] = []
    for under, part in _conditions(frame):
        table = _by_seed(part, value, under)
        seeds = [set(rows.seed) for _, rows in part.groupby("model")]
        shared += [not one.isdisjoint(other) for one, other in combinations(seeds, 2)]
        tests = list(_tests(table, against))
        corrected = holm([test["p"] for test in tests])
        lines += [{**under, **test, "p_corrected": p} for test, p in zip(tests, corrected, strict=True)]
    if shared and not any(shared):
        raise ConfigError("seeds: got networks without a seed in common, expected pairs; train all from the same seeds")
    columns = ("first", "second", "difference", "low", "high", "p", "p_corrected", "effect_size", "pairs")
    return WholeTable(lines, columns=[*(name for name in CONDITION if name in frame), *columns])


def unpaired(frame: pd.DataFrame) -> Iterator[str]:
    """Say which networks have no row for a seed that another has in the same condition."""
    for under, part in _conditions(frame):
        every = set(part.seed)
        for model, rows in part.groupby("model", sort=False):
            if missing := sorted(every - set(rows.seed)):
                yield f"not paired: {model} has no {_numbers(missing)}{_where(under)}, which another network has"


def check_network(against: str | None, models: Iterable[str]) -> None:
    """Raise ConfigError where `against` is none of these networks."""
    known = list(models)
    if against is not None and against not in known:
        raise ConfigError(unknown("against", against, known))


def holm(p: list[float]) -> list[float]:
    """Return p values corrected for their number: max over j <= i of (m - j + 1) p_(j), at most 1; nan stays nan."""
    order = sorted((number for number, one in enumerate(p) if one == one), key=lambda number: p[number])
    corrected, largest = [math.nan] * len(p), 0.0
    for place, number in enumerate(order):
        largest = min(1.0, max(largest, (len(order) - place) * p[number]))
        corrected[number] = largest
    return corrected


def _by_seed(part: pd.DataFrame, value: str, under: dict[str, object]) -> pd.DataFrame:
    """Return the values, a row per seed and a column per network."""
    twice = part[part.duplicated(["model", "seed"])]
    if len(twice):
        one = twice.iloc[0]
        raise ConfigError(
            f"seeds: got {one.model} with seed {one.seed} twice{_where(under)}, expected one training per seed; leave "
            "one out"
        )
    return part.pivot(index="seed", columns="model", values=value)[list(dict.fromkeys(part.model))]


def _conditions(frame: pd.DataFrame) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """Give the rows of each condition with its values by name."""
    condition = [name for name in CONDITION if name in frame]
    for values, part in frame.groupby(condition, sort=False) if condition else [((), frame)]:
        yield dict(zip(condition, values, strict=True)), part


def _where(under: Mapping[str, object]) -> str:
    return f" ({', '.join(f'{name} {one}' for name, one in under.items())})" if under else ""


def _numbers(seeds: list[int]) -> str:
    """Return seeds in words, no more than ten of them."""
    more = f" and {len(seeds) - 10:,} more" if len(seeds) > 10 else ""
    return f"seed {', '.join(map(str, seeds[:10]))}{more}"


def _tests(table: pd.DataFrame, against: str | None) -> Iterator[dict[str, Any]]:
    from scipy import stats  # type: ignore[import-untyped]

    pairs_of: Iterable[tuple[str, str]] = combinations(table.columns, 2)
    if against is not None:
        pairs_of = ((against, other) for other in table.columns if against in table and other != against)
    for first, second in pairs_of:
        differences = (table[first] - table[second]).dropna()
        pairs, mean = len(differences), float(differences.mean())
        line = {"first": first, "second": second, "difference": mean, "pairs": pairs}
        spread = float(differences.std(ddof=1))
        # Equal differences have a spread of rounding alone.
        if not spread > 1e-12 * max(1.0, abs(mean)):
            yield {**line, **dict.fromkeys(("low", "high", "p", "effect_size"), math.nan)}
            continue
        test = stats.ttest_1samp(differences, 0.0)
        low, high = test.confidence_interval(CONFIDENCE)
        ends = {"low": float(low), "high": float(high)}
        yield {**line, **ends, "p": float(test.pvalue), "effect_size": mean / spread}
