"""Shapley values by their definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor


def shapley_by_definition(worth: Callable[[tuple[int, ...]], float], players: int) -> Tensor:
    """phi_i = sum over coalitions S without i of |S|! (n - |S| - 1)! / n! (v(S with i) - v(S)), one after the other."""
    every = [coalition for size in range(players + 1) for coalition in combinations(range(players), size)]
    worths = {coalition: worth(coalition) for coalition in every}
    values = [0.0] * players
    for coalition, value in worths.items():
        for player in set(range(players)) - set(coalition):
            orders = math.factorial(len(coalition)) * math.factorial(players - len(coalition) - 1)
            values[player] += orders / math.factorial(players) * (worths[tuple(sorted((*coalition, player)))] - value)
    return torch.tensor(values, dtype=torch.float64)
