"""Bad arguments are named, with what came and what was expected."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from sqnn.encoding import ENCODERS, Direct, Encoder, Latency, Rate, WeightedPhase, make_encoder

BAD_IMAGES = [
    (torch.tensor([[0.5, float("nan")]]), "NaN"),
    (torch.tensor([[0.5, float("inf")]]), "inf"),
    (torch.tensor([[-0.01]]), "-0.01"),
    (torch.tensor([[1.01]]), "1.01"),
    (torch.tensor([[1]]), "int64"),
    (torch.tensor(0.5), r"\[\]"),
    (torch.zeros(0, 3), r"\[0, 3\]"),
]


@pytest.mark.parametrize("encoder", [Direct(8), Rate(8), Latency(8), WeightedPhase(8)], ids=repr)
@pytest.mark.parametrize(("images", "shown"), BAD_IMAGES, ids=[shown for _, shown in BAD_IMAGES])
def test_bad_images_are_refused(encoder: Encoder, images: torch.Tensor, shown: str) -> None:
    with pytest.raises(ValueError, match=f"images: got .*{shown}.*expected"):
        encoder(images, torch.Generator())


@pytest.mark.parametrize("encoder", [Direct(8), Rate(8), Latency(8), WeightedPhase(8)], ids=repr)
def test_spikes_of_another_length_are_refused(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match=r"shape \[7, 1, 2\].*expected.*\[8, batch"):
        encoder.decode(torch.ones(7, 1, 2))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Direct(0), "timesteps: got 0, .*at least 1"),
        (lambda: Rate(True), "timesteps: got True"),
        (lambda: Direct(2.5), "timesteps: got 2.5"),  # type: ignore[arg-type]
        (lambda: Latency(1), "timesteps: got 1, .*at least 2"),
        (lambda: WeightedPhase(10, 8), "timesteps: got 10, expected a multiple of planes = 8"),
        (lambda: WeightedPhase(8, 0), "planes: got 0"),
        (lambda: WeightedPhase(17, 17), "planes: got 17, expected at most 16"),
        (lambda: WeightedPhase(gain=0.0), "gain: got 0.0"),
        (lambda: WeightedPhase(gain=2.0, weighted=False), "gain: got 2.0 with weighted=False"),
        (lambda: make_encoder("poisson", 4), "encoder: got 'poisson', expected one of direct, rate, latency"),
    ],
)
def test_bad_arguments_are_refused(build: Callable[[], Encoder], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_every_name_builds_its_encoder() -> None:
    for name, kind in ENCODERS.items():
        encoder = make_encoder(name, 8)
        assert type(encoder) is kind
        assert encoder.timesteps == 8
    phase = make_encoder("phase", 8, planes=4, gain=3.0)
    assert isinstance(phase, WeightedPhase)
    assert (phase.planes, phase.gain) == (4, 3.0)
