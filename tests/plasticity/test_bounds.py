"""Weights stay within their bounds, by being clipped or by changes that vanish there."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sqnn.plasticity import DEPENDENCES, PairSTDP

WINDOW = 50


def spikes(generator: torch.Generator, neurons: int) -> torch.Tensor:
    """Of two samples, each neuron with a rate of its own, so that some weights grow and others shrink."""
    rates = torch.linspace(0.05, 0.6, neurons, dtype=torch.float64)
    return (torch.rand(WINDOW, 2, neurons, generator=generator, dtype=torch.float64) < rates).double()


@pytest.mark.parametrize("dependence", DEPENDENCES)
@pytest.mark.parametrize("steps", [3_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_bounds_hold_for_many_steps(dependence: str, steps: int) -> None:
    """Clipped weights come to rest on a bound; where changes vanish towards the bounds, no weight gets there."""
    generator = torch.Generator().manual_seed(0)
    rule = PairSTDP(
        **{"a_plus": 0.03, "a_minus": 0.03, "tau_plus": 4, "tau_minus": 3, "dependence": dependence},
        **{"mu_minus": 1.5 if dependence == "power" else 1.0, "weight_min": -0.2, "weight_max": 0.8},
    )
    weight = torch.full((3, 4), 0.3, dtype=torch.float64)
    reached = []
    for _ in range(steps // WINDOW):
        weight = rule.step(weight, spikes(generator, 4), spikes(generator, 3), rate=0.2)
        reached.append(torch.stack([weight.min(), weight.max()]))
    ends = torch.stack(reached)
    assert ends.min() >= -0.2
    assert ends.max() <= 0.8
    at_the_end = bool((ends == ends.new_tensor([-0.2, 0.8])).any())
    assert at_the_end == (dependence == "additive")


@pytest.mark.parametrize("dependence", ["multiplicative", "power", "soft"])
def test_a_weight_beyond_a_bound_is_only_brought_back(dependence: str) -> None:
    exponents = {"mu_plus": 0.5, "mu_minus": 0.5} if dependence == "power" else {}
    rule = PairSTDP.from_dict({"dependence": dependence, "weight_min": -1, "weight_max": 1, **exponents})
    pre, post = torch.ones(6, 1, 1), torch.ones(6, 1, 2)
    change = rule.window(torch.tensor([[1.5], [-1.5]]), pre, post)
    assert change[0] < 0 < change[1]
    assert rule.bounded(torch.tensor([1.5, 0.25, -1.5])).tolist() == [1.0, 0.25, -1.0]


def test_one_bound_alone_clips_on_its_side() -> None:
    rule = PairSTDP(weight_min=0.0)
    assert rule.bounded(torch.tensor([-1.0, 7.0])).tolist() == [0.0, 7.0]
    assert PairSTDP().bounded(torch.tensor([-1.0])).tolist() == [-1.0]


def test_soft_bounds_are_multiplicative_ones_in_shares_of_the_interval() -> None:
    pre, post, weight = torch.ones(4, 1, 2), torch.ones(4, 1, 1), torch.tensor([[0.5, 1.75]])
    bounds = {"weight_min": 0.0, "weight_max": 2.0}
    soft, hard = (PairSTDP(dependence=name, **bounds).window(weight, pre, post) for name in ("soft", "multiplicative"))
    assert_close(2 * soft, hard)
