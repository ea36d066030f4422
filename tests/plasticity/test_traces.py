"""What a trace remembers, forwards and backwards, and how a time constant becomes a decay."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from sqnn.plasticity import adjoint_trace, decay_of, forward_trace, reward_modulation

TRAIN = torch.tensor([1, 0, 1, 1, 0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("included", "nearest", "expected"),
    [
        (True, False, [1, 0.5, 1.25, 1.625, 0.8125]),
        (False, False, [0, 0.5, 0.25, 0.625, 0.8125]),
        (True, True, [1, 0.5, 1, 1, 0.5]),
        (False, True, [0, 0.5, 0.25, 0.5, 0.5]),
    ],
)
def test_traces_computed_by_hand(included: bool, nearest: bool, expected: list[float]) -> None:
    assert forward_trace(TRAIN, 0.5, included=included, nearest=nearest).tolist() == expected
    assert TRAIN.tolist() == [1, 0, 1, 1, 0]
    coarse = forward_trace(TRAIN.bool(), 0.5, included=included, nearest=nearest)
    assert (coarse.tolist(), coarse.dtype) == (expected, torch.float32)


@settings(max_examples=30)
@given(seed=st.integers(0, 999), timesteps=st.integers(1, 9), decay=st.floats(0, 1), included=st.booleans())
def test_the_adjoint_moves_a_trace_to_the_other_factor(seed: int, timesteps: int, decay: float, included: bool) -> None:
    signal, spikes = torch.randn(2, timesteps, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ahead = (adjoint_trace(signal, decay, included=included) * spikes).sum(0)
    assert_close(ahead, (signal * forward_trace(spikes, decay, included=included)).sum(0))


def test_decays() -> None:
    assert decay_of(20) == math.exp(-1 / 20)
    assert decay_of(20, "euler") == 0.95
    assert decay_of(1, "euler") == 0.0


def test_a_reward_at_the_end_weighs_steps_by_what_their_eligibility_keeps() -> None:
    found = reward_modulation(torch.tensor([2.0, -1.0]), 3, 0.5)
    assert found.tolist() == [[0.5, -0.25], [1.0, -0.5], [2.0, -1.0]]
