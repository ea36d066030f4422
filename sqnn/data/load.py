"""`load_data`: from a data set's name to its three parts in memory."""

from __future__ import annotations

import difflib
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sqnn.data.errors import DataError, seed_number, whole_number
from sqnn.data.images import ImageData, Split
from sqnn.data.sources.catalogue import DATASETS, DIGIT_NAMES, IDX_FILES, SOURCES, Source
from sqnn.data.sources.cifar import Records, read_archive, read_batches
from sqnn.data.sources.download import fetch
from sqnn.data.sources.idx import read_idx
from sqnn.data.sources.locate import data_root, find_cifar, find_idx, search_folders
from sqnn.data.splitting import stratified_draw

DEFAULT_VALIDATION = 5_000  # images held out of an official training set of 50,000 or 60,000
DIGITS_LEVEL = 16  # scikit-learn's digits count the ink in 4x4 blocks, 0..16
DIGITS_TEST = 0.2
DIGITS_VALIDATION = 0.1


def load_data(
    name: str = "digits",
    data_dir: str | PathLike[str] | None = None,
    *,
    validation: int | None = None,
    split_seed: int = 0,
    download: bool = True,
) -> ImageData:
    """Load a named data set, split once and for all into train, validation and test.

    Args:
        name: one of `DATASETS`.
        data_dir: the folder that holds the files; else the environment's SQNN_DATA, else a per-user cache.
            `<data_dir>/<name>`, `<data_dir>/<name>/raw`, their torchvision spellings and `<data_dir>`
            itself are looked through in this order. The digits need none.
        validation: how many training images to hold out, stratified by class (5,000; for the digits 180, a
            tenth of all).
        split_seed: decides which images are held out and, for the digits, which fifth is the test set. The
            official test set of every other data set stays whole.
        download: fetch missing files from their official address.

    Raises:
        DataError: an argument is out of range, files are missing, or a file's content belies its name.
    """
    _require_known(name)
    generator = torch.Generator().manual_seed(seed_number("split_seed", split_seed))
    if name == "digits":
        everything = _digits()
        held_out, rest = stratified_draw(everything.labels, round(DIGITS_TEST * len(everything)), generator)
        learn, test, classes = everything.take(rest), everything.take(held_out), DIGIT_NAMES
        default = round(DIGITS_VALIDATION * len(everything))
    else:
        source = SOURCES[name]
        learn, test = _official(source, data_root(data_dir), download)
        classes, default = source.classes, DEFAULT_VALIDATION
    count = whole_number("validation", default if validation is None else validation, 0, len(learn) - 1)
    chosen, kept = stratified_draw(learn.labels, count, generator)
    return ImageData(name, learn.take(kept), learn.take(chosen), test, classes)


def _require_known(name: str) -> None:
    if name in DATASETS:
        return
    near = difflib.get_close_matches(str(name).lower(), DATASETS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise DataError(f"name: got {name!r}, expected one of {', '.join(DATASETS)}{hint}")


def _digits() -> Split:
    from sklearn.datasets import load_digits  # slow to import, and needed by this data set only

    bunch = load_digits()
    images = torch.from_numpy(bunch.images.astype(np.uint8)).unsqueeze(1)
    return Split(images, torch.from_numpy(bunch.target.astype(np.int64)), DIGITS_LEVEL)


def _official(source: Source, root: Path, download: bool) -> tuple[Split, Split]:
    folders = search_folders(root, source)
    if source.name == "cifar10":
        place = find_cifar(folders)
        if place is None:
            fetch(source, folders[0], folders, download)
            place = folders[0] / next(iter(source.downloads))
        train, test = read_batches(place) if place.is_dir() else read_archive(place)
        return _split(*train), _split(*test)
    paths = find_idx(folders)
    if paths is None:
        fetch(source, folders[0], folders, download)
        paths = find_idx(folders[:1])
        if paths is None:
            raise DataError(f"{folders[0]}: lacks some of {', '.join(IDX_FILES)} even after downloading them")
    return _idx_splits(paths, len(source.classes))


def _idx_splits(paths: tuple[Path, ...], num_classes: int) -> tuple[Split, Split]:
    (train, train_file), (test, test_file) = (
        (_idx_pair(paths[at], paths[at + 1], num_classes), paths[at]) for at in (0, 2)
    )
    came, expected = test[0].shape[2:], train[0].shape[2:]
    if came != expected:
        raise DataError(f"{test_file}: images of {came} pixels, expected {expected} as in {train_file}")
    return _split(*train), _split(*test)


def _idx_pair(image_file: Path, label_file: Path, num_classes: int) -> Records:
    images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
    if len(images) != len(labels):
        raise DataError(f"{label_file}: {len(labels):,} labels, expected {len(images):,} as in {image_file}")
    if int(labels.max()) >= num_classes:
        raise DataError(f"{label_file}: has label {labels.max()}, expected 0 to {num_classes - 1}")
    return images[:, np.newaxis], labels


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    writable = np.require(images, requirements=["C", "W"])
    return Split(torch.from_numpy(writable), torch.from_numpy(labels.astype(np.int64)))
