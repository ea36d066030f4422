"""A whole window as one or two products equals a plain loop over pairs of spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_pairs import Rule, by_pairs, change_of
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.plasticity import (
    BATCHES,
    COINCIDENCES,
    DEPENDENCES,
    PAIRINGS,
    TIMES,
    Connection,
    Conv1d,
    Conv2d,
    Linear,
    PairSTDP,
    Recurrent,
    TripletSTDP,
    decay_of,
    reward_modulation,
)

TOLERANCE = {"atol": 1e-10, "rtol": 0.0}
Shapes = tuple[Connection, tuple[int, ...], tuple[int, ...], tuple[int, ...]]
CONNECTIONS: Mapping[str, list[Shapes]] = {
    "linear": [(Linear(), (3, 4), (4,), (3,)), (Linear(), (2, 3), (2, 3), (2, 2))],
    "recurrent": [(Recurrent(), (3, 3), (3,), (3,))],
    "conv1d": [
        (Conv1d(), (2, 2, 3), (2, 6), (2, 4)),
        (Conv1d(stride=2, padding=1, dilation=2, groups=2), (4, 1, 2), (2, 6), (4, 3)),
    ],
    "conv2d": [
        (Conv2d(padding=1), (2, 1, 3, 2), (1, 3, 3), (2, 3, 4)),
        (Conv2d(stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), (2, 1, 2, 2), (2, 3, 4), (2, 2, 2)),
    ],
}
"""Connections with the shapes of weight, presynaptic and postsynaptic neurons."""

COMMON: Mapping[str, st.SearchStrategy[Any]] = {
    "pairing": st.sampled_from(list(PAIRINGS)),
    "coincidence": st.sampled_from(list(COINCIDENCES)),
    "dependence": st.sampled_from(list(DEPENDENCES)),
    "mu_plus": st.floats(0, 2),
    "mu_minus": st.floats(0, 2),
    "weight_min": st.just(-1.5),
    "weight_max": st.just(1.5),
    "batch": st.sampled_from(list(BATCHES)),
    "time": st.sampled_from(list(TIMES)),
}
SIDES = st.one_of(
    st.fixed_dictionaries({"decay_plus": st.floats(0, 1), "decay_minus": st.floats(0, 1)}),
    st.fixed_dictionaries({}, optional={"tau_plus": st.floats(1, 50), "tau_minus": st.floats(1, 50)}).flatmap(
        lambda taus: st.sampled_from([{**taus, "trace": "exponential"}, {**taus, "trace": "euler"}])
    ),
)
AMPLITUDE = st.floats(-1, 1)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    options = {**draw(st.fixed_dictionaries(dict(COMMON))), **draw(SIDES)}
    if options["dependence"] != "power":
        options |= {"mu_plus": 1.0, "mu_minus": 1.0}
    if draw(st.booleans()):
        return PairSTDP(a_plus=draw(AMPLITUDE), a_minus=draw(AMPLITUDE), **options)
    amplitudes = {name: draw(AMPLITUDE) for name in ("a2_plus", "a3_plus", "a2_minus")}
    third = draw(st.one_of(st.just(0.0), AMPLITUDE))
    taus = {name: draw(st.floats(1, 50)) for name in ("tau_x", "tau_y")}
    return TripletSTDP(a3_minus=third, **amplitudes, **taus, **options)


def spikes(generator: torch.Generator, *shape: int) -> Tensor:
    return (torch.rand(shape, generator=generator) < 0.4).double()


@pytest.mark.parametrize("name", CONNECTIONS)
@settings(max_examples=25)
@given(data=st.data(), rule=rules(), seed=st.integers(0, 999), timesteps=st.integers(1, 7))
def test_a_window_equals_a_loop_over_pairs_of_spikes(
    name: str, data: st.DataObject, rule: Rule, seed: int, timesteps: int
) -> None:
    connection, shape, before, after = data.draw(st.sampled_from(CONNECTIONS[name]))
    generator = torch.Generator().manual_seed(seed)
    pre, post = spikes(generator, timesteps, 2, *before), spikes(generator, timesteps, 2, *after)
    pre = post if name == "recurrent" else pre
    weight = 2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1
    up, down = by_pairs(rule, connection, weight, pre, post)
    assert_close(rule.window(weight, pre, post, connection), change_of(rule, weight, up, down), **TOLERANCE)


@settings(max_examples=25)
@given(rule=rules(), seed=st.integers(0, 999), decay=st.floats(0, 1), each_step=st.booleans())
def test_reward_acts_through_the_eligibility_of_every_synapse(
    rule: Rule, seed: int, decay: float, each_step: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    pre, post = spikes(generator, 6, 3, 4), spikes(generator, 6, 3, 2)
    weight = 2 * torch.rand(2, 4, generator=generator, dtype=torch.float64) - 1
    reward = torch.randn((6, 3) if each_step else (3,), generator=generator, dtype=torch.float64)
    at_steps = reward if each_step else torch.cat((torch.zeros(5, 3, dtype=torch.float64), reward[None]))
    parts = by_pairs(rule, Linear(), weight, pre, post)
    rewarded = []
    for part in parts:
        eligibility, total = torch.zeros_like(part[0]), []
        for now, change in zip(at_steps, part, strict=True):
            eligibility = decay * eligibility + change
            total.append(now[:, None, None] * eligibility)
        rewarded.append(torch.stack(total))
    found = rule.window(weight, pre, post, third_factor=reward_modulation(reward, 6, decay))
    assert_close(found, change_of(rule, weight, *rewarded), **TOLERANCE)


@given(seed=st.integers(0, 999), batch=st.sampled_from(["mean", "sum"]), time=st.sampled_from(list(TIMES)))
@settings(max_examples=20)
def test_a_factor_of_the_postsynaptic_spikes_makes_the_window_share_the_gradients_product(
    seed: int, batch: str, time: str
) -> None:
    """One product of the spikes with the gradient at the currents plus the factor is gradient and window together."""
    generator = torch.Generator().manual_seed(seed)
    pair = PairSTDP(a_plus=0.3, a_minus=0.7, batch=batch, time=time, tau_plus=5)
    minimal = TripletSTDP(a3_minus=0, batch=batch, time=time)
    for rule, options in ((pair, {"stride": 2, "groups": 2}), (minimal, {"padding": 1})):
        layer = nn.Conv2d(2, 4, 3, bias=False, dtype=torch.float64, **options)
        pre = spikes(generator, 5, 3, 2, 5, 6)
        currents = layer(pre.flatten(0, 1)).unflatten(0, (5, 3))
        currents.retain_grad()
        (currents**2).sum().backward()
        post = (currents > 0).double()
        assert currents.grad is not None
        assert layer.weight.grad is not None
        connection = Conv2d(**options)
        one = connection.product(currents.grad + rule.post_factor(post), pre, layer.weight.shape)
        assert_close(one, layer.weight.grad + rule.window(layer.weight, pre, post, connection), **TOLERANCE)


def test_a_neuron_s_own_modulation_scales_its_weights() -> None:
    generator = torch.Generator().manual_seed(3)
    pre, post, rule = spikes(generator, 9, 4, 5), spikes(generator, 9, 4, 3), PairSTDP(tau_minus=3)
    own = torch.tensor([0.5, -2.0, 0.0], dtype=torch.float64)
    weight = torch.zeros(3, 5, dtype=torch.float64)
    plain = rule.window(weight, pre, post)
    assert plain.abs().min() > 0
    assert_close(rule.window(weight, pre, post, third_factor=own.expand(9, 4, 3)), own[:, None] * plain)


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.float32, torch.bfloat16])
def test_spikes_of_any_type_give_a_change_like_the_weight(kind: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    pre, post = spikes(generator, 12, 2, 4), spikes(generator, 12, 2, 3)
    weight = torch.zeros(3, 4, dtype=torch.float64)
    exact = PairSTDP().window(weight, pre, post)
    assert torch.equal(PairSTDP().window(weight, pre.to(kind), post.to(kind)), exact)
    coarse = PairSTDP().window(weight.to(torch.bfloat16), pre.to(kind), post.to(kind))
    assert torch.equal(coarse, PairSTDP().window(weight.float(), pre, post).to(torch.bfloat16))


def test_nothing_of_a_window_reaches_the_graph() -> None:
    weight = nn.Parameter(torch.rand(3, 4))
    post = torch.rand(6, 2, 3, requires_grad=True)
    rule = PairSTDP(weight_min=0, weight_max=1)
    change = rule.window(weight, torch.ones(6, 2, 4), post)
    factor, stepped = rule.post_factor(post), rule.step(weight, torch.ones(6, 2, 4), post)
    assert not any(each.requires_grad for each in (change, factor, stepped))


def test_convention_of_spikingjelly_is_euler_with_coincidence_for_both() -> None:
    """Its recurrence x <- x - x / tau + s, with both traces updated before they are read."""
    generator = torch.Generator().manual_seed(5)
    pre, post = spikes(generator, 15, 2, 4), spikes(generator, 15, 2, 3)
    left, right = torch.zeros(2, 4, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    change = torch.zeros(3, 4, dtype=torch.float64)
    for s, y in zip(pre, post, strict=True):
        left, right = left - left / 4 + s, right - right / 7 + y
        change += y.T @ left - right.T @ s
    rule = PairSTDP(a_plus=1, a_minus=1, tau_plus=4, tau_minus=7, trace="euler", coincidence="both", batch="sum")
    assert_close(rule.window(torch.zeros_like(change), pre, post), change, **TOLERANCE)
    assert decay_of(4, "euler") == 0.75
