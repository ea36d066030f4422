"""Laws of distances and of synchrony, beside the oracles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnn.explain.signal import DISTANCES, VanRossum, VictorPurpura, distances, spike_distances, synchrony


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from(list(DISTANCES)))
def test_a_distance_is_a_metric(seed: int, measure: str) -> None:
    spikes = (torch.rand(6, 1, 7, generator=torch.Generator().manual_seed(seed)) < 0.4).float()
    made = spike_distances(spikes, measure=measure).matrix
    torch.testing.assert_close(made, made.T)
    equal = (spikes[:, 0, :, None] == spikes[:, 0, None, :]).all(0)
    assert torch.equal(made == 0, equal)
    assert bool((made[:, None, :] <= made[:, :, None] + made[None] + 1e-12).all())


@pytest.mark.parametrize("measure", [VictorPurpura(cost=0.3), VanRossum(tau=1.5)])
def test_images_are_compared_neuron_by_neuron(
    measure: VictorPurpura | VanRossum, monkeypatch: pytest.MonkeyPatch
) -> None:
    spikes = (torch.rand(6, 4, 5, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    made = spike_distances(spikes, between="images", measure=measure).matrix
    power = 2 if isinstance(measure, VanRossum) else 1
    summed = torch.zeros(4, 4, dtype=torch.float64)
    for neuron in range(5):
        alone = spikes[:, :, neuron].T[:, None].permute(2, 1, 0)  # the images of one neuron as neurons of one image
        summed += spike_distances(alone, measure=measure).matrix ** power
    torch.testing.assert_close(made, summed ** (1 / power))
    monkeypatch.setattr(distances, "PAIRS_MOST", 20)  # train by train, not by the table of different trains
    torch.testing.assert_close(spike_distances(spikes, between="images", measure=measure).matrix, made)


def test_synchrony_is_1_for_equal_trains_and_0_for_far_ones() -> None:
    spikes = torch.zeros(12, 1, 3)
    spikes[[1, 5, 9], 0, 0] = spikes[[1, 5, 9], 0, 1] = 1
    spikes[[3, 7, 11], 0, 2] = 1
    assert synchrony(spikes).matrix.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert synchrony(spikes).mean == pytest.approx(1 / 3)
    assert list(synchrony(spikes).frame.synchrony) == [1, 0, 0]
