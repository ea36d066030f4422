"""Arrays as text come back as they were."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import unpacked

from sqnn.explain.report.pack import pack_bits, pack_bytes, pack_floats, pack_scaled, pack_whole


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1), max_size=40))
def test_bits_of_any_number_come_back(bits: list[int]) -> None:
    assert unpacked(pack_bits(torch.tensor(bits, dtype=torch.float64))).tolist() == bits


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_floats_come_back_and_scaled_ones_within_half_a_step(numbers: list[float]) -> None:
    values = torch.tensor(numbers)
    assert (unpacked(pack_floats(values)) == values.double().numpy()).all()
    step = float(values.abs().max()) / 2**15
    assert np.abs(unpacked(pack_scaled(values)) - values.double().numpy()).max() <= step


def test_bytes_are_levels_and_whole_numbers_exact() -> None:
    levels = torch.arange(256).view(2, 1, 128)
    assert (unpacked(pack_bytes(levels / 255)) == levels.numpy()).all()
    assert (unpacked(pack_bytes(torch.tensor([-1.0, 2.0]))) == [0, 255]).all()
    assert (unpacked(pack_whole(torch.tensor([70_000, -3]))) == [70_000, -3]).all()


def test_silence_is_packed_too() -> None:
    assert (unpacked(pack_scaled(torch.zeros(3))) == 0).all()
    assert unpacked(pack_bits(torch.zeros(4, 0))).shape == (4, 0)
