"""Deletion and insertion: by hand, against every order of few pixels, and turned round."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.core import ConfigError
from sqnn.explain.quality import Curves, deletion, deletion_answers, removal_ranks


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(pixels: int, seed: int = 0) -> nn.Sequential:
    """Two classes, of which the second one's logit is 0: the probability falls with the first one's logit alone."""
    layer = nn.Linear(pixels, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([torch.randn(pixels, generator=generator(seed)), torch.zeros(pixels)]))
        layer.bias.zero_()
    return nn.Sequential(nn.Flatten(), layer)


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=generator(seed)) * 0.9 + 0.1


FIRST = torch.zeros(1, dtype=torch.int64)


def test_each_step_by_hand() -> None:
    model, images = linear(4), drawn(1, 1, 2, 2)
    contributions = (model[1].weight[0] * images.flatten()).detach()
    found = deletion(model, images, FIRST, contributions.view(1, 2, 2), generator(), steps=4, share=1)
    logit, expected = float(contributions.sum()), []
    for value in [0.0, *contributions.sort(descending=True).values.tolist()]:
        logit -= value
        expected.append(1 / (1 + torch.tensor(-logit).exp().item()))
    assert found.pixels.tolist() == [0, 1, 2, 3, 4]
    assert_close(found.probability[:, 0], torch.tensor(expected))
    assert float(found.area[0]) == pytest.approx((sum(expected) - (expected[0] + expected[-1]) / 2) / 4)


@given(st.integers(0, 1000))
def test_contributions_of_a_linear_network_are_the_best_order(seed: int) -> None:
    """Of all 120 orders of five pixels none deletes faster, and none inserts faster, than that by contribution."""
    model, images = linear(5, seed), drawn(1, 1, 1, 5, seed=seed + 1)
    best = (model[1].weight[0] * images.flatten()).detach().view(1, 1, 5)
    orders = torch.tensor(list(itertools.permutations(range(5))), dtype=torch.float32).view(-1, 1, 5)
    many, target = images.expand(len(orders), -1, -1, -1), FIRST.expand(len(orders))
    for insert in (False, True):
        own = deletion(model, images, FIRST, best, generator(), steps=5, share=1, insert=insert).probability
        every = deletion(model, many, target, orders, generator(), steps=5, share=1, insert=insert).probability
        # Step by step, not only in the area.
        assert ((own - every) * (1 if insert else -1) > -1e-6).all()


def test_insertion_is_the_deletion_of_the_opposite_map_read_backwards() -> None:
    model, images, maps = linear(12), drawn(3, 1, 3, 4), drawn(3, 3, 4, seed=5)
    target, fill = torch.tensor([0, 1, 0]), drawn(1, 3, 4, seed=6)
    inserted = deletion(model, images, target, maps, generator(), steps=6, share=1, fill=fill, insert=True)
    deleted = deletion(model, images, target, -maps, generator(), steps=6, share=1, fill=fill)
    assert_close(inserted.probability, deleted.probability.flip(0))


def test_the_channels_of_a_pixel_go_together() -> None:
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(images)
            return images.flatten(1)[:, :2]

    images, fill = drawn(2, 3, 2, 2), drawn(3, 2, 2, seed=4)
    maps = torch.tensor([[[4.0, 3], [2, 1]], [[1, 2], [3, 4]]])
    deletion(Spy(), images, torch.tensor([0, 0]), maps, generator(), steps=2, share=0.5, fill=fill)
    steps = torch.cat(seen).view(3, 2, 3, 2, 2)
    assert torch.equal(steps[0], images)
    gone = torch.stack([(maps >= 4), (maps >= 3)]).unsqueeze(2).expand(2, 2, 3, 2, 2)
    assert torch.equal(steps[1:], torch.where(gone, fill, images))


def test_frames_of_recordings_are_pixels_of_their_own() -> None:
    images, maps = drawn(1, 2, 1, 1, 2), torch.tensor([[[[1.0, 4]], [[3, 2]]]])

    class Sum(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            total = images.flatten(1).sum(1)
            return torch.stack([total, -total], 1)

    found = deletion(Sum(), images, FIRST, maps, generator(), steps=4, share=1).probability[:, 0]
    left = torch.tensor([images.sum(), images.sum() - images[0, 0, 0, 0, 1]])
    assert_close(found[:2], torch.sigmoid(2 * left))


def test_equal_values_go_in_random_order() -> None:
    model, images = linear(64), drawn(1, 1, 8, 8)
    constant = torch.zeros(1, 8, 8)
    areas = {float(deletion(model, images, FIRST, constant, generator(seed)).area[0]) for seed in range(6)}
    assert len(areas) == 6
    again = [deletion(model, images, FIRST, constant, generator(3)).probability for _ in range(2)]
    assert torch.equal(*again)


def test_an_area_is_a_mean_probability() -> None:
    curves = Curves(torch.arange(5), torch.full((5, 2), 0.25))
    assert curves.area.tolist() == [0.25, 0.25]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"steps": 0}, "steps: got 0"), ({"share": 0.0}, "share: got 0.0"), ({"share": 1.5}, "share: got 1.5")],
)
def test_bad_options_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        deletion(linear(4), drawn(1, 1, 2, 2), FIRST, torch.zeros(1, 2, 2), generator(), **options)  # type: ignore[arg-type]


def test_a_map_without_time_takes_its_pixels_of_all_frames_together() -> None:
    recordings, model = drawn(2, 3, 1, 4, 4).abs() + 0.1, linear(48)
    maps = drawn(2, 4, 4, seed=5)
    pixels, found = deletion_answers(model, recordings, maps, generator(), steps=2, share=0.5)
    assert pixels.tolist() == [0, 4, 8]
    ranks = removal_ranks(maps, generator())
    for step, count in enumerate(pixels.tolist()):
        left = recordings * (ranks >= count)[:, None, None]
        assert_close(found[step], model(left).softmax(-1).detach())
    assert not torch.equal(found[0], found[2])
