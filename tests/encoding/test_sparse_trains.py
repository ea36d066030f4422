"""Sparse spike trains: the products of the dense ones, and the law of Bernoulli draws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from sqnn.encoding import Rate, SparseTrains


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=25)
@given(sizes=st.tuples(*(st.integers(1, most) for most in (6, 5, 9))), dark=st.floats(0, 1), seed=st.integers(0, 999))
def test_products_are_those_of_the_dense_trains(sizes: tuple[int, int, int], dark: float, seed: int) -> None:
    steps, batch, features = sizes
    generator = seeded(seed)
    rates = torch.rand(batch, features, generator=generator, dtype=torch.float64)
    rates = torch.where(rates < dark, torch.zeros_like(rates), rates)
    trains = SparseTrains(rates, steps, generator)
    dense = trains.dense(torch.float64)
    assert dense.shape == trains.shape == (steps, batch, features)
    weights = torch.randn(features, 4, generator=generator, dtype=torch.float64)
    received = torch.randn(steps, batch, 4, generator=generator, dtype=torch.float64)
    assert_close(trains.sums(weights), dense @ weights, atol=1e-12, rtol=0)
    assert_close(trains.correlations(received), torch.einsum("tbi,tbn->in", dense, received), atol=1e-12, rtol=0)


@pytest.mark.parametrize("rate", [0.0, 2**-24])
def test_silence_gives_zeros(rate: float) -> None:
    trains = SparseTrains(torch.full((3, 5), rate), 4, seeded(0))
    assert not trains.dense().any()
    assert torch.equal(trains.sums(torch.ones(5, 2)), torch.zeros(4, 3, 2))
    assert torch.equal(trains.correlations(torch.ones(4, 3, 2)), torch.zeros(5, 2))


def test_spikes_are_bernoulli_with_the_rates_of_the_pixels() -> None:
    levels = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    spikes = Rate(40).sparse(levels.expand(2000, 5), seeded(1)).dense()
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    means, error = spikes.mean((0, 1)), (levels * (1 - levels) / 80_000).sqrt()
    assert ((means - levels).abs() <= 5 * error).all()
    assert torch.equal(means[[0, 4]], levels[[0, 4]])
    # Neighbouring steps, pixels and images agree as often as independent draws do: p^2 + (1 - p)^2.
    for one, other in ((spikes[1:], spikes[:-1]), (spikes[:, 1:], spikes[:, :-1])):
        agreement = (one[..., 2] == other[..., 2]).float().mean().item()
        assert abs(agreement - 0.5) <= 5 * 0.5 / one[..., 2].numel() ** 0.5


def test_a_pixel_of_any_shape_of_image_keeps_its_place() -> None:
    images = torch.zeros(2, 3, 4, 5)
    images[1, 2, 3, 1] = 1
    spikes = Rate(2).sparse(images, seeded(0)).dense()
    assert torch.equal(spikes, images.flatten(1).expand(2, -1, -1))


def test_draws_come_from_the_generator_and_images_are_checked() -> None:
    images = torch.rand(2, 9)
    before = torch.get_rng_state()
    one, again = (Rate(3).sparse(images, seeded(5)).dense() for _ in range(2))
    assert torch.equal(one, again)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ValueError, match="generator: got None"):
        Rate(3).sparse(images)
    with pytest.raises(ValueError, match="images: got values in"):
        Rate(3).sparse(images + 1, seeded(0))
    with pytest.raises(ValueError, match=r"rates: got shape \[2, 3, 3\], expected \[batch, features\]"):
        SparseTrains(images.view(2, 3, 3), 3, seeded(0))
