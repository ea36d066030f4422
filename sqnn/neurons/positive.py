"""Thresholds that are learned and stay positive."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

MIN_THRESHOLD = 1e-3
"""A learned threshold stays above this value (in the units of the currents)."""


def learned_threshold(raw: Tensor) -> Tensor:
    """Return 0.001 + softplus(raw), which is above 0.001 whatever `raw` is."""
    return MIN_THRESHOLD + functional.softplus(raw)


def raw_threshold(threshold: float) -> float:
    """Return the `raw` of which `learned_threshold` makes `threshold`; ValueError where there is none."""
    above = threshold - MIN_THRESHOLD
    if not above > 0:
        raise ValueError(f"threshold: got {threshold}, expected a learned threshold above {MIN_THRESHOLD:g}")
    return above + math.log(-math.expm1(-above))
