"""Infidelity and sensitivity: perfect and worst maps of linear networks, and captum on the same draws."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.core import ConfigError
from sqnn.explain.quality import infidelity, sensitivity
from sqnn.explain.quality.robustness import draw_squares


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(3, 2, 8, 8, generator=generator(7))


@pytest.fixture(scope="module")
def linear() -> nn.Sequential:
    layer = nn.Linear(128, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(4, 128, generator=generator(1)))
    return nn.Sequential(nn.Flatten(), layer)


@pytest.fixture(scope="module")
def curved(linear: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*linear, nn.Tanh())


TARGET = torch.tensor([0, 3, 1])


def contributions(model: nn.Sequential, images: Tensor) -> Tensor:
    weight: Tensor = model[1].weight
    return (weight[TARGET].view(images.shape) * images).sum(1).detach()


def test_contributions_of_a_linear_network_foretell_every_fall(linear: nn.Sequential, images: Tensor) -> None:
    maps = contributions(linear, images)
    for factor in (1.0, 1e-3, 40.0):
        assert infidelity(linear, images, TARGET, factor * maps, generator()).abs().max() < 1e-9
    # The opposite map, and one that is zero, foretell nothing.
    for bad in (-maps, 0 * maps):
        assert torch.equal(infidelity(linear, images, TARGET, bad, generator()), torch.ones(3, dtype=torch.float64))
    noise = infidelity(linear, images, TARGET, torch.randn(maps.shape, generator=generator(2)), generator())
    assert (noise > 0.2).all()
    assert (noise <= 1).all()


def test_infidelity_is_that_of_captum_on_the_same_squares(curved: nn.Sequential, images: Tensor) -> None:
    metrics = pytest.importorskip("captum.metrics")
    maps, squares = contributions(curved, images), 12
    masks = draw_squares(squares, 3, (8, 8), generator()).unsqueeze(2).expand(-1, -1, 2, -1, -1)
    # captum repeats each image in turn.
    given = masks.transpose(0, 1).flatten(0, 1)

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        return given.to(inputs), inputs * ~given

    spread = (maps / 2).unsqueeze(1).expand_as(images)
    theirs = metrics.infidelity(
        curved, perturb, images, spread, target=TARGET, n_perturb_samples=squares, normalize=True
    )
    with torch.no_grad():
        whole = curved(images)[torch.arange(3), TARGET]
        falls = torch.stack([whole - curved(images * ~mask)[torch.arange(3), TARGET] for mask in masks])
    ours = infidelity(curved, images, TARGET, maps, generator(), squares=squares)
    assert (ours > 0.01).all(), "a perfect map would test nothing"
    assert_close(ours.float(), theirs / falls.square().mean(0), rtol=1e-4, atol=1e-6)


def test_a_logit_that_nothing_changes_has_no_infidelity(images: Tensor) -> None:
    class Constant(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.ones(len(images), 4)

    assert infidelity(Constant(), images, TARGET, images.sum(1), generator()).isnan().all()


def test_squares_lie_within_the_image_and_reach_its_corners() -> None:
    masks = draw_squares(2000, 1, (8, 16), generator())[:, 0]
    rows, columns = masks.any(2).sum(1), masks.any(1).sum(1)
    assert torch.equal(masks.sum((1, 2)), rows * columns)
    assert (int(rows.min()), int(rows.max())) == (1, 4)
    assert (int(columns.min()), int(columns.max())) == (2, 8)
    for corner in (masks[:, 0, 0], masks[:, -1, -1], masks[:, 0, -1]):
        assert corner.any()
    share = masks.float().mean(0)
    assert_close(share, share.flip((0, 1)), atol=0.05, rtol=0)


def test_sensitivity_by_hand(images: Tensor) -> None:
    """A map that is k times the image changes by k |e|, relative to k |x|, whatever k is."""

    def scaled(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        return 3 * images[:, 0]

    inner = images.clamp(0.2, 0.8)
    found = sensitivity(scaled, nn.Identity(), inner, TARGET, 3 * inner[:, 0], generator(), noises=5, radius=0.1)
    draws = generator()
    noises = torch.stack([0.1 * (2 * torch.rand(images.shape, generator=draws) - 1) for _ in range(5)])
    expected = (noises[:, :, 0].flatten(2).norm(dim=-1) / inner[:, 0].flatten(1).norm(dim=-1)).amax(0)
    assert_close(found, expected.double(), rtol=1e-5, atol=0)


def test_sensitivity_is_that_of_captum_on_the_same_noise(curved: nn.Sequential, images: Tensor) -> None:
    metrics, inner = pytest.importorskip("captum.metrics"), images.clamp(0.2, 0.8)[:, :1]
    draws, noises = generator(), 3
    drawn = torch.stack([0.1 * (2 * torch.rand(inner.shape, generator=draws) - 1) for _ in range(noises)])

    def make(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        return images.square()[:, 0]

    def perturb(inputs: Any, radius: float) -> Tensor:
        return inputs + drawn.transpose(0, 1).flatten(0, 1)

    def squared(part: Any) -> Any:
        return tuple(each.square() for each in part) if isinstance(part, tuple) else part.square()

    theirs = metrics.sensitivity_max(squared, inner, perturb, 0.1, noises)
    ours = sensitivity(make, curved, inner, TARGET, inner.square()[:, 0], generator(), noises=noises, radius=0.1)
    assert_close(ours.float(), theirs, rtol=1e-4, atol=1e-6)


def test_moved_images_stay_images_and_a_zero_map_has_no_sensitivity() -> None:
    edges = torch.tensor([0.0, 1.0]).repeat(8).view(1, 1, 4, 4)

    def check(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        assert 0 <= float(images.min()) <= float(images.max()) <= 1
        return images[:, 0]

    zero = torch.zeros(1, 4, 4)
    assert sensitivity(check, nn.Identity(), edges, TARGET[:1], zero, generator()).isnan().all()


@pytest.mark.parametrize(("name", "value"), [("noises", 0), ("radius", 0.0), ("radius", math.nan)])
def test_bad_options_are_named(images: Tensor, name: str, value: Any) -> None:
    def make(model: nn.Module, images: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        return images[:, 0]

    with pytest.raises(ConfigError, match=f"{name}: got {value}"):
        sensitivity(make, nn.Identity(), images, TARGET, images[:, 0], generator(), **{name: value})
    with pytest.raises(ConfigError, match="squares: got 1"):
        infidelity(nn.Identity(), images, TARGET, images[:, 0], generator(), squares=1)
