"""Shapley values: against their definition, by their axioms, and estimates where they are exact."""

from __future__ import annotations

import pytest
import torch
from games import shapley_by_definition
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sqnn.explain.attribution.shapley.game import coalitions, permutation_values, shapley_matrix


def drawn(players: int, seed: int) -> Tensor:
    return torch.randn(1 << players, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def place(coalition: tuple[int, ...]) -> int:
    return sum(1 << player for player in coalition)


@pytest.mark.parametrize("players", [1, 3, 10])
def test_values_of_any_game_are_those_of_the_definition(players: int) -> None:
    worths = drawn(players, players)
    plain = worths.tolist()
    expected = shapley_by_definition(lambda coalition: plain[place(coalition)], players)
    found = shapley_matrix(players) @ worths
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    assert abs(found.sum() - (worths[-1] - worths[0])) < 1e-12


@settings(max_examples=10, deadline=None)
@given(players=st.integers(2, 7), seed=st.integers(0, 10_000))
def test_the_axioms_hold(players: int, seed: int) -> None:
    matrix, flags = shapley_matrix(players), coalitions(players)
    one, other = drawn(players, seed), drawn(players, seed + 1)
    both = matrix @ (2 * one - 3 * other)
    assert torch.allclose(both, 2 * (matrix @ one) - 3 * (matrix @ other), rtol=0, atol=1e-12)
    idle = one[(torch.arange(1 << players) >> 1) << 1]  # player 0 changes nothing
    assert abs((matrix @ idle)[0]) < 1e-12
    alike = one[(flags[:, :2].sum(1) + 4 * (torch.arange(1 << players) >> 2)).long() % len(one)]
    values = matrix @ alike  # players 0 and 1 count alike
    assert abs(values[0] - values[1]) < 1e-12


@pytest.mark.parametrize("seed", [0, 1])
def test_one_pair_of_permutations_is_exact_for_interactions_of_two(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randn(6, 6, generator=generator, dtype=torch.float64)

    def worth(flags: Tensor) -> Tensor:
        members = flags.double()
        return 3 + torch.einsum("ni,ij,nj->n", members, pairs, members)

    ends = worth(torch.tensor([[False] * 6, [True] * 6])).tolist()
    found = permutation_values(worth, (ends[0], ends[1]), 6, 1, generator)
    assert torch.allclose(found, shapley_matrix(6) @ worth(coalitions(6)), rtol=0, atol=1e-12)


def test_estimates_are_efficient_and_come_near() -> None:
    worths, generator = drawn(5, 0), torch.Generator().manual_seed(0)
    powers = 1 << torch.arange(5)

    def worth(flags: Tensor) -> Tensor:
        return worths[(flags * powers).sum(1)]

    found = permutation_values(worth, (worths[0].item(), worths[-1].item()), 5, 4000, generator)
    assert abs(found.sum() - (worths[-1] - worths[0])) < 1e-12
    assert torch.allclose(found, shapley_matrix(5) @ worths, rtol=0, atol=0.05)  # four standard errors
