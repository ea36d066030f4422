"""Spikes per step and times of first spikes, against loops."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnn.explain.signal import first_spikes, psth, spike_windows


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 4))
def test_no_spike_is_lost_between_bins_and_windows(seed: int, steps: int, width: int) -> None:
    source = torch.Generator().manual_seed(seed)
    spikes = (torch.rand(steps, 4, 2, 2, generator=source) < 0.3).float()
    width = min(width, steps)
    made = psth(spikes, by="neuron", width=width)
    lengths = torch.tensor(made.edges).diff()
    assert float((made.rates * lengths).sum() * 4) == pytest.approx(float(spikes.sum()))
    assert float(spike_windows(spikes, width=width).counts.sum()) == float(spikes.sum())


def test_classes_are_means_over_their_images() -> None:
    spikes = (torch.rand(5, 7, 3, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    labels = torch.tensor([4, 1, 4, 4, 1, 9, 1])
    made = psth(spikes, labels, width=2)
    assert made.groups == (1, 4, 9)
    for group, label in enumerate(made.groups):
        images = [image for image in range(7) if labels[image] == label]
        for number, (start, stop) in enumerate([(0, 2), (2, 4), (4, 5)]):
            each = [float(spikes[start:stop, image].sum()) / 3 / (stop - start) for image in images]
            mean = sum(each) / len(each)
            assert float(made.rates[group, number]) == pytest.approx(mean)
            if len(each) > 1:
                variance = sum((one - mean) ** 2 for one in each) / (len(each) - 1)
                assert float(made.errors[group, number]) == pytest.approx(math.sqrt(variance / len(each)), abs=1e-12)
    assert made.errors[2].isnan().all()  # one image has no standard error


def test_the_first_spike_is_found_by_a_loop_too() -> None:
    spikes = (torch.rand(6, 5, 4, generator=torch.Generator().manual_seed(2)) < 0.2).float()
    made = first_spikes(spikes)
    for image in range(5):
        for neuron in range(4):
            steps = spikes[:, image, neuron].nonzero().flatten().tolist()
            assert float(made.steps[image, neuron]) == (steps[0] if steps else math.inf)
    share = [float((spikes[: step + 1].sum(0) > 0).double().mean()) for step in range(6)]
    assert made.spoken.tolist() == pytest.approx(share)
    row = made.frame.iloc[0]
    times = sorted(float(step) for step in made.steps[:, 0] if step.isfinite())
    middle = (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2
    assert (row.earliest, row["median"], row.latest) == (times[0], middle, times[-1])
    assert row.fires == len(times) / 5
    silent = first_spikes(torch.zeros(3, 2, 1)).frame.iloc[0]
    assert silent.fires == 0
    assert math.isnan(silent.earliest)
    assert math.isnan(silent.latest)
