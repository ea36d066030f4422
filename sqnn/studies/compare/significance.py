"""Paired tests between the networks of a comparison, corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from sqnn.core import ConfigError, require
from sqnn.studies.runner.intervals import CONFIDENCE

if TYPE_CHECKING:
    import pandas as pd

CONDITION = ("data", "train_images", "noise")
"""Columns whose values two networks must share to be compared, where the rows have them."""


def paired_tests(frame: pd.DataFrame, value: str = "test_accuracy") -> pd.DataFrame:
    """Return Student's paired t-test of every pair of networks over their seeds, in each condition of the rows.

    `frame` has the columns model, seed and `value`, and of data, train_images and noise those that matter: one row per
    training. Columns of the result: those of the condition, first, second, difference (mean of first minus second),
    low and high (its 95 % interval), p (two-sided), p_corrected (Holm, over all tests of the result), effect_size
    (Cohen's d_z = mean / standard deviation of the differences) and pairs. Pairs in which a training failed, without a
    value, are left out. Where all differences are equal, as with one pair or two networks that no seed changes, there
    is no test: interval, p and effect size are nan.

    The interval is over trainings on one split of the data, not over other images. Raises ConfigError where a column is
    missing, a seed comes twice, or the networks have not the same seeds.

    Source: Holm, Scand. J. Stat. 6, 65 (1979); Cohen, Statistical Power Analysis, 2nd ed. (1988), section 2.3.
    """
    import pandas as pd

    for name in ("model", "seed", value):
        require(name in frame, "frame", f"no column {name}", "columns model, seed and the value to be compared")
    condition = [name for name in CONDITION if name in frame]
    groups = frame.groupby(condition, sort=False) if condition else [((), frame)]
    lines = []
    for values, part in groups:
        under = dict(zip(condition, values, strict=True))
        lines += [{**under, **line} for line in _tests(_by_seed(part, value, under), under)]
    columns = ["first", "second", "difference", "low", "high", "p", "effect_size", "pairs"]
    result = pd.DataFrame(lines, columns=[*condition, *columns])
    result.insert(len(condition) + 6, "p_corrected", holm(result["p"].tolist()))
    return result


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
    where = f" ({', '.join(f'{name} {one}' for name, one in under.items())})" if under else ""
    twice = part[part.duplicated(["model", "seed"])]
    if len(twice):
        one = twice.iloc[0]
        raise ConfigError(
            f"seeds: got {one.model} with seed {one.seed} twice{where}, expected one training per seed; leave one out"
        )
    seeds = {str(model): set(rows.seed) for model, rows in part.groupby("model", sort=False)}
    every = set().union(*seeds.values())
    for model, own in seeds.items():
        if missing := sorted(every - own):
            raise ConfigError(
                f"seeds: got {model} without {_numbers(missing)}{where}, which another network has, expected the "
                "same seeds for all; train the missing, or leave the others out"
            )
    return part.pivot(index="seed", columns="model", values=value)[list(seeds)]


def _numbers(seeds: list[int]) -> str:
    """Return seeds in words, no more than ten of them."""
    more = f" and {len(seeds) - 10:,} more" if len(seeds) > 10 else ""
    return f"seed {', '.join(map(str, seeds[:10]))}{more}"


def _tests(table: pd.DataFrame, under: dict[str, object]) -> Iterator[dict[str, object]]:
    from scipy import stats  # type: ignore[import-untyped]

    for first, second in combinations(table.columns, 2):
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
