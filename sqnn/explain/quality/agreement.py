"""Agreement of maps: rank correlations over the ink of each image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEAST_RANKED = 3
"""Pixels below which a rank correlation says nothing."""


def rank_correlation(first: Tensor, second: Tensor, where: Tensor) -> Tensor:
    """Return Spearman's rank correlation [batch] of two maps over the pixels `where`; all are [batch, *pixels].

    The correlation of ranks, equal values having their mean rank; nan where a map is constant there, or fewer than 3
    pixels are. Source: Spearman, Am. J. Psychol. 15, 72 (1904).
    """
    import numpy as np
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    found = []
    for one, other, inside in zip(first.cpu(), second.cpu(), where.cpu(), strict=True):
        ranks = rankdata(torch.stack([one[inside], other[inside]]).numpy(), axis=1)
        if ranks.shape[1] < LEAST_RANKED or not ranks.std(axis=1).all():
            found.append(math.nan)
        else:
            found.append(float(np.corrcoef(ranks)[0, 1]))
    return torch.tensor(found, dtype=torch.float64)


def share_inside(maps: Tensor, region: Tensor) -> Tensor:
    """Return which share of the positive values of each map [batch, *pixels] lies in `region`, bool [*pixels].

    sum over the region of max(values, 0) / sum over all pixels, [batch]; nan where nothing is positive.
    """
    positive = maps.double().clamp_min(0)
    return positive[:, region.to(maps.device)].sum(-1) / positive.flatten(1).sum(-1)
