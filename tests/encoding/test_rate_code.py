"""Bernoulli spikes: the right mean and spread, and only the caller's generator."""

from __future__ import annotations

import pytest
import torch

from sqnn.encoding import Rate


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("brightness", [0.0, 0.03, 0.5, 0.9, 1.0])
def test_mean_and_spread_are_bernoulli(brightness: float) -> None:
    encoder, pixels = Rate(50), torch.full((4, 500), brightness)
    decoded = encoder.decode(encoder.encode(pixels, seeded(0)))
    stated = encoder.standard_error(pixels)[0, 0].item()
    assert stated == pytest.approx((brightness * (1 - brightness) / 50) ** 0.5, abs=1e-7)
    # 2000 independent pixels: the mean has their standard error / sqrt(2000); five of those is one in 10^6.
    assert abs(decoded.mean().item() - brightness) <= 5 * stated / 2000**0.5 + 1e-6
    assert decoded.std().item() == pytest.approx(stated, rel=0.1, abs=1e-6)


def test_steps_are_independent() -> None:
    spikes = Rate(2).encode(torch.full((20_000,), 0.5), seeded(1))
    agreement = (spikes[0] == spikes[1]).float().mean().item()
    assert abs(agreement - 0.5) <= 5 * 0.5 / 20_000**0.5


def test_spikes_are_binary_and_keep_the_dtype() -> None:
    for dtype in (torch.float16, torch.float32, torch.float64):
        spikes = Rate(5).encode(torch.full((3, 40), 0.4, dtype=dtype), seeded(2))
        assert spikes.dtype == dtype
        assert set(spikes.unique().tolist()) == {0.0, 1.0}


def test_the_generator_alone_decides() -> None:
    encoder, pixels = Rate(8), torch.full((2, 64), 0.5)
    before = torch.random.get_rng_state()
    first, again, other = (encoder.encode(pixels, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_generator_moves_on_between_calls() -> None:
    encoder, pixels, generator = Rate(8), torch.full((2, 64), 0.5), seeded(5)
    assert not torch.equal(encoder.encode(pixels, generator), encoder.encode(pixels, generator))


def test_the_global_generator_is_refused() -> None:
    with pytest.raises(ValueError, match="generator: got None"):
        Rate(8)(torch.zeros(1, 1))
