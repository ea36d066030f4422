"""Planted images: the left half is the labelled image, the right half another one that says nothing of the label."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sqnn.data import DataError, ImageData, load_data, planted_half, planted_set


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data("digits")


def test_each_half_is_an_image_and_the_left_one_the_label(digits: ImageData) -> None:
    planted = planted_set(digits)
    for name, part in planted.splits.items():
        left, right = part.images.split(8, dim=-1)
        own = digits.splits[name]
        assert torch.equal(left, own.images)
        assert torch.equal(part.labels, own.labels)
        # Every image stands on the right exactly once, and none beside itself.
        rows = {bytes(image.flatten().tolist()) for image in own.images}
        assert {bytes(image.flatten().tolist()) for image in right} == rows
        assert torch.equal(right.float().mean(0), own.images.float().mean(0))
        assert not (left == right).flatten(1).all(1).any()


def test_the_right_half_says_nothing_of_the_label(digits: ImageData) -> None:
    """The label of the right image agrees with that of the left one about as often as by chance."""
    known = {bytes(i.flatten().tolist()): int(n) for i, n in zip(digits.train.images, digits.train.labels, strict=True)}
    part = planted_set(digits).train
    other = torch.tensor([known[bytes(image[..., 8:].flatten().tolist())] for image in part.images])
    assert abs(float((other == part.labels).double().mean()) - 0.1) < 4 * (0.09 / len(other)) ** 0.5


def test_the_half_that_counts_is_known(digits: ImageData) -> None:
    half = planted_half(planted_set(digits))
    assert half is not None
    assert half.tolist() == [[True] * 8 + [False] * 8] * 8
    assert planted_half(digits) is None
    # A name is no truth, and a part of planted images is planted.
    flowers = ImageData("planted-flowers", digits.train, digits.validation, digits.test, digits.classes)
    assert planted_half(flowers) is None
    renamed = dataclasses.replace(planted_set(digits), name="pairs", test=planted_set(digits).test.take(slice(5)))
    kept = planted_half(renamed)
    assert kept is not None
    assert torch.equal(kept, half)


def test_the_same_pairs_every_time(digits: ImageData) -> None:
    assert planted_set(digits).fingerprint == planted_set(digits).fingerprint


@pytest.mark.parametrize("folder", ["mnist", "elsewhere"])
def test_files_of_mnist_are_enough(tmp_path: Path, folder: str, write_mnist: Callable[..., Path]) -> None:
    write_mnist(tmp_path / folder)
    data = load_data("planted", tmp_path / folder, download=False, validation=1)
    plain = load_data("mnist", tmp_path / folder, download=False, validation=1)
    width = plain.image_size[1]
    assert data.name == "planted"
    assert planted_half(plain) is None
    half = planted_half(data)
    assert half is not None
    assert half.all(0).tolist() == [True] * width + [False] * width
    assert torch.equal(data.test.images[..., :width], plain.test.images)
    assert torch.equal(data.test.labels, plain.test.labels)
    assert data.source == {**(plain.source or {}), "name": "planted"}


def test_recordings_are_refused() -> None:
    frames = torch.zeros(4, 3, 2, 5, 5, dtype=torch.uint8)
    from sqnn.data import Split

    split = Split(frames, torch.tensor([0, 1, 0, 1]))
    with pytest.raises(DataError, match="data: got recordings of r, expected images"):
        planted_set(ImageData("r", split, split, split, ("a", "b")))
