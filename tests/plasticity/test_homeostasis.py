"""Rates, and what follows them: thresholds, scaled weights, decaying weights."""

from __future__ import annotations

import torch
from torch.testing import assert_close

from sqnn.plasticity import adapted_thresholds, firing_rates, heterosynaptic_decay, synaptic_scaling

POST = torch.tensor([[[1, 0, 0], [1, 1, 0]], [[1, 0, 0], [1, 0, 0]]])
"""Two steps of two samples: the first neuron fires each time, the second once, the third never."""


def test_rates_are_means_over_time_and_batch() -> None:
    assert firing_rates(POST).tolist() == [1.0, 0.25, 0.0]
    maps = POST[..., None].expand(2, 2, 3, 4)
    assert firing_rates(maps).tolist() == [4 * [1.0], 4 * [0.25], 4 * [0.0]]
    assert firing_rates(maps, per_channel=True).tolist() == [1.0, 0.25, 0.0]


def test_weights_of_a_neuron_decay_as_it_fires() -> None:
    weight = torch.tensor([[2.0, -4.0], [8.0, 8.0], [3.0, 3.0]])
    assert heterosynaptic_decay(weight, firing_rates(POST), 0.5).tolist() == [[-1.0, 2.0], [-1.0, -1.0], [0.0, 0.0]]
    kernel = torch.ones(3, 2, 5, 5)
    assert_close(heterosynaptic_decay(kernel, firing_rates(POST), 1.0)[:, 0, 0, 0], -firing_rates(POST))


def test_scaling_keeps_the_proportions_of_a_neuron_s_weights_and_stops_at_the_target() -> None:
    weight = torch.tensor([[2.0, -4.0], [8.0, 6.0], [3.0, 1.0]])
    change = synaptic_scaling(weight, firing_rates(POST), 0.4, 0.25)
    assert_close(change, torch.tensor([[-0.6, 1.2], [0.0, 0.0], [0.3, 0.1]]))


def test_thresholds_rise_with_the_rate() -> None:
    thresholds, rates = torch.ones(3), torch.tensor([0.75, 0.25, 0.5])
    assert adapted_thresholds(thresholds, rates, 0.5, target=0.25).tolist() == [1.25, 1.0, 1.125]
    balanced = adapted_thresholds(thresholds, rates, 0.5)
    assert balanced.tolist() == [1.125, 0.875, 1.0]
    assert balanced.mean() == thresholds.mean()
