"""One spike a pixel, and never later for a brighter one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sqnn.encoding import Latency

PIXELS = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30)


@given(values=PIXELS, timesteps=st.integers(2, 30))
def test_exactly_one_binary_spike_per_pixel(values: list[float], timesteps: int) -> None:
    spikes = Latency(timesteps).encode(torch.tensor([values]))
    assert set(spikes.unique().tolist()) <= {0.0, 1.0}
    assert (spikes.sum(0) == 1).all()


@given(values=PIXELS, timesteps=st.integers(2, 30))
def test_brighter_never_fires_later(values: list[float], timesteps: int) -> None:
    spikes = Latency(timesteps).encode(torch.tensor([sorted(values)]))
    times = (spikes * torch.arange(timesteps).view(-1, 1, 1)).sum(0)[0]
    assert (times.diff() <= 0).all()


def test_the_ends_and_the_middle_fire_where_the_equation_says() -> None:
    spikes = Latency(5).encode(torch.tensor([[0.0, 0.2, 0.5, 0.8, 1.0]]))
    assert spikes[:, 0].argmax(0).tolist() == [4, 3, 2, 1, 0]


def test_decoding_reads_the_first_spike_only() -> None:
    encoder = Latency(5)
    spikes = encoder.encode(torch.tensor([[0.5]]))
    spikes[3:] = 1
    assert encoder.decode(spikes).item() == 0.5


def test_a_silent_pixel_cannot_be_decoded() -> None:
    spikes = Latency(4).encode(torch.rand(1, 3, generator=torch.Generator().manual_seed(1)))
    spikes[:, 0, 1] = 0
    with pytest.raises(ValueError, match="1 pixels that never fire"):
        Latency(4).decode(spikes)
