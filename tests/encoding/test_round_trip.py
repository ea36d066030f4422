"""Decoding undoes encoding, to half a step, on every level and between levels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from sqnn.encoding import Direct, Encoder, Frames, Latency, WeightedPhase

GRIDS: list[Encoder] = [
    Latency(2),
    Latency(9),
    WeightedPhase(),
    WeightedPhase(1, 1),
    WeightedPhase(12, 4),
    WeightedPhase(16, 8, weighted=False),
    WeightedPhase(32, 16),
    WeightedPhase(6, 3, gain=2.7),
]


@pytest.mark.parametrize("encoder", GRIDS, ids=repr)
def test_every_level_comes_back(encoder: Encoder) -> None:
    assert encoder.step is not None
    count = round(1 / encoder.step) + 1
    pixels = (torch.arange(count) / (count - 1)).unsqueeze(0)
    assert_close(encoder.decode(encoder.encode(pixels)), pixels, atol=2e-7, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("encoder", [WeightedPhase(), WeightedPhase(24, 8, weighted=False)], ids=repr)
def test_phase_decoding_is_exact_bit_for_bit(encoder: Encoder, dtype: torch.dtype) -> None:
    pixels = torch.arange(256, dtype=dtype).view(4, 1, 8, 8) / 255
    assert torch.equal(encoder.decode(encoder.encode(pixels)), pixels)


@pytest.mark.parametrize("encoder", GRIDS, ids=repr)
@given(data=st.data())
def test_any_pixel_comes_back_within_half_a_step(encoder: Encoder, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
    pixels = torch.tensor([values], dtype=torch.float64)
    decoded = encoder.decode(encoder.encode(pixels))
    assert encoder.step is not None
    assert (decoded - pixels).abs().max() <= encoder.step / 2 + 1e-12
    assert decoded.min() >= 0
    assert decoded.max() <= 1 + 1e-12


@given(values=st.lists(st.floats(0, 1, width=32), min_size=1), timesteps=st.integers(2, 20))
def test_direct_repeats_the_image_without_copying(values: list[float], timesteps: int) -> None:
    images = torch.tensor([values])
    currents = Direct(timesteps).encode(images)
    assert currents.data_ptr() == images.data_ptr()
    assert currents.stride(0) == 0
    assert all(torch.equal(current, images) for current in currents)
    assert_close(Direct(timesteps).decode(currents), images)


def test_direct_passes_the_gradient_and_the_discrete_codes_none() -> None:
    images = torch.rand(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weights = torch.arange(8.0).view(8, 1, 1)
    (Direct(8).encode(images) * weights).sum().backward()
    assert_close(images.grad, torch.full_like(images, 28.0))
    assert not Latency(8).encode(images).requires_grad
    assert not WeightedPhase(8).encode(images).requires_grad


def test_frames_of_recordings_are_the_trains_without_copying() -> None:
    recordings = torch.rand(3, 4, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    trains = Frames(4).encode(recordings)
    assert trains.data_ptr() == recordings.data_ptr()
    assert all(torch.equal(trains[t, n], recordings[n, t]) for t in range(4) for n in range(3))
    assert torch.equal(Frames(4).decode(trains), recordings)
    with pytest.raises(ValueError, match=r"images: got shape \[3, 4, 2, 5, 5\], expected \[batch, 5, \*features\]"):
        Frames(5).encode(recordings)
    with pytest.raises(ValueError, match="expected finite values"):
        Frames(4).encode(recordings + 1)
