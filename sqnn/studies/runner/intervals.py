"""Means and 95 % intervals of accuracies and of losses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

CONFIDENCE = 0.95
SMALLEST = 1e-300
"""What a loss of exactly 0 counts as in a geometric mean."""


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean by Student's t, mean -+ t(n - 1) s / sqrt(n), within [0, 1]."""
    from scipy import stats  # type: ignore[import-untyped]

    mean, error = math.fsum(values) / len(values), float(stats.sem(values))
    if not error:
        return mean, mean
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, loc=mean, scale=error)
    return max(float(low), 0.0), min(float(high), 1.0)


def geometric_mean(values: Iterable[float]) -> float:
    """Return exp(mean(ln value)): losses and gradients spread over orders of magnitude."""
    from scipy import stats

    return float(stats.gmean([max(value, SMALLEST) for value in values]))
