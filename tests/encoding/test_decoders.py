"""Decoders are the linear maps they state, and undo the encoders they are made for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from sqnn.encoding import (
    ENCODERS,
    BitPlane,
    ByRate,
    ByWeight,
    Encoder,
    Latency,
    WeightedPhase,
    make_decoder,
    make_encoder,
)

LINEAR: list[tuple[str, int, dict[str, Any]]] = [
    ("direct", 5, {}),
    ("rate", 6, {}),
    ("latency", 7, {}),
    ("phase", 12, {"planes": 4}),
    ("phase", 12, {"planes": 6, "gain": 2.7}),
    ("phase", 8, {"planes": 4, "weighted": False}),
    ("bitplane", 9, {}),
]


def train(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_every_encoder_is_covered() -> None:
    assert {name for name, _, _ in LINEAR} == set(ENCODERS)


@pytest.mark.parametrize(("name", "timesteps", "options"), LINEAR)
def test_by_weight_undoes_the_encoder_it_is_made_for(name: str, timesteps: int, options: dict[str, Any]) -> None:
    encoder = make_encoder(name, timesteps, **options)
    unit = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spikes = encoder.emit(unit, torch.Generator().manual_seed(0))
    decoder = make_decoder("weight", encoder)
    assert isinstance(decoder, ByWeight)
    assert_close(decoder(spikes), encoder.decode(spikes), rtol=0, atol=1e-14)
    if encoder.step is not None:
        assert (decoder(spikes) - unit).abs().max() <= encoder.step / 2 + 1e-12
    white = encoder.emit(torch.ones_like(unit), torch.Generator())
    assert_close(decoder(white), torch.ones_like(unit))


@pytest.mark.parametrize(("name", "timesteps", "options"), LINEAR)
def test_emit_is_encode_without_the_checks(name: str, timesteps: int, options: dict[str, Any]) -> None:
    encoder = make_encoder(name, timesteps, **options)
    unit = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    emitted, encoded = (method(unit, torch.Generator().manual_seed(2)) for method in (encoder.emit, encoder.encode))
    assert torch.equal(emitted, encoded)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4, 5), (2, 2, 3, 2, 2)])
def test_by_weight_is_the_weighted_sum_of_any_train(shape: tuple[int, ...]) -> None:
    weights = (4.0, -1.5, 0.25)
    steps = train(3, *shape).requires_grad_()
    decoded = ByWeight(weights, 2.0)(steps)
    expected = (steps[0] * 4.0 - steps[1] * 1.5 + steps[2] * 0.25) / 2
    assert_close(decoded, expected)
    received = train(*shape)
    (found,) = torch.autograd.grad(decoded, steps, received)
    assert_close(found, torch.stack([received * weight / 2 for weight in weights]))


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (0, 1, 3, 4, 2), (4, 0, 2, 1, 3), (1, 2, 3, 4, 0)])
def test_by_weight_reads_any_memory_format(order: tuple[int, ...]) -> None:
    # The tensor lies in memory in the order of these dimensions.
    back = [order.index(dim) for dim in range(5)]
    plain = train(3, 2, 4, 5, 6)
    steps = plain.permute(order).contiguous().permute(back)
    assert torch.equal(steps, plain)
    decoder = ByWeight((4.0, 2.0, 1.0), 7.0)
    assert_close(decoder(steps), decoder(plain), rtol=1e-14, atol=1e-14)
    expanded = plain[:1].expand(3, -1, -1, -1, -1)
    assert_close(decoder(expanded), plain[0])


def test_by_weight_keeps_channels_last() -> None:
    steps = train(3 * 2, 4, 5, 6).contiguous(memory_format=torch.channels_last).unflatten(0, (3, 2))
    assert ByWeight((4.0, 2.0, 1.0), 7.0)(steps).is_contiguous(memory_format=torch.channels_last)


def test_whole_numbers_add_up_exactly_before_the_one_division() -> None:
    # Sums of spikes, as residual blocks make them: up to 3 a step, and 3 x 65535 is still exact in float32.
    counts = torch.randint(0, 4, (16, 500), generator=torch.Generator().manual_seed(3))
    weights = [2**power for power in range(15, -1, -1)]
    decoded = ByWeight(weights, 65535)(counts.float())
    exact = (counts * torch.tensor(weights).view(-1, 1)).sum(0)
    assert torch.equal(decoded, exact.float() / 65535)


def test_by_rate_is_the_mean_whatever_the_code() -> None:
    for encoder in (make_encoder("bitplane", 4), make_encoder("rate", 4)):
        decoder = make_decoder("rate", encoder)
        assert isinstance(decoder, ByRate)
        steps = train(4, 2, 3)
        assert_close(decoder(steps), (steps[0] + steps[1] + steps[2] + steps[3]) / 4)


def test_rate_decoding_of_bits_loses_their_weights() -> None:
    encoder = make_encoder("bitplane", 8)
    spikes = encoder.encode(torch.tensor([1.0, 128.0]) / 255)
    assert_close(make_decoder("rate", encoder)(spikes), torch.tensor([0.125, 0.125]))
    assert_close(make_decoder("weight", encoder)(spikes), torch.tensor([1.0, 128.0]) / 255)


@pytest.mark.parametrize("encoder", [WeightedPhase(16, 4, gain=1.9), Latency(6)], ids=repr)
def test_a_train_of_another_length_is_refused(encoder: Encoder) -> None:
    for name in ("weight", "rate"):
        with pytest.raises(ValueError, match=rf"shape \[3, 1, 2\].*expected.*\[{encoder.timesteps}, batch"):
            make_decoder(name, encoder)(torch.ones(3, 1, 2))


def test_mixed_precision_leaves_the_sums_exact() -> None:
    """Automatic half precision would round 255 levels to the eight bits that bfloat16 has."""
    encoder = BitPlane(8)
    levels = torch.arange(256) / 255
    with torch.autocast("cpu", dtype=torch.bfloat16):
        decoded = make_decoder("weight", encoder)(encoder.encode(levels[None]))
    assert torch.equal(decoded[0], levels)
