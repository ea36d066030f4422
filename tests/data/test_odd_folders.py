"""Odd folders of pictures: the classes and parts that were meant, or one line."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import sqnn
from sqnn.data import DataError, ImageData


def draw(path: Path, number: int, size: tuple[int, int] = (6, 5), colour: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(number)
    Image.fromarray(random.integers(0, 256, (*size, 3) if colour else size, dtype=np.uint8)).save(path)


def fill(root: Path, *places: str, count: int = 10, **options: object) -> Path:
    for place in places:
        for number in range(count):
            draw(root / place / f"{number}.png", zlib.crc32(place.encode()) + number, **options)
    return root


def _noise(root: Path) -> None:
    fill(root, "cat", "dog")
    for name in (".DS_Store", "Thumbs.db", ".hidden.png", "._0.png"):
        (root / "cat" / name).write_bytes(b"x")
    for name in (".git", "__MACOSX"):
        (root / name).mkdir()
    (root / "README.txt").write_text("two animals")


def _sizes(root: Path) -> None:
    fill(root, "cat", "dog")
    draw(root / "dog" / "9.png", 1, (9, 9))


def _with(*places: str, write: Callable[[Path], object] = lambda root: None) -> Callable[[Path], object]:
    def make(root: Path) -> None:
        fill(root, *places)
        write(root)

    return make


def _broken(root: Path) -> None:
    (root / "dog" / "3.png").write_bytes((root / "dog" / "3.png").read_bytes()[:40])


def _colour(root: Path) -> None:
    draw(root / "dog" / "0.png", 5, colour=True)


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "two classes": (_with("cat", "dog"), r"train 14, validation 2, test 4; 1x6x5 pixels, 2 classes"),
    "colour in one picture": (_with("cat", "dog", write=_colour), "3x6x5 pixels"),
    "train and test": (
        _with("train/cat", "train/dog", "test/cat", "test/dog"),
        r"train 18, validation 2, test 20;",
    ),
    "Training, val, TEST": (
        _with("Training/cat", "Training/dog", "val/cat", "val/dog", "TEST/cat"),
        r"train 20, validation 20, test 10;",
    ),
    "a class called train": (_with("train", "bus"), "2 classes"),
    "hidden files and what systems leave": (_noise, r"train 14, validation 2, test 4"),
    "numbers": (_with("2", "10", "1"), "3 classes"),
    "one class": (_with("cat"), r"holds one class \('cat'\), expected a folder of pictures for each of two"),
    "pictures without classes": (_with("."), "holds no folder"),
    "nothing": (lambda root: None, "holds no folder"),
    "an empty class": (_with("cat", write=lambda root: (root / "dog").mkdir()), "dog: holds no pictures; add some"),
    "nested": (_with("cat/big", "cat/small", "dog"), "big: a folder in that of a class.*move them up"),
    "one folder too high": (_with("set/cat", "set/dog"), r"holds one folder, which holds 2; name it: .*set"),
    "a picture beside the classes": (
        _with("cat", "dog", write=lambda root: draw(root / "loose.png", 1)),
        r"loose\.png: a picture outside the folders",
    ),
    "unreadable": (_with("cat", "dog", write=_broken), r"dog/3\.png: not a readable image"),
    "a text among pictures": (
        _with("cat", "dog", write=lambda root: (root / "cat" / "notes.txt").write_text("x")),
        r"notes\.txt: not a readable image",
    ),
    "a broken link": (
        _with("cat", "dog", write=lambda root: (root / "cat" / "gone.png").symlink_to("nowhere")),
        r"gone\.png: not a file",
    ),
    "a pipe": (_with("cat", "dog", write=lambda root: os.mkfifo(root / "cat" / "pipe.png")), r"pipe\.png: not a file"),
    "Cat and cat": (_with("cat", "Cat"), r"has the classes 'Cat' and 'cat'; rename or join them"),
    "train and training": (_with("train/a", "train/b", "training/a", "training/b"), "which both mean train; keep one"),
    "train beside a class": (_with("train/a", "train/b", "cat"), r"has \['cat'\] beside train"),
    "test without train": (_with("test/a", "test/b"), "has test and no train"),
    "another class in test": (_with("train/a", "train/b", "test/c"), r"test/c: got the class 'c', expected one of"),
    "several sizes": (_sizes, r"size: got None, and .*9\.png has 9x9 pixels, but .* 6x5 .*give a size"),
}


@pytest.mark.parametrize(("make", "expected"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_is_read_or_one_line(tmp_path: Path, make: Callable[[Path], object], expected: str) -> None:
    make(tmp_path)
    try:
        came = repr(ImageData.from_folder(tmp_path))
    except DataError as error:
        came = str(error)
        assert str(tmp_path) in came
    assert re.search(expected, came), came
    assert len(came.splitlines()) == 1


def test_levels_classes_and_parts_are_those_of_the_files(tmp_path: Path) -> None:
    fill(tmp_path, "train/10", "train/2", "test/2", count=4)
    data = ImageData.from_folder(tmp_path, validation=0)
    assert data.classes == ("2", "10")
    assert data.train.labels.tolist() == [1] * 4 + [0] * 4  # in the order of the folders' names
    for part, place, at in (("train", "train/10", 0), ("train", "train/2", 4), ("test", "test/2", 0)):
        for number in range(4):
            pixels = np.asarray(Image.open(tmp_path / place / f"{number}.png"))
            np.testing.assert_array_equal(data.splits[part].images[at + number, 0].numpy(), pixels)


def test_size_and_channels_are_as_asked(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b", count=4)
    draw(tmp_path / "a" / "0.png", 3, (20, 30), colour=True)
    data = sqnn.load_data(tmp_path, size=(4, 7), channels=1)
    assert data.train.images.shape[1:] == (1, 4, 7)
    assert data.source["size"] == [4, 7]
    assert sqnn.load_data(tmp_path, size=8).in_channels == 3


def test_parts_are_drawn_by_the_seed_in_proportion(tmp_path: Path) -> None:
    fill(tmp_path, "a", count=30)
    fill(tmp_path, "b", count=10)
    one, same, other = (ImageData.from_folder(tmp_path, seed=seed) for seed in (3, 3, 4))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.test.labels.bincount().tolist() == [6, 2]
    every = torch.cat([split.images.flatten(1) for split in one.splits.values()])
    assert len(every.unique(dim=0)) == 40
    shares = ImageData.from_folder(tmp_path, validation=0.5, test=4)
    assert [len(split) for split in shares.splits.values()] == [18, 18, 4]


def test_a_source_is_read_again_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "mine", "a", "b")
    monkeypatch.chdir(tmp_path)
    data = sqnn.load_data("mine", size=4, split_seed=5, validation=3)
    assert (data.name, data.source["kind"], data.source["classes"]) == ("mine", "folder", ["a", "b"])
    monkeypatch.chdir("/")
    again = sqnn.data.load_source(data.source)
    assert again.fingerprint == data.fingerprint
    (tmp_path / "mine").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"nothing at .*mine.*--data PATH"):
        sqnn.data.load_source(data.source)
    assert sqnn.data.load_source(data.source, path=tmp_path / "moved").fingerprint == data.fingerprint
