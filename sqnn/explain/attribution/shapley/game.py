"""Shapley values of a game: exactly from all coalitions, or estimated from permutations of the players."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def coalitions(players: int) -> Tensor:
    """Return all coalitions as flags [2^players, players]: row k has the players whose bits k has."""
    return (torch.arange(1 << players).unsqueeze(1) >> torch.arange(players)) & 1 == 1


def shapley_matrix(players: int) -> Tensor:
    """Return the matrix M [players, 2^players] in float64 that makes Shapley values of the worths of all coalitions.

    phi_i = sum_k M_ik v_k = sum over coalitions S without i of |S|! (n - |S| - 1)! / n! (v(S with i) - v(S)), where v_k
    is the worth of row k of `coalitions`. Source: Shapley, Contributions to the Theory of Games 2 (1953).
    """
    members = coalitions(players).t()
    joins = [1 / (players * math.comb(players - 1, others)) for others in range(players)]
    weights = torch.tensor([*joins, 0.0], dtype=torch.float64)
    sizes = members.sum(0)
    return torch.where(members, weights[sizes - 1], -weights[sizes])


def permutation_values(
    worth: Callable[[Tensor], Tensor],
    ends: tuple[float, float],
    players: int,
    permutations: int,
    generator: torch.Generator,
) -> Tensor:
    """Return estimates [players] of Shapley values from so many permutations, each read forwards and backwards.

    `worth` takes coalitions as flags [n, players] to their worths [n]; `ends` are those of the empty coalition and of
    all players. The gains of a permutation telescope, so that the values add up to the difference of the ends whatever
    was drawn. Source: Castro, Gomez and Tejada, Computers & Operations Research 36 (2009), with antithetic pairs.
    """
    values = torch.zeros(players, dtype=torch.float64)
    before = torch.ones(players + 1, players, dtype=torch.bool).tril(-1)[1:-1]
    orders = [torch.randperm(players, generator=generator) for _ in range(permutations)]
    orders += [order.flip(0) for order in orders]
    # Row k of a permutation has its first k + 1 players.
    rows = torch.cat([torch.empty_like(before).index_copy_(1, order, before) for order in orders])
    worths = worth(rows).double().reshape(len(orders), players - 1)
    first, last = (torch.full((len(orders), 1), end, dtype=torch.float64) for end in ends)
    gains = torch.cat([first, worths, last], dim=1).diff(dim=1)
    for order, gain in zip(orders, gains, strict=True):
        values[order] += gain
    return values / len(orders)
