"""Badges: which claims of a method hold on a network, from the rows of its measures."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sqnn.explain.quality.maps import INK, INTENSITY
from sqnn.explain.quality.measure import REDRAWN, TRAINED

if TYPE_CHECKING:
    import pandas as pd

BADGES = MappingProxyType(
    {
        "beats_intensity": "deletion below that of the intensity, 95 % paired interval off zero",
        "beats_ink": "deletion below that of random ink, 95 % paired interval off zero",
        "adds_up": "values alone add up to f(x) - f(baseline) within 1 % on every image",
        "reads_weights": "rank correlation once all weights are shuffled within 25 % of that of a redrawn map",
        "sees_class": "rank correlation with the map of the runner-up class below 90 % of that of a redrawn map",
        "finds_planted": "90 % or more of the positive values where the label was planted",
    }
)
"""Claims that a method keeps or fails, each settled by measurement; left open where it was not measured."""
BELOW = -1e-12
"""An end of an interval that is off zero."""
ADDS_UP, SHUFFLED, OTHER_CLASS, PLANTED = 0.01, 0.25, 0.9, 0.9
REPEATS = 0.5
"""Rank correlation of a map with the same one of other draws, below which it is noise: it reads and sees nothing."""
DRAWS = 9_999
CONFIDENCE = 0.95
MEANS = (
    *("deletion", "insertion", "deletion_mean", "insertion_mean", "infidelity", "sensitivity"),
    *("with_intensity", "other_class", "inside"),
)
DIFFERENCES = MappingProxyType(
    {
        "deletion": ("deletion", INTENSITY),
        "deletion_ink": ("deletion", INK),
        "deletion_mean": ("deletion_mean", INTENSITY),
        "insertion": ("insertion", INTENSITY),
    }
)
"""Columns of differences, each of a measure and the method that it is compared with on the same images."""


class Interval(NamedTuple):
    """A mean difference and the ends of its interval."""

    mean: float
    low: float
    high: float


def paired_bootstrap(first: pd.Series, second: pd.Series) -> Interval:
    """Return the mean of first - second over the images that both have, and its 95 % bootstrap interval.

    Percentiles of 9,999 resamplings of the images (of a generator of fixed seed); nan where fewer than two images have
    both. Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    import numpy as np
    from scipy import stats  # type: ignore[import-untyped]

    differences = (first - second).dropna().to_numpy(dtype=float)
    if len(differences) < 2:
        return Interval(math.nan, math.nan, math.nan)
    interval = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=DRAWS,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
        batch=1_000,
    ).confidence_interval
    return Interval(float(differences.mean()), float(interval.low), float(interval.high))


def summarise_methods(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per network and method: mean measures, differences from the baselines, badges and problems.

    `rows` have the columns network, method, image, randomised, problem and those of MEASURES. Differences are
    `<name>_difference`, `_low` and `_high` (mean and 95 % interval of a paired bootstrap over the images): those named
    deletion, insertion and deletion_mean from the intensity, deletion_ink from random ink. `shuffled` is the mean rank
    correlation once all weights are shuffled, `redrawn` that with the same map of other draws, `completeness` the
    largest error, `milliseconds` the mean time for one image. Badges are True, False, or None where there is nothing to
    settle them by.
    """
    import pandas as pd

    lines = []
    for network, part in rows.groupby("network", sort=False):
        trained = part[part.randomised == TRAINED]
        methods = {str(name): one.set_index("image") for name, one in trained.groupby("method", sort=False)}
        for method, one in methods.items():
            line: dict[str, object] = {"network": network, "method": method, "images": int(one.deletion.count())}
            line |= {name: float(one[name].mean()) for name in MEANS}
            line["completeness"] = float(one.completeness.max())
            line["milliseconds"] = 1_000 * float(one.seconds.mean())
            again = part[(part.method == method) & (part.randomised != TRAINED)]
            redrawn, shuffled = again[again.randomised == REDRAWN], again[again.randomised != REDRAWN]
            line["redrawn"] = float(redrawn.similarity.mean())
            last = shuffled.randomised.unique()[-1:]
            line["shuffled"] = float(shuffled[shuffled.randomised.isin(last)].similarity.mean())
            for name, (measure, other) in DIFFERENCES.items():
                base = methods[other][measure] if other in methods and other != method else one[measure][:0]
                interval = paired_bootstrap(one[measure], base)
                line |= {
                    f"{name}_{end}": value for end, value in zip(("difference", "low", "high"), interval, strict=True)
                }
            problems = one.problem[one.problem != ""]
            lines.append({**line, **_badges(line), "problem": "" if problems.empty else str(problems.iloc[0])})
    # As objects, badges stay True, False and None.
    return pd.DataFrame(lines).astype(dict.fromkeys(BADGES, object))


def _badges(line: dict[str, object]) -> dict[str, bool | None]:
    """Return what each claim comes to; None where its number is missing."""

    def settled(name: str, most: float, least: float = -math.inf) -> bool | None:
        value = line[name]
        return least <= value <= most if isinstance(value, float) and not math.isnan(value) else None

    redrawn = line["redrawn"]
    assert isinstance(redrawn, float)

    def against_redrawn(name: str, share: float, least: float = -math.inf) -> bool | None:
        held = settled(name, share * redrawn, least * redrawn)
        return None if held is None or math.isnan(redrawn) else held and redrawn >= REPEATS

    return {
        "beats_intensity": settled("deletion_high", BELOW),
        "beats_ink": settled("deletion_ink_high", BELOW),
        "adds_up": settled("completeness", ADDS_UP),
        "reads_weights": against_redrawn("shuffled", SHUFFLED, -SHUFFLED),
        "sees_class": against_redrawn("other_class", OTHER_CLASS),
        "finds_planted": settled("inside", math.inf, PLANTED),
    }
