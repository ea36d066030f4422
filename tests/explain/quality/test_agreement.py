"""Rank correlations and shares: by scipy, by hand, and where there is nothing to correlate."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from sqnn.explain.quality import rank_correlation, share_inside


@given(st.integers(0, 10_000), st.integers(2, 5))
def test_it_is_spearmans_on_the_pixels_asked_for(seed: int, levels: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.randint(levels, (2, 1, 4, 4), generator=generator).float()
    where = torch.rand(1, 4, 4, generator=generator) < 0.7
    found = float(rank_correlation(one, other, where))
    a, b = one[where].numpy(), other[where].numpy()
    if len(a) < 3 or len(set(a)) == 1 or len(set(b)) == 1:
        assert math.isnan(found)
    else:
        assert abs(found - stats.spearmanr(a, b).statistic) < 1e-12


def test_ranks_alone_count() -> None:
    maps = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(0))
    everywhere = torch.ones(2, 5, 5, dtype=torch.bool)
    assert torch.allclose(rank_correlation(maps, maps.exp() - 7, everywhere), torch.ones(2, dtype=torch.float64))
    assert torch.allclose(rank_correlation(maps, -maps, everywhere), -torch.ones(2, dtype=torch.float64))
    assert rank_correlation(maps, 0 * maps, everywhere).isnan().all()


def test_the_share_counts_positive_values_alone() -> None:
    maps = torch.tensor([[[3.0, -5], [1, 0]], [[-1, -1], [-1, 0]], [[0, 2], [0, 0]]])
    found = share_inside(maps, torch.tensor([[True, True], [False, False]]))
    assert found[0] == 0.75
    assert found[1].isnan()
    assert found[2] == 1
