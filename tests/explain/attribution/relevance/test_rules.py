"""How neurons divide what arrives: against the make-up of each membrane, carried forwards summand by summand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sqnn.explain.attribution.relevance.rules import RULES, Trains, activation_shares, neuron_shares
from sqnn.neurons import LIF

SUMMANDS = 3


def made_of(rule: str, neuron: LIF, products: Tensor, spikes: Tensor, membranes: Tensor) -> tuple[Tensor, Tensor]:
    """What each spike and each membrane of one neuron is made of, both [time, time * SUMMANDS + 1].

    `products` [time, SUMMANDS] add up to the currents; the last entry is the initial membrane.
    """
    steps, beta, h = len(products), neuron.beta, neuron.threshold
    first = torch.zeros(steps * SUMMANDS + 1, dtype=torch.float64)
    first[-1] = neuron.initial_membrane * h
    divided = first.clamp(min=0) if rule == "z+" else first.clone()
    whole = first.clone()
    of_spikes, of_membranes = [], []
    for t in range(steps):
        new = torch.zeros_like(first)
        new[t * SUMMANDS : (t + 1) * SUMMANDS] = products[t]
        divided = beta * divided + (new.clamp(min=0) if rule == "z+" else new)
        whole = beta * whole + new
        among = whole if rule == "signed" else divided
        of_spikes.append(among / among.sum() if spikes[t] else torch.zeros_like(among))
        if rule == "z+":
            of_membranes.append(membranes[t] * divided / divided.sum() if divided.sum() > 0 else 0 * divided)
        else:
            of_membranes.append(whole)
        after = {"subtract": whole - h * of_spikes[t], "zero": whole * (1 - spikes[t]), "none": whole}
        whole = after[neuron.reset]
    return torch.stack(of_spikes), torch.stack(of_membranes)


@settings(max_examples=25, deadline=None)
@given(
    rule=st.sampled_from(sorted(RULES)),
    reset=st.sampled_from(["subtract", "zero", "none"]),
    beta=st.sampled_from([1.0, 0.8]),
    start=st.sampled_from([0.0, 0.5, -0.3]),
    steps=st.integers(1, 6),
    read=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_every_summand_has_the_share_that_its_way_forwards_has(
    rule: str, reset: str, beta: float, start: float, steps: int, read: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    neuron = LIF(beta, 0.9, reset=reset, initial_membrane=start)
    products = 0.3 + torch.randn(steps, SUMMANDS, generator=generator, dtype=torch.float64)
    currents = products.sum(1).view(-1, 1, 1)
    positive = products.clamp(min=0).sum(1).view(-1, 1, 1)
    spikes, membranes = neuron(currents, return_membrane=True)
    weights = torch.randn(2, steps, generator=generator, dtype=torch.float64)
    arriving, at_membranes = weights[0].view(-1, 1, 1) * spikes, weights[1].view(-1, 1, 1) if read else None
    trains = Trains(spikes, membranes, currents, positive)
    shares = neuron_shares(RULES[rule], neuron, trains, arriving, at_membranes)
    of_spikes, of_membranes = made_of(rule, neuron, products, spikes.flatten(), membranes.flatten())
    expected = weights[0] @ of_spikes + (weights[1] @ of_membranes if read else 0)
    among = products.clamp(min=0) if rule == "z+" else products
    found = torch.cat([(shares.multipliers.flatten()[:, None] * among).flatten(), shares.initial.flatten()])
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)
    total = arriving.sum() + ((at_membranes * membranes).sum() if read else 0)
    assert abs(found.sum() + shares.lost.sum() - total) < 1e-9 * (1 + found.abs().sum())


def test_a_neuron_that_a_bias_alone_fires_is_a_dead_end_of_positive_parts() -> None:
    neuron = LIF(1.0)
    currents = torch.full((2, 1, 1), 2.0, dtype=torch.float64)
    spikes, membranes = neuron(currents, return_membrane=True)
    shares = neuron_shares(RULES["z+"], neuron, Trains(spikes, membranes, currents, 0 * currents), 3 * spikes)
    assert not shares.multipliers.any()
    assert shares.lost.item() == 6


@pytest.mark.parametrize("epsilon", [0.0, 0.5])
def test_a_stabiliser_keeps_its_share_and_no_more(epsilon: float) -> None:
    neuron = LIF(0.9, initial_membrane=0.5)
    currents = torch.full((3, 1, 1), 1.5, dtype=torch.float64)
    spikes, membranes = neuron(currents, return_membrane=True)
    shares = neuron_shares(RULES["drive"], neuron, Trains(spikes, membranes, currents), spikes, epsilon=epsilon)
    handed_on = (shares.multipliers * currents).sum() + shares.initial.sum()
    assert abs(handed_on + shares.stabiliser.sum() - spikes.sum()) < 1e-12
    assert (shares.stabiliser.sum() > 0.1) == (epsilon > 0)
    analog = activation_shares(RULES["signed"], currents[:1], currents[:1], epsilon)
    assert torch.allclose(analog.stabiliser, currents[0] * epsilon / (1.5 + epsilon))
