"""A user's own images in files: which reader takes a path, and the image set that it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sqnn.core import brief
from sqnn.data.arrays import CHANNELS_FIRST, Pair, assemble
from sqnn.data.errors import DataError, MissingDataError, user_path, whole_number
from sqnn.data.folder import read_folder
from sqnn.data.images import ImageData, with_source
from sqnn.data.sources.cifar_python import HUNDRED, TEN, pickled, read_pickled
from sqnn.data.sources.idx import read_idx_set
from sqnn.data.sources.idx_names import idx_files, named
from sqnn.data.sources.npz import read_npz

MOST_SIDE = 4096
"""Pixels of the longest side that pictures are resized to."""


@dataclass(frozen=True)
class Contents:
    """What a reader found: images and labels by part, and what else the files say."""

    parts: Mapping[str, Pair]
    classes: Sequence[str] | None = None
    value_range: object = (0, 255)
    layout: str | None = CHANNELS_FIRST


def _npz(path: Path) -> Contents | None:
    if not path.is_file() or path.suffix.lower() != ".npz":
        return None
    parts, classes, value_range = read_npz(path)
    return Contents(parts, classes, value_range, None)


def _idx(path: Path) -> Contents | None:
    found = named(path.name) is not None if path.is_file() else bool(idx_files(path))
    return Contents(read_idx_set(path)) if found else None


def _cifar(path: Path) -> Contents | None:
    place = pickled(path, TEN) or pickled(path, HUNDRED)
    return None if place is None else Contents(*read_pickled(place[0]))


READERS: Mapping[str, Callable[[Path], Contents | None]] = MappingProxyType(
    {"npz": _npz, "idx": _idx, "cifar-python": _cifar}
)
"""Readers of files by kind; each returns None for what is none of its kind."""
FOLDER = "folder"


def load_own(
    path: object,
    kinds: Sequence[str] = (*READERS, FOLDER),
    *,
    size: object = None,
    channels: int | None = None,
    classes: Sequence[str] | None = None,
    validation: object = None,
    test: object = None,
    seed: int = 0,
    progress: bool = False,
) -> ImageData:
    """Return the images at `path` in their three parts, with where they came from.

    The first of `kinds` that knows the path reads it. `classes` are the names that folders of
    pictures may have, in their order; files have their own.
    """
    place = user_path("path", path)
    if not place.exists():
        raise MissingDataError(f"path: nothing at {str(place)!r}; check the spelling and the current folder")
    shape = image_size(size)
    for kind in kinds:
        contents = _pictures(place, shape, channels, classes, progress) if kind == FOLDER else READERS[kind](place)
        if contents is not None:
            break
    else:
        wanted = {FOLDER: "a folder of pictures by class", "npz": ".npz", "idx": "IDX files", "cifar-python": "CIFAR"}
        raise DataError(f"path: got {str(place)!r}, expected {', '.join(wanted[kind] for kind in kinds)}")
    where = place.absolute()
    data = assemble(
        where.resolve().name or "images",
        contents.parts,
        classes=contents.classes,
        value_range=contents.value_range,
        layout=contents.layout,
        validation=validation,
        test=test,
        seed=seed,
    )
    _check_fit(place, data, shape, channels)
    given = {"validation": validation, "test": test, "seed": seed or None, "channels": channels}
    options = {"size": None if shape is None else list(shape), **given}
    stored = {name: value for name, value in options.items() if value is not None}
    return with_source(
        data, {"name": data.name, "kind": kind, "path": str(where), **stored, "classes": list(data.classes)}
    )


def image_size(size: object) -> tuple[int, int] | None:
    """Return height and width, of one number for both; DataError where they are no sizes."""
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2:
        raise DataError(f"size: got {brief(size)}, expected (height, width) in pixels")
    height, width = (whole_number("size", side, 1, MOST_SIDE) for side in sides)
    return height, width


def _pictures(
    path: Path, size: tuple[int, int] | None, channels: int | None, classes: Sequence[str] | None, progress: bool
) -> Contents | None:
    if not path.is_dir():
        return None
    return Contents(*read_folder(path, size, channels, classes, progress))


def _check_fit(path: Path, data: ImageData, size: tuple[int, int] | None, channels: int | None) -> None:
    """Raise DataError where images have another size or other channels than asked for."""
    if size not in (None, data.image_size):
        held = "{}x{}".format(*data.image_size)
        raise DataError(f"size: got {brief(size)}, but the images of {path} are {held}; only pictures are resized")
    if channels not in (None, data.in_channels):
        raise DataError(f"channels: got {channels}, but the images of {path} have {data.in_channels}")
