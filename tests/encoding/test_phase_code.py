"""Bit planes, most significant first, weighted by their phase."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from sqnn.encoding import WeightedPhase


def test_planes_are_the_binary_digits_from_the_top() -> None:
    pixels = torch.tensor([[1.0, 128.0, 5.0, 255.0]]) / 255
    spikes = WeightedPhase(weighted=False).encode(pixels)[:, 0]
    digits = ["".join(str(int(bit)) for bit in spikes[:, pixel]) for pixel in range(4)]
    assert digits == ["00000001", "10000000", "00000101", "11111111"]


def test_levels_are_rounded_before_the_bits_are_taken() -> None:
    # 0.5 x 7 = 3.5 rounds to even, 4 = 100b; 0.4 x 7 = 2.8 rounds to 3 = 011b.
    spikes = WeightedPhase(3, 3, weighted=False).encode(torch.tensor([[0.5, 0.4]]))
    assert spikes[:, 0].T.tolist() == [[1, 0, 0], [0, 1, 1]]


@given(level=st.integers(0, 255), gain=st.sampled_from([0.5, 1.0, 3.0, 8.0]), periods=st.integers(1, 4))
def test_weighted_planes_sum_to_the_pixel(level: int, gain: float, periods: int) -> None:
    pixels = torch.tensor([[level / 255]], dtype=torch.float64)
    spikes = WeightedPhase(8 * periods, gain=gain).encode(pixels)
    for period in spikes.split(8):
        assert_close(period.sum(0) / gain * 256 / 255, pixels)
    weights = gain * 2.0 ** -torch.arange(1, 9, dtype=torch.float64)
    emitted = spikes[:8, 0, 0]
    assert (torch.isclose(emitted, weights) | (emitted == 0)).all()


def test_weighted_and_bare_planes_carry_the_same_bits() -> None:
    pixels = torch.arange(256).view(1, 256) / 255
    weighted, bare = (WeightedPhase(16, weighted=flag).encode(pixels) for flag in (True, False))
    assert set(bare.unique().tolist()) == {0.0, 1.0}
    assert torch.equal((weighted > 0).float(), bare)
