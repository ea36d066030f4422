"""Shifts and mirror images: pixels that move by equal chances, from numbers that only (seed, epoch, batch) decide."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor
from torch.nn import functional as F

from sqnn.data import DataError, ImageData, ImageDataModule, Split, augment
from sqnn.data.augmentation import batch_generator
from sqnn.data.batches import epoch_order

CHANGES = ("shift", "shift-flip")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(image: Tensor, down: int, right: int, mirrored: bool) -> Tensor:
    """One image [channels, height, width], padded with zeros by as much as it may move, cut out, mirrored."""
    height, width = image.shape[1:]
    shift = 1 if min(height, width) < 16 else 4
    cut = F.pad(image, (shift, shift, shift, shift))[:, down : down + height, right : right + width]
    return cut.flip(2) if mirrored else cut


def ways(kind: str, shift: int) -> list[tuple[int, int, bool]]:
    """All that may happen to an image."""
    return list(
        product(range(2 * shift + 1), range(2 * shift + 1), (False, True) if kind == "shift-flip" else (False,))
    )


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize(
    ("size", "shift"), [((3, 32, 32), 4), ((2, 16, 20), 4), ((1, 15, 40), 1), ((1, 40, 15), 1), ((1, 8, 8), 1)]
)
def test_every_image_is_cut_out_of_the_padded_one(kind: str, size: tuple[int, int, int], shift: int) -> None:
    images = torch.rand((24, *size), generator=generator())
    before = images.clone()
    found = augment(images, kind, generator(1))
    assert torch.equal(images, before), "the images themselves were changed"
    happened = {
        way
        for old, new in zip(images, found, strict=True)
        for way in ways(kind, shift)
        if torch.equal(moved(old, *way), new)
    }
    each = [
        sum(torch.equal(moved(old, *way), new) for way in ways(kind, shift))
        for old, new in zip(images, found, strict=True)
    ]
    assert each == [1] * len(images)
    assert len(happened) > 5


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize(("side", "shift"), [(16, 4), (15, 1)])
def test_all_changes_are_equally_frequent(kind: str, side: int, shift: int) -> None:
    """Shifts and mirror images together, so that they are independent as well: chi-square below its 99.9 % quantile."""
    draws, middle = 40_000, side // 2
    numbered = torch.arange(1.0, side**2 + 1).view(1, 1, side, side)
    found = augment(numbered.expand(draws, -1, -1, -1), kind, generator(3)).long() - 1
    centre, beside = found[:, 0, middle, middle], found[:, 0, middle, middle + 1]
    mirrored = (beside - centre == -1).long()
    down = centre // side - middle + shift
    right = centre % side - torch.where(mirrored == 1, side - 1 - middle, middle) + shift
    span, flips = 2 * shift + 1, 2 if kind == "shift-flip" else 1
    counts = torch.bincount((down * span + right) * flips + mirrored, minlength=span**2 * flips)
    expected = draws / (span**2 * flips)
    assert len(counts) == span**2 * flips
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(0.999, len(counts) - 1)


@pytest.mark.parametrize("shift", [1, 2, 7])
def test_a_shift_of_ones_own_is_the_largest(shift: int) -> None:
    """A point in the middle goes to each of the places within reach, and to no other."""
    images = torch.zeros(4000, 1, 16, 16)
    images[:, :, 8, 8] = 1
    found = augment(images, "shift", generator(), shift).sum((0, 1))
    reached = torch.zeros(16, 16, dtype=torch.bool)
    reached[8 - shift : 9 + shift, 8 - shift : 9 + shift] = True
    assert torch.equal(found > 0, reached)


def test_noise_is_normal_with_a_deviation_of_its_own_for_each_image_and_cut() -> None:
    grey = torch.full((3000, 1, 10, 10), 0.5)
    before = grey.clone()
    found = augment(grey, "none", generator(2), noise=0.1)
    assert torch.equal(grey, before)
    deviations = found.std((1, 2, 3))
    # Uniform on [0, 0.1], each estimated from 100 pixels to about 7 %.
    assert deviations.min() < 0.001
    assert 0.095 < deviations.max() < 0.13
    assert deviations.mean().item() == pytest.approx(0.05, abs=5 * 0.1 / 12**0.5 / 3000**0.5)
    scaled = ((found - 0.5) / deviations[:, None, None, None])[deviations > 0.01]
    assert scaled.mean().item() == pytest.approx(0, abs=0.01)
    assert (scaled.abs() < 1).float().mean().item() == pytest.approx(0.683, abs=0.01)
    dark = augment(torch.zeros(50, 1, 10, 10), "none", generator(), noise=3.0)
    assert (dark.min(), dark.max()) == (0, 1)


def test_noise_comes_after_the_shift_and_leaves_its_numbers_alone() -> None:
    images = torch.rand(20, 2, 9, 9, generator=generator())
    moved_alone, noisy = (augment(images, "shift", generator(3), noise=noise) for noise in (0.0, 1e-6))
    assert not torch.equal(moved_alone, noisy)
    torch.testing.assert_close(moved_alone, noisy, atol=1e-5, rtol=0)


def test_a_shift_as_large_as_the_images_is_refused() -> None:
    with pytest.raises(DataError, match="shift: got 9, expected a whole number from 1 to 8"):
        module(shift=9)
    assert module(augmentation="none", shift=9)


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_noise_that_is_no_standard_deviation_is_refused(noise: float) -> None:
    with pytest.raises(DataError, match=f"noise: got {noise}, expected a standard deviation of at least 0"):
        module(noise=noise)


def test_none_is_the_identity_and_draws_nothing() -> None:
    images, source = torch.rand(4, 1, 8, 8), generator()
    assert augment(images, "none", source) is images
    assert torch.equal(source.get_state(), generator().get_state())


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    augment(torch.zeros(4, 1, 8, 8), "shift-flip", batch_generator(1, 2, 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_batch_has_numbers_of_its_own() -> None:
    """Neighbouring seeds, epochs and batches share none, nor does the first batch repeat those of the order."""
    seeds = [batch_generator(*place).initial_seed() for place in product(range(6), repeat=3)]
    assert len(set(seeds)) == len(seeds)
    for seed, epoch in product(range(3), repeat=2):
        same = torch.randperm(50, generator=batch_generator(seed, epoch, 0))
        assert not torch.equal(same, epoch_order(50, seed, epoch))


@pytest.mark.parametrize("kind", ["bogus", "", None, 3, "flip"])
def test_an_unknown_change_is_named(kind: str) -> None:
    known = "none, shift, shift-flip, affine"
    expected = f"^augmentation: got {kind!r}, expected one of {known}(; did you mean '(none|shift-flip)'\\?)?$"
    with pytest.raises(DataError, match=expected):
        augment(torch.zeros(2, 1, 8, 8), kind, generator())
    with pytest.raises(DataError, match=expected):
        module(augmentation=kind)


def split(count: int, seed: int) -> Split:
    """Images without a zero, so that one that was shifted is not what it was."""
    levels = torch.randint(1, 256, (count, 2, 9, 9), generator=generator(seed), dtype=torch.uint8)
    return Split(levels, torch.arange(count) % 3)


def module(**arguments) -> ImageDataModule:
    data = ImageData("toy", split(46, 0), split(11, 1), split(13, 2), ("a", "b", "c"))
    return ImageDataModule(data, **{"batch_size": 10, "augmentation": "shift-flip", **arguments})


def epoch(module: ImageDataModule, number: int) -> list[tuple[Tensor, Tensor]]:
    loader = module.train_dataloader()
    loader.sampler.set_epoch(number)
    return list(loader)


def same(one: list[tuple[Tensor, Tensor]], other: list[tuple[Tensor, Tensor]]) -> bool:
    return len(one) == len(other) and all(torch.equal(a[0], b[0]) for a, b in zip(one, other, strict=True))


def test_training_batches_are_the_plain_ones_changed_by_their_place() -> None:
    for seed, number in ((0, 0), (5, 0), (5, 3)):
        plain = epoch(module(augmentation="none", seed=seed), number)
        for at, (old, new) in enumerate(zip(plain, epoch(module(seed=seed), number), strict=True)):
            assert torch.equal(new[0], augment(old[0], "shift-flip", batch_generator(seed, number, at)))
            assert torch.equal(new[1], old[1])


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first = epoch(module(seed=1), 1)
    torch.rand(3)
    assert same(epoch(module(seed=1), 1), first)
    assert not same(epoch(module(seed=1), 2), first)
    assert not same(epoch(module(seed=2), 1), first)


def test_only_the_first_epochs_are_changed_where_their_number_is_given() -> None:
    some, every, plain = module(augmented_epochs=2), module(), module(augmentation="none")
    for number in range(4):
        assert same(epoch(some, number), epoch(every if number < 2 else plain, number))
    assert not same(epoch(some, 1), epoch(plain, 1))


@pytest.mark.parametrize("finished", [1, 3, 4])
def test_an_epoch_resumed_in_the_middle_goes_on_with_the_same_images(finished: int) -> None:
    killed = module().train_dataloader()
    killed.sampler.set_epoch(2)
    steps = iter(killed)
    seen = [next(steps) for _ in range(finished)]
    resumed = module().train_dataloader()
    resumed.load_state_dict(killed.state_dict())
    resumed.sampler.set_epoch(2)
    assert same([*seen, *resumed], epoch(module(), 2))


def test_images_to_evaluate_on_are_never_changed() -> None:
    changed = module(eval_batch_size=6)
    loaders = {
        "validation": (changed.val_dataloader(), changed.loader("validation")),
        "test": (changed.test_dataloader(), changed.predict_dataloader()),
        "train": (changed.loader("train"),),
    }
    for part, found in loaders.items():
        for loader in found:
            assert torch.equal(torch.cat([images for images, _ in loader]), changed.data.splits[part].floats())


def test_an_affine_map_turns_stretches_and_moves_as_written() -> None:
    height, width, shift = 6, 8, 2
    images = torch.rand(3, 2, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    found = augment(images, "affine", batch_generator(1, 2, 3), shift)
    draws = 2 * torch.rand((5, 3), generator=batch_generator(1, 2, 3), dtype=torch.double) - 1
    for number, (turn, wide, high, right, down) in enumerate(draws.T.tolist()):
        angle = math.radians(7) * turn
        for y in range(height):
            for x in range(width):
                # Pixels from the centre, stretched, then turned, then moved.
                dx, dy = (x - (width - 1) / 2) * (1 + 0.05 * wide), (y - (height - 1) / 2) * (1 + 0.05 * high)
                from_x = dx * math.cos(angle) - dy * math.sin(angle) + shift * right + (width - 1) / 2
                from_y = dx * math.sin(angle) + dy * math.cos(angle) + shift * down + (height - 1) / 2
                left, top = math.floor(from_x), math.floor(from_y)
                wanted = torch.zeros(2, dtype=torch.double)
                for row, column in product((top, top + 1), (left, left + 1)):
                    if 0 <= row < height and 0 <= column < width:
                        share = (1 - abs(from_y - row)) * (1 - abs(from_x - column))
                        wanted += share * images[number, :, row, column]
                torch.testing.assert_close(found[number, :, y, x], wanted, rtol=0, atol=1e-12)
