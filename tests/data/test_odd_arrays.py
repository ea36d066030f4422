"""Odd arrays and data sets: every layout and range that is plain is read, all others are one line."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import sqnn
from sqnn.data import DataError, ImageData

RANDOM = np.random.default_rng(1)
LEVELS = RANDOM.integers(0, 256, (40, 3, 6, 5), dtype=np.uint8)
LABELS = np.arange(40) % 4


def together(data: ImageData) -> np.ndarray:
    """All images in one array, sorted, to be compared whatever part they are in."""
    every = torch.cat([split.images.flatten(1) for split in data.splits.values()])
    return np.array(sorted(every.tolist()))


@given(
    layout=st.sampled_from(["first", "last"]),
    grey=st.booleans(),
    kind=st.sampled_from(["u1", "f4", "f8", "i8 in [0, 255]", "u2 in [0, 65535]", "f4 in [-1, 1]"]),
    torch_too=st.booleans(),
    seed=st.integers(0, 5),
)
def test_the_same_images_come_out_of_every_plain_form(
    layout: str, grey: bool, kind: str, torch_too: bool, seed: int
) -> None:
    levels = LEVELS[:, :1] if grey else LEVELS
    array = {
        "u1": levels,
        "f4": levels.astype("f4") / np.float32(255),
        "f8": levels / 255,
        "i8 in [0, 255]": levels.astype(np.int64),
        "u2 in [0, 65535]": levels.astype(np.uint16) * 257,
        "f4 in [-1, 1]": (levels / 127.5 - 1).astype("f4"),
    }[kind]
    stated = re.search(r"\[(.*), (.*)\]", kind)
    array = array.transpose(0, 2, 3, 1) if layout == "last" else array
    images: Any = torch.from_numpy(array.copy()) if torch_too else array
    value_range = None if stated is None else (float(stated[1]), float(stated[2]))
    data = ImageData.from_arrays(images, LABELS, value_range=value_range, seed=seed)
    assert [len(split) for split in data.splits.values()] == [29, 3, 8]
    assert data.train.max_level == 255
    np.testing.assert_array_equal(together(data), np.array(sorted(levels.reshape(40, -1).tolist())))


IMAGES = LEVELS[:, 0]
NOT = {"value_range": r"value_range: got None for .*state|value_range=\("}
ARRAYS: dict[str, tuple[tuple[Any, Any], dict[str, Any], str]] = {
    "levels 0..16": (
        (RANDOM.integers(0, 17, (40, 4, 4)), LABELS),
        {"value_range": (0, 16)},
        r"1x4x4 pixels, 4 classes",
    ),
    "truth values": ((IMAGES > 100, LABELS), {}, "1x6x5 pixels"),
    "labels as a column": ((IMAGES, LABELS[:, None]), {}, "4 classes"),
    "labels as floats": ((IMAGES, LABELS.astype(float)), {}, "4 classes"),
    "labels as names": ((IMAGES, np.array(["cat", "dog"] * 20)), {}, "2 classes"),
    "labels as objects": ((IMAGES, np.array(["cat", "dog"] * 20, object)), {}, "2 classes"),
    "labels as bytes": ((IMAGES, np.array([b"a", b"b"] * 20)), {}, "2 classes"),
    "labels from 1": ((IMAGES, LABELS + 1), {}, "4 classes"),
    "nested lists": ((IMAGES.tolist(), LABELS.tolist()), {"value_range": (0, 255)}, "1x6x5 pixels"),
    "many channels": ((np.eye(40, 546).reshape(40, 13, 6, 7), LABELS), {"layout": "NCHW"}, "13x6x7 pixels"),
    "gradients and half precision": (
        (torch.rand(40, 1, 6, 6, dtype=torch.bfloat16, requires_grad=True), torch.from_numpy(LABELS)),
        {},
        "1x6x6 pixels",
    ),
    "a test set of its own": ((IMAGES, LABELS), {"test": (IMAGES[:8], LABELS[:8])}, "train 36, validation 4, test 8"),
    "channels first or last": (
        (np.ones((40, 3, 6, 3)), LABELS),
        {},
        r"shape \(40, 3, 6, 3\), where the second or the last axis .*layout='NCHW', after .*permute\(0, 3, 1, 2\)",
    ),
    "no channels": ((np.ones((40, 6, 6, 7)), LABELS), {}, r"where no axis has 1 to 4 channels.*permute\(0, 3, 1, 2\)"),
    "flat": ((np.ones((40, 36)), LABELS), {}, r"images: got shape \(40, 36\).*reshape"),
    "floats to 255": ((IMAGES.astype(float), LABELS), {}, r"value_range: got None for float64 from .*\(0, 255\)"),
    "whole numbers": ((IMAGES.astype(int), LABELS), {}, r"value_range: got None for int64 .*value_range=\(0, 255\)"),
    "unsigned bytes to 16": (
        (RANDOM.integers(0, 17, (40, 4, 4), dtype=np.uint8), LABELS),
        {},
        r"no brighter than 16 of 255, expected .*value_range=\(0, 16\), or \(0, 255\)",
    ),
    "divided twice": ((IMAGES / 255 / 255, LABELS), {}, "no brighter than 0.0039.* of 1,"),
    "normalised": ((IMAGES / 255 - 0.5, LABELS), {}, "value_range: got None for float64 from -0.5"),
    "beyond the range": ((IMAGES, LABELS), {"value_range": (0, 100)}, "got values from .* expected 0 to 100"),
    "a range upside down": ((IMAGES, LABELS), {"value_range": (1, 0)}, r"value_range: got \(1, 0\)"),
    "NaN": ((np.where(IMAGES > 250, np.nan, 0.5), LABELS), {}, "NaN or infinite"),
    "complex": ((IMAGES * 1j, LABELS), {}, "images: got an array of complex128"),
    "objects": ((np.array([[{}]] * 40), LABELS), {}, "images: got an array of object"),
    "ragged": (([[1, 2], [3]], [0, 1]), {}, "images: not one array"),
    "no images": ((IMAGES[:0], LABELS[:0]), {}, r"images: got shape \(0, 6, 5\)"),
    "fewer labels": ((IMAGES, LABELS[:39]), {}, r"labels: got shape \(39,\) for 40 images"),
    "one-hot labels": ((IMAGES, np.eye(4)[LABELS]), {}, r"labels: got shape \(40, 4\).*argmax\(1\)"),
    "targets that are no classes": ((IMAGES, LABELS + 0.5), {}, "labels: got float64, expected class numbers"),
    "one class": ((IMAGES, LABELS * 0), {}, r"one class \('0'\), expected at least two"),
    "a class without a name": ((IMAGES, LABELS), {"classes": ("a", "b")}, "labels: got 3, expected 0 to 1"),
    "another name": (
        (IMAGES, ["a", "b"] * 20),
        {"classes": ("a", "c")},
        r"labels: got 'b', expected one of \['a', 'c'\]",
    ),
    "a class for test alone": ((IMAGES, LABELS), {"test": (IMAGES[:2], [7, 0])}, "class '7' is in test alone"),
    "more than there are": (
        (IMAGES, LABELS),
        {"validation": 40},
        "validation: got 40, expected .* from 0 to 31: of the 32 images",
    ),
    "a share above one": ((IMAGES, LABELS), {"test": 1.5}, "test: got 1.5, expected a share above 0 and below 1, or"),
    "all of them": ((IMAGES, LABELS), {"test": 1.0}, "test: got 1.0, expected a share above 0 and below 1, or"),
    "shares of all": (
        (IMAGES, LABELS),
        {"test": 0.7, "validation": 0.3},
        "validation: got 0.3 beside test 0.7, .* a share of all images, validation of the rest",
    ),
    "black": ((IMAGES * 0, LABELS), {}, "images: are 0 everywhere, expected pictures with something on them"),
    "white floats": ((np.ones((40, 8, 8)), LABELS), {"value_range": (0, 1)}, "images: are 1 everywhere, expected"),
    "black without labels for all": ((IMAGES * 0, LABELS[:-1]), {}, "labels: got shape .* for 40 images, expected one"),
    "no label": ((IMAGES, LABELS - 1), {}, "labels: got -1, which .* leave such images out: images.labels >= 0.,"),
    "no label beside classes": (
        (IMAGES, LABELS - 1),
        {"classes": ("a", "b", "c")},
        r"labels: got -1, expected 0 to 2 \(see classes\); leave images without a label out",
    ),
    "other sizes in test": (
        (IMAGES, LABELS),
        {"test": (IMAGES[:4, :4], LABELS[:4])},
        "test: got .*expected the same size",
    ),
}


@pytest.mark.parametrize(("given", "options", "expected"), ARRAYS.values(), ids=ARRAYS)
def test_an_array_is_read_or_one_line(given: tuple[Any, Any], options: dict[str, Any], expected: str) -> None:
    try:
        came = repr(ImageData.from_arrays(*given, **options))
    except DataError as error:
        came = str(error)
    assert re.search(expected, came), came
    assert len(came.splitlines()) == 1


def test_whole_numbers_up_to_255_stay_exact() -> None:
    bunch = load_digits()
    data = ImageData.from_arrays(bunch.images.astype(int), bunch.target, value_range=(0, 16), name="mine")
    assert (data.train.max_level, data.name, data.source["kind"]) == (16, "mine", "arrays")
    np.testing.assert_array_equal(together(data), np.array(sorted(bunch.data.astype(int).tolist())))


def test_labels_are_numbered_as_the_classes_say() -> None:
    names = ImageData.from_arrays(IMAGES, ["b", "a"] * 20, validation=0, test=0).classes
    assert names == ("a", "b")
    data = ImageData.from_arrays(IMAGES, ["b", "a"] * 20, classes=["b", "a"], validation=0, test=0)
    assert data.train.labels[:3].tolist() == [0, 1, 0]
    data = ImageData.from_arrays(IMAGES, LABELS % 2 * 2 - 1, validation=0.001, test=0.5)
    assert data.classes == ("-1", "1")
    assert [len(part) for part in data.splits.values()] == [19, 1, 20]
    data = ImageData.from_arrays(IMAGES, LABELS * 5 - 2, validation=0, test=0)
    assert data.classes == ("-2", "3", "8", "13")
    assert data.train.labels[:5].tolist() == [0, 1, 2, 3, 0]


class Pictures(Dataset):
    """Pictures as torchvision gives them without a transform."""

    classes = ("zero", "one", "two", "three")

    def __init__(self, change: Any = lambda picture: picture) -> None:
        self.change = change

    def __len__(self) -> int:
        return 40

    def __getitem__(self, number: int) -> tuple[Any, int]:
        return self.change(Image.fromarray(LEVELS[number].transpose(1, 2, 0))), int(LABELS[number])


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(Pictures())


SETS: dict[str, Any] = {
    "pictures": lambda: Pictures(),
    "tensors": lambda: TensorDataset(torch.from_numpy(LEVELS), torch.from_numpy(LABELS)),
    "scaled tensors": lambda: TensorDataset(torch.from_numpy(LEVELS).float() / 255, torch.from_numpy(LABELS)),
    "arrays": lambda: Pictures(np.asarray),
    "joined": lambda: ConcatDataset([Subset(Pictures(), range(20)), Subset(Pictures(), range(20, 40))]),
    "a stream": lambda: Stream(),
    "pairs": lambda: [(LEVELS[n], LABELS[n]) for n in range(40)],
}


@pytest.mark.parametrize("make", SETS.values(), ids=SETS)
def test_a_data_set_gives_the_same_images(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    data = ImageData.from_dataset(make())
    expected = ImageData.from_arrays(LEVELS, LABELS)
    assert data.fingerprint == expected.fingerprint
    assert "image" in capsys.readouterr().out or isinstance(make(), IterableDataset)
    assert sqnn.data.ImageData.from_dataset(Pictures(), progress=False, test=Pictures()).classes == Pictures.classes


@dataclasses.dataclass
class Sized:
    """Pictures of which the last is larger."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, number: int) -> tuple[Any, int]:
        return np.ones((4 + number // 2, 4)), number


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (DataLoader(Pictures()), "got a DataLoader, expected what it draws from: its .dataset"),
        ("mnist", "expected a torch Dataset"),
        (3, "expected a torch Dataset"),
        (Sized(), r"item 2 has shape \(1, 5, 4\), item 0 \(1, 4, 4\)"),
        ([], "gave no image"),
        ([3], r"item 0 is 3, expected a pair \(image, label\)"),
        ([{"image": 1}], "item 0 is .*expected a pair"),
        ([(np.ones(4), 1)], r"an image of shape \(4,\)"),
        ({"data": np.ones((4, 5)), "target": [0, 1, 0, 1]}, "5 values per image, which are no square"),
        ({"data": np.ones((4, 4))}, "expected a bunch with target"),
    ],
)
def test_what_is_no_data_set_is_one_line(dataset: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        ImageData.from_dataset(dataset, progress=False)
    assert len(str(caught.value).splitlines()) == 1


def test_a_bunch_has_images_or_squares() -> None:
    bunch = load_digits()
    data = ImageData.from_dataset(bunch, value_range=(0, 16))
    assert (data.image_size, data.classes) == ((8, 8), tuple("0123456789"))
    del bunch["images"]
    assert ImageData.from_dataset(bunch, value_range=(0, 16)).fingerprint == data.fingerprint
