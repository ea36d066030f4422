"""Phase locking of planted rhythms, and of none; Bloch spheres of known states."""

from __future__ import annotations

import math

import pytest
import torch

from sqnn.explain.signal import bloch_spheres, phase_locking, spectrum


def test_neurons_lock_to_the_period_that_they_fire_at() -> None:
    spikes = torch.zeros(24, 3, 3)
    spikes[1::4, :, 0] = 1
    spikes[2::4, :, 1] = 1
    assert spectrum(spikes).peak == pytest.approx(1 / 4)
    made = phase_locking(spikes)
    assert made.period == pytest.approx(4)
    assert made.locking[:2].tolist() == pytest.approx([1, 1])
    assert made.consistency[:2].tolist() == pytest.approx([1, 1])
    assert made.phases[0] == pytest.approx(math.pi / 2)
    assert abs(float(made.phases[1])) == pytest.approx(math.pi)
    assert float(made.p[:2].max()) < 1e-6
    assert made.frame.iloc[2].isna().sum() == 4  # a silent neuron has no phase
    assert made.locking[2].isnan()


def test_random_trains_lock_to_nothing_but_by_chance() -> None:
    spikes = (torch.rand(64, 4, 300, generator=torch.Generator().manual_seed(0)) < 0.05).float()
    made = phase_locking(spikes, 8)
    assert float(made.locking.mean()) > 0.15  # what few spikes make of chance
    assert abs(float(made.consistency.nanmean())) < 0.02
    assert float((made.p < 0.05).double().mean()) == pytest.approx(0.05, abs=0.04)


def test_the_consistency_is_the_mean_over_pairs_of_spikes() -> None:
    spikes = (torch.rand(20, 1, 1, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    steps = spikes.flatten().nonzero().flatten().tolist()
    pairs = [math.cos(2 * math.pi * (a - b) / 7) for a in steps for b in steps if a != b]
    assert float(phase_locking(spikes, 7).consistency) == pytest.approx(sum(pairs) / len(pairs))


def test_pure_and_mixed_qubits_have_their_lengths_and_entropies() -> None:
    share = 0.8
    vectors = torch.tensor([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 0.0, 0.0], [0.0, 2 * share - 1, 0.0]])
    made = bloch_spheres(vectors[None, None])
    assert made.lengths[0].tolist() == pytest.approx([1, 1, 0, 0.6])
    mixed = -share * math.log2(share) - (1 - share) * math.log2(1 - share)
    assert made.entropies[0].tolist() == pytest.approx([0, 0, 1, mixed], abs=1e-6)
    frame = made.frame
    assert frame.loc[1, ["x", "y", "z"]].tolist() == pytest.approx([0.6, 0, 0.8])
    assert len(made.plot().axes[0].texts) >= 5
    assert repr(made).startswith("BlochSpheres(4 qubits, 1 block,")
    assert made.to_dict()["vectors"] == vectors[None].tolist()
