"""Spikes that nobody asks the gradient of are those of the loop that keeps everything, bit for bit."""

from __future__ import annotations

import pytest
import torch

from sqnn.neurons import LIF


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("expanded", [False, True])
def test_spikes_are_the_same_bit_for_bit(reset: str, channels: int | None, expanded: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    neuron = LIF(0.9, reset=reset, initial_membrane=0.5, learn_beta=True, learn_threshold=True, channels=channels)
    steps = torch.randn(1 if expanded else 6, 4, 3, 5, 5, generator=generator) * 2
    currents = steps.expand(6, 4, 3, 5, 5)
    kept = neuron(currents).detach()
    with torch.no_grad():
        alone = neuron(currents)
    assert 0 < kept.mean() < 1
    assert torch.equal(alone, kept)
