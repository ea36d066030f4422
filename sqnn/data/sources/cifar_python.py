"""CIFAR-10, CIFAR-100 and their like in Python's form: pickled batches of rows, three colour planes each."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnn.core import brief
from sqnn.data.errors import DataError, reason
from sqnn.data.sources.archives import MAX_MEMBER, archived
from sqnn.data.sources.pickles import read_pickle

TEN, HUNDRED = ("cifar-10-batches-py", "cifar-10-python"), ("cifar-100-python", "cifar-100-python")
"""The names of the folder of batches and, without its suffix, of the official archive."""
BATCHES = MappingProxyType(
    {
        TEN: (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"),
        HUNDRED: ("train", "test", "meta"),
    }
)
"""The files of each: what is to learn from, the test images, the names."""
LABELS = ("labels", "fine_labels")
NAMES = ("label_names", "fine_label_names")
Pair = tuple[NDArray[np.uint8], NDArray[np.int64]]


def pickled(place: Path, form: tuple[str, str]) -> tuple[Path, ...] | None:
    """Return the folder of batches or the archive at or in `place`, None where there is none of this form."""
    archive = f"{form[1]}.tar.gz"
    if place.is_file():
        return (place,) if place.name == archive else None
    for folder in (place / form[0], place):
        if all((folder / name).is_file() for name in BATCHES[form]):
            return (folder,)
    return (place / archive,) if (place / archive).is_file() else None


def read_pickled(place: Path) -> tuple[dict[str, Pair], tuple[str, ...]]:
    """Return images [N, 3, H, W] and labels by part, and the names of the classes, from what `pickled` returned.

    Nothing that a pickle names is imported or called. Raises DataError where a file is no such batch.
    """
    form = next(form for form in (TEN, HUNDRED) if pickled(place, form) is not None)
    files = BATCHES[form]
    if place.is_dir():
        contents = {name: _content(place / name) for name in files}
    else:
        contents = dict(archived(place, {f"{form[0]}/{name}": name for name in files}))
        missing = [name for name in files if name not in contents]
        if missing:
            raise DataError(f"{place}: lacks {', '.join(missing)}; fetch it again")
    *train, test, meta = files
    pairs = [_batch(place / name, contents.pop(name)) for name in (*train, test)]
    names = _known(place / meta, contents.pop(meta), NAMES)
    if not isinstance(names, list) or not all(isinstance(name, str | bytes) for name in names):
        raise DataError(f"{place / meta}: got the names {brief(names)}, expected one for each class")
    classes = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names)
    learn = np.concatenate([pair[0] for pair in pairs[:-1]]), np.concatenate([pair[1] for pair in pairs[:-1]])
    for images, labels in (learn, pairs[-1]):
        if images.shape[1:] != learn[0].shape[1:]:
            raise DataError(f"{place}: has images of several sizes, expected one")
        if not len(labels) or labels.min() < 0 or labels.max() >= len(classes):
            raise DataError(f"{place}: has labels outside 0 to {len(classes) - 1}, the number of names in {meta}")
    return {"train": learn, "test": pairs[-1]}, classes


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_MEMBER:
            raise DataError(f"{path}: holds more than the whole data set; fetch it again")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error


def _known(path: Path, data: bytes, names: tuple[str, ...]) -> Any:
    values = read_pickle(path, data)
    if not isinstance(values, dict):
        raise DataError(f"{path}: got {brief(values)}, expected a mapping with {names[0]}")
    return next((values[name] for name in names if name in values), None)


def _batch(path: Path, data: bytes) -> Pair:
    images, labels = _known(path, data, ("data",)), _known(path, data, LABELS)
    side = round((images.shape[1] / 3) ** 0.5) if isinstance(images, np.ndarray) and images.ndim == 2 else 0
    if not side or images.dtype != np.uint8 or images.shape[1] != 3 * side * side:
        raise DataError(f"{path}: got {brief(images)} as data, expected rows of unsigned bytes, three planes each")
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 2**31 for label in labels):
        raise DataError(f"{path}: got {brief(labels)} as labels, expected class numbers")
    if len(labels) != len(images):
        raise DataError(f"{path}: {len(labels):,} labels, expected {len(images):,}, one for each image")
    return images.reshape(-1, 3, side, side), np.array(labels, np.int64)
