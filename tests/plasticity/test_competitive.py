"""Competitive STDP against loops over images, steps and spikes."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from sqnn.plasticity import balanced, moved, trace_sums, unit_rows, winners_of

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def competition(currents: list, thresholds: list, decay: float, allowed: list | None, most: int) -> list[set[int]]:
    """The neurons that fire at each step for one image."""
    v, fired = [0.0] * len(thresholds), []
    for step in currents:
        v = [decay * u + current for u, current in zip(v, step, strict=True)]
        taking_part = [j for j in range(len(v)) if allowed is None or allowed[j]]
        nearest = sorted(taking_part, key=lambda j: thresholds[j] - v[j])[:most]
        fired.append({j for j in nearest if v[j] > thresholds[j]})
        v = [0.0] * len(v) if fired[-1] else v
    return fired


@settings(max_examples=20)
@given(seed=SEEDS, barred=st.booleans(), most=st.integers(1, 3))
def test_winners_are_those_of_a_loop_over_neurons(seed: int, barred: bool, most: int) -> None:
    currents, thresholds = drawn(seed, 9, 3, 5), 1 + 0.2 * drawn(seed + 1, 5)
    allowed = drawn(seed + 2, 3, 5) > 0.5 if barred else None
    before = currents.clone()
    winners, fired = winners_of(currents, thresholds, 0.8, allowed, most)
    assert torch.equal(currents, before)
    assert winners.shape == fired.shape == (9, 3, most)
    for image in range(3):
        may = None if allowed is None else allowed[image].tolist()
        expected = competition(currents[:, image].tolist(), thresholds.tolist(), 0.8, may, most)
        assert [set(winners[t, image, fired[t, image]].tolist()) for t in range(9)] == expected


@settings(max_examples=20)
@given(seed=SEEDS, most=st.integers(1, 2))
def test_trace_sums_are_those_of_a_loop_over_pairs_of_spikes(seed: int, most: int) -> None:
    steps, batch, features, neurons, decay = 6, 3, 4, 3, 0.7
    trains = (drawn(seed, steps, batch, features) > 0.6).double()
    winners = (drawn(seed + 1, steps, batch, most) * neurons).long()
    fired = drawn(seed + 2, steps, batch, most) > 0.5
    sums, counts = trace_sums(trains, winners, fired, decay, neurons)
    expected, spikes = torch.zeros(neurons, features, dtype=torch.float64), [0] * neurons
    for post, b, k in fired.nonzero().tolist():
        j = int(winners[post, b, k])
        spikes[j] += 1
        for pre in range(post + 1):
            expected[j] += trains[pre, b] * decay ** (post - pre)
    assert_close(sums, expected, atol=1e-12, rtol=0)
    assert counts.tolist() == spikes


@settings(max_examples=20)
@given(seed=SEEDS, rate=st.floats(0.001, 1))
def test_a_step_is_that_of_each_spike_in_turn(seed: int, rate: float) -> None:
    weights, sums = unit_rows(drawn(seed, 4, 6)), drawn(seed + 1, 4, 6)
    counts = torch.tensor([0.0, 1.0, 2.0, 5.0], dtype=torch.float64)
    found = weights + moved(weights, sums, counts, rate)
    for row, target, count, old in zip(found, unit_rows(sums), counts.tolist(), weights, strict=True):
        for _ in range(int(count)):
            old = old + rate * (target - old)
        assert_close(row, old, atol=1e-12, rtol=0)


def test_rows_are_scaled_to_norm_one_and_zeros_stay() -> None:
    rows = unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-15, 0.0]]))
    assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]]))


def test_homeostasis_by_hand_and_its_sum() -> None:
    counts = torch.tensor([[4.0, 0.0, 1.0, 1.0], [2.0, 0.0, 1.0, 3.0]])
    assert balanced(counts).tolist() == [1.5, -1.5, -0.5, 0.5]
    groups = torch.tensor([0, 1, 0, 1])
    assert balanced(counts, groups).tolist() == [1.0, -1.0, -1.0, 1.0]
