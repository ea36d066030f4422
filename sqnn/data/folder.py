"""Folders of pictures, one for each class, perhaps in folders for training, validation and test."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sqnn.core import brief, sweep_progress
from sqnn.data.arrays import natural
from sqnn.data.errors import DataError

PARTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("train", "training"), "train"),
        **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
        **dict.fromkeys(("test", "testing"), "test"),
    }
)
"""What folders and files of each part are called."""
LEFT_BY_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""Names of what an operating system leaves in folders; hidden files are the others."""
CHANNELS = (1, 3)
"""Of grey pictures, and of those in red, green and blue."""
MOST_BYTES = 2**33
"""Bytes that all pictures of a folder may come to in memory: 8 GiB."""
PICTURES = frozenset(
    f".{suffix}" for suffix in ["png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "ppm", "pgm", "pbm", "ico"]
)
Labelled = list[tuple[Path, int]]


def read_folder(
    path: Path,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    classes: Sequence[str] | None = None,
    progress: bool = False,
) -> tuple[dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]], tuple[str, ...]]:
    """Return images [N, C, H, W] and labels by part, and the names of the classes.

    `size` is (height, width), that of the pictures where it is None and they have one; `channels` is 1 or 3, by whether
    any picture has colour where it is None. `classes` are the names that the folders may have, in their order. Raises
    DataError where folders or pictures are not as expected.
    """
    if channels not in (None, *CHANNELS):
        raise DataError(f"channels: got {brief(channels)}, expected 1 (grey) or 3 (red, green, blue)")
    files, names = labelled_files(path, classes, "picture", PICTURES)
    total = sum(map(len, files.values()))
    with sweep_progress(total, progress, noun="picture") as tick:
        images = {part: _read(labelled, size, channels, total, tick) for part, labelled in files.items()}
    _check_sizes(images, files)
    if channels is None and all(_grey(each) for each in images.values()):
        images = {part: each[:, :1] for part, each in images.items()}
    labels = {part: np.array([label for _, label in labelled], np.int64) for part, labelled in files.items()}
    return {part: (images[part], labels[part]) for part in files}, names


def labelled_files(
    path: Path, classes: Sequence[str] | None, what: str, suffixes: Collection[str]
) -> tuple[dict[str, Labelled], tuple[str, ...]]:
    """Return the files of each part with their class numbers, and the names of the classes.

    `what` is one of them, in a word, `suffixes` are the usual ends of their names, and `classes` those of the folders.
    """
    parts = _parts(path)
    if classes is None:
        folders = parts.get("train", path)
        classes = sorted((_plain(folder) for folder in _folders(folders)), key=natural)
        _check_names(folders, classes, what)
    return {part: _files(folder, classes, what, suffixes) for part, folder in parts.items()}, tuple(classes)


def entries(path: Path) -> list[Path]:
    """Return what a folder holds, in order, but for hidden files and what operating systems leave there."""
    try:
        found = sorted(path.iterdir())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check who may read it") from error
    return [entry for entry in found if not entry.name.startswith(".") and entry.name.lower() not in LEFT_BY_SYSTEMS]


def picture_files(path: Path) -> list[Path]:
    """Return the files in a folder, in order; DataError where it holds none, or folders."""
    inside = entries(path)
    nested = next((each for each in inside if each.is_dir()), None)
    if nested is not None:
        raise DataError(f"{path}: holds the folder {nested.name}, expected pictures alone; name the folders one by one")
    if not inside:
        raise DataError(f"{path}: holds no pictures, expected at least one")
    return inside


def _folders(path: Path) -> list[Path]:
    return [entry for entry in entries(path) if entry.is_dir()]


def _plain(folder: Path) -> str:
    """Return the name of a folder as text that every system spells the same."""
    name = folder.name.encode(errors="replace").decode()
    return unicodedata.normalize("NFC", name)


def _parts(path: Path) -> dict[str, Path]:
    """Return the folder of each part; that of "train" alone where the folders in `path` are classes."""
    folders = _folders(path)
    named: dict[str, Path] = {}
    for folder in folders:
        part = PARTS.get(folder.name.lower())
        # A class may be called train too; its folder holds pictures and no folders.
        if part is None or not _folders(folder):
            continue
        if part in named:
            raise DataError(f"{path}: has {named[part].name} and {folder.name}, which both mean {part}; keep one")
        named[part] = folder
    if not named:
        return {"train": path}
    others = [folder.name for folder in folders if folder not in named.values()]
    if others:
        raise DataError(
            f"{path}: has {brief(others)} beside {named[next(iter(named))].name}, expected folders of classes, or "
            "train, validation and test with such folders in each"
        )
    if "train" not in named:
        raise DataError(f"{path}: has {', '.join(f.name for f in folders)} and no train, expected train with it")
    return named


def _check_names(path: Path, classes: Sequence[str], what: str) -> None:
    """Raise DataError where there are fewer than two classes, or two that differ in case alone."""
    spelled: dict[str, str] = {}
    for name in classes:
        if spelled.setdefault(name.casefold(), name) != name or list(classes).count(name) > 1:
            raise DataError(f"{path}: has the classes {spelled[name.casefold()]!r} and {name!r}; rename or join them")
    if len(classes) >= 2:
        return
    inside = _folders(path / classes[0]) if classes else []
    if len(inside) > 1:
        raise DataError(f"{path}: holds one folder, which holds {len(inside)}; name it: {path / classes[0]}")
    held = f"one class ({classes[0]!r})" if classes else "no folder"
    raise DataError(f"{path}: holds {held}, expected a folder of {what}s for each of two or more classes")


def _files(path: Path, classes: Sequence[str], what: str, suffixes: Collection[str]) -> Labelled:
    """Return the files of one part with their class numbers; DataError where something else is there."""
    place = {name: number for number, name in enumerate(classes)}
    labelled: Labelled = []
    for entry in entries(path):
        if not entry.is_dir():
            if entry.suffix.lower() in suffixes:
                raise DataError(f"{entry}: a {what} outside the folders of classes; move it into that of its class")
            continue
        name = _plain(entry)
        if name not in place:
            raise DataError(f"{entry}: got the class {name!r}, expected one of {brief(list(classes))}")
        inside = entries(entry)
        nested = next((each for each in inside if each.is_dir()), None)
        if nested is not None:
            raise DataError(f"{nested}: a folder in that of a class, expected {what}s; move them up into {entry}")
        if not inside:
            raise DataError(f"{entry}: holds no {what}s; add some, or remove the folder")
        labelled += [(file, place[name]) for file in inside]
    if not labelled:
        raise DataError(f"{path}: holds no folder of {what}s, expected one for each class")
    return labelled


def _read(
    labelled: Labelled, size: tuple[int, int] | None, channels: int | None, total: int, tick: Callable[[str], None]
) -> NDArray[np.uint8]:
    """Return the pictures as [N, C, H, W], of `size` or else of that of the first."""
    from sqnn.data.pictures import read_picture  # Pillow is loaded by the first picture

    images: NDArray[np.uint8] | None = None
    for number, (file, _) in enumerate(labelled):
        levels = read_picture(file, channels or 3, size)
        if images is None:
            if total * levels.size > MOST_BYTES:
                room = f"{total * levels.size / 2**30:,.0f} GiB"
                raise DataError(f"size: {total:,} pictures as large as {file} take {room}; give a smaller size")
            images = np.empty((len(labelled), *levels.shape), np.uint8)
        if levels.shape != images.shape[1:]:
            raise _other_size(file, levels.shape, labelled[0][0], images.shape[1:])
        images[number] = levels
        tick(file.name)
    if images is None:
        raise DataError("images: got none, expected at least one")
    return images


def _check_sizes(images: Mapping[str, NDArray[np.uint8]], files: Mapping[str, Labelled]) -> None:
    """Raise DataError where the parts have pictures of different sizes."""
    for part, each in images.items():
        if each.shape[1:] != images["train"].shape[1:]:
            raise _other_size(files[part][0][0], each.shape[1:], files["train"][0][0], images["train"].shape[1:])


def _other_size(file: Path, shape: Sequence[int], first: Path, expected: Sequence[int]) -> DataError:
    sizes = f"{shape[1]}x{shape[2]} pixels, but {first} {expected[1]}x{expected[2]}"
    return DataError(f"size: got None, and {file} has {sizes} (height x width); give a size, such as 32x32")


def _grey(images: NDArray[np.uint8]) -> bool:
    return bool((images == images[:, :1]).all())
