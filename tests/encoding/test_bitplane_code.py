"""Bit planes: whole digits of rounded levels, most significant first, that come back bit for bit."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from sqnn.encoding import BitPlane, WeightedPhase, bits

PIXELS = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("timesteps", range(1, 17))
def test_every_level_comes_back_bit_for_bit(timesteps: int, dtype: torch.dtype) -> None:
    encoder, top = BitPlane(timesteps), 2**timesteps - 1
    levels = torch.arange(top + 1)
    pixels = (levels.to(dtype) / top).view(1, -1)
    spikes = encoder.encode(pixels)
    assert ((spikes == 0) | (spikes == 1)).all()
    shifts = torch.arange(timesteps - 1, -1, -1).view(-1, 1)
    assert torch.equal(spikes[:, 0].long(), (levels >> shifts) & 1)
    assert torch.equal(encoder.decode(spikes), pixels)


@given(values=PIXELS, timesteps=st.integers(1, 16))
def test_levels_are_the_nearest_ones_and_halves_go_to_even(values: list[float], timesteps: int) -> None:
    # Whole-number arithmetic as the oracle: Python rounds fractions exactly, halves to even.
    top = 2**timesteps - 1
    pixels = torch.tensor([values], dtype=torch.float64)
    spikes = BitPlane(timesteps).encode(pixels)[:, 0]
    for pixel, digits in zip(values, spikes.T.long().tolist(), strict=True):
        exact = Fraction(pixel) * top
        level = int("".join(map(str, digits)), 2)
        # The product is rounded once in float64 before its own rounding to a whole number.
        assert level == round(exact) or abs(abs(exact - level) - Fraction(1, 2)) < Fraction(1, 10**10)


@given(values=PIXELS, timesteps=st.integers(1, 16))
def test_any_pixel_comes_back_within_half_a_step(values: list[float], timesteps: int) -> None:
    encoder, pixels = BitPlane(timesteps), torch.tensor([values], dtype=torch.float64)
    decoded = encoder.decode(encoder.encode(pixels))
    assert (decoded - pixels).abs().max() <= encoder.step / 2 + 1e-12
    assert decoded.min() >= 0
    assert decoded.max() <= 1


def test_digits_and_halves_by_hand() -> None:
    pixels = torch.tensor([[0, 1, 128, 254, 255]]) / 255
    spikes = BitPlane().encode(pixels)[:, 0]
    digits = ["".join(str(int(bit)) for bit in column) for column in spikes.T]
    assert digits == ["00000000", "00000001", "10000000", "11111110", "11111111"]
    # 0.5 x 255 = 127.5 and 0.5 x 7 = 3.5 go to the even 128 and 4; 0.1 x 5 planes' 31 = 3.1 goes to 3.
    assert BitPlane().encode(torch.tensor([0.5]))[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert BitPlane(3).encode(torch.tensor([0.5]))[:, 0].tolist() == [1, 0, 0]
    assert BitPlane(5).encode(torch.tensor([0.1]))[:, 0].tolist() == [0, 0, 0, 1, 1]


def test_the_first_plane_weighs_most() -> None:
    encoder = BitPlane()
    one = torch.eye(8)[:, :, None]  # sample t fires at step t alone
    assert (encoder.decode(one)[:, 0] * 255).round().tolist() == [128, 64, 32, 16, 8, 4, 2, 1]
    assert encoder.weights == (128, 64, 32, 16, 8, 4, 2, 1)
    assert encoder.weight_total == 255


@given(values=st.lists(PIXELS.filter(lambda v: len(v) >= 3).map(lambda v: v[:3]), min_size=2, max_size=5))
def test_a_sample_does_not_depend_on_its_batch_mates(values: list[list[float]]) -> None:
    encoder, pixels = BitPlane(), torch.tensor(values)
    together = encoder.encode(pixels)
    alone = torch.cat([encoder.encode(row[None]) for row in pixels], dim=1)
    assert torch.equal(together, alone)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 2, 3, 2, 2)])
def test_every_rank_is_the_same_code(shape: tuple[int, ...]) -> None:
    pixels = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spikes = BitPlane(6).encode(pixels)
    assert torch.equal(spikes.flatten(1), BitPlane(6).encode(pixels.flatten()))
    assert torch.equal(BitPlane(6).decode(spikes).flatten(), (pixels.flatten() * 63).round() / 63)


def test_planes_keep_the_memory_format() -> None:
    pixels = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    last = pixels.contiguous(memory_format=torch.channels_last)
    spikes = BitPlane().emit(last)
    assert spikes.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(spikes, BitPlane().emit(pixels))
    # Neither an expanded tensor nor one with gaps has a dense format to keep.
    for odd in (pixels[:, :1].expand(2, 3, 4, 5), pixels[..., ::2]):
        assert torch.equal(bits(odd, 8), bits(odd.contiguous(), 8))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_has_the_levels_of_float32(dtype: torch.dtype) -> None:
    pixels = torch.linspace(0, 1, 40, dtype=dtype).view(1, -1)
    for timesteps in (8, 16):
        spikes = BitPlane(timesteps).encode(pixels)
        assert spikes.dtype == dtype
        assert torch.equal(spikes.float(), BitPlane(timesteps).encode(pixels.float()))
        # The top level of 16 planes, 65535, is infinite in float16.
        decoded = BitPlane(timesteps).decode(spikes)
        assert decoded.dtype == dtype
        assert_close(decoded.float(), pixels.float(), atol=1e-2, rtol=0)


def test_the_phase_code_carries_the_same_digits() -> None:
    pixels = torch.rand(3, 7, generator=torch.Generator().manual_seed(2))
    bare = WeightedPhase(10, 5, weighted=False).encode(pixels)
    planes = BitPlane(5).encode(pixels)
    assert torch.equal(bare[:5], planes)
    assert torch.equal(bare[5:], planes)
