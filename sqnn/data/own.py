"""A user's own images and recordings: which reader takes a path, and the image set that it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqnn.core import brief
from sqnn.data.arrays import CHANNELS_FIRST, RECORDINGS, Pair, assemble
from sqnn.data.errors import DataError, MissingDataError, user_path, whole_number
from sqnn.data.events import Framing, event_pair, event_parts, framing_from, holds_events
from sqnn.data.folder import read_folder
from sqnn.data.sources import HUNDRED, TEN, idx_files, named, pickled, read_idx_set, read_npz, read_pickled
from sqnn.data.split import SPLITS, SetParts, Split

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
FOLDER, EVENTS = "folder", "events"
WANTED: Mapping[str, str] = MappingProxyType(
    {
        FOLDER: "a folder of pictures by class",
        EVENTS: "a folder of event recordings by class",
        "npz": ".npz",
        "idx": "IDX files",
        "cifar-python": "CIFAR",
    }
)
"""Kinds in words."""
KINDS = (*READERS, EVENTS, FOLDER)
"""All kinds of what a path may hold, in the order in which they are tried."""


def load_own(
    path: object,
    kinds: Sequence[str] = KINDS,
    *,
    size: object = None,
    channels: int | None = None,
    classes: Sequence[str] | None = None,
    validation: object = None,
    test: object = None,
    seed: int = 0,
    progress: bool = False,
    **framing: Any,
) -> SetParts:
    """Return the images at `path` in their three parts, with where they came from.

    The first of `kinds` that knows the path reads it. `classes` are the names that folders of
    pictures may have, in their order; files have their own. `framing` are fields of `Framing`, for recordings alone.
    """
    place = user_path("path", path)
    if not place.exists():
        raise MissingDataError(f"path: nothing at {str(place)!r}; check the spelling and the current folder")
    shape = image_size(size)
    frames = framing_from(framing)
    special: Mapping[str, Callable[[Path], Contents | None]] = {
        EVENTS: lambda path: _recordings(path, frames, shape, classes, progress),
        FOLDER: lambda path: _pictures(path, shape, channels, classes, progress),
    }
    for kind in kinds:
        contents = {**READERS, **special}[kind](place)
        if contents is not None:
            break
    else:
        raise DataError(f"path: got {str(place)!r}, expected {', '.join(WANTED[kind] for kind in kinds)}")
    if framing and kind != EVENTS:
        option, value = next(iter(framing.items()))
        raise DataError(
            f"{option}: got {brief(value)} for {str(place)!r}, which holds no event recordings; leave it out"
        )
    where = place.absolute()
    splits, names = assemble(
        contents.parts,
        classes=contents.classes,
        value_range=contents.value_range,
        layout=contents.layout,
        validation=validation,
        test=test,
        seed=seed,
    )
    _check_fit(place, splits["train"], shape, channels)
    given = {"validation": validation, "test": test, "seed": seed or None, "channels": channels}
    options = {"size": None if shape is None else list(shape), **given}
    if kind == EVENTS:
        options |= frames.to_dict()
    stored = {name: value for name, value in options.items() if value is not None}
    name = where.resolve().name or "images"
    described = {"name": name, "kind": kind, "path": str(where), **stored, "classes": list(names)}
    return SetParts(name, splits, names, described, tuple(part for part in SPLITS if part not in contents.parts))


def load_events(
    recordings: object,
    labels: object,
    size: object,
    classes: Sequence[str] | None,
    validation: object,
    test: object,
    seed: int,
    name: str,
    progress: bool,
    framing: Mapping[str, Any],
) -> SetParts:
    """Return recordings at a path or in memory as an image set, as `ImageData.from_events` says."""
    drawn: dict[str, Any] = {"classes": classes, "seed": seed}
    if isinstance(recordings, str | PathLike):
        if labels is not None:
            raise DataError("labels: got some beside a path, expected none: the folders of a path are the classes")
        shape_and_parts: dict[str, Any] = {"size": size, "validation": validation, "test": test}
        return load_own(recordings, (EVENTS,), progress=progress, **drawn, **shape_and_parts, **framing)
    frames, shape = framing_from(framing), image_size(size)
    pair, names = event_pair("recordings", recordings, labels, frames, shape, progress)
    parts: dict[str, Pair] = {"train": pair}
    asked = {"validation": validation, "test": test}
    for part, given in asked.items():
        if given is not None and not isinstance(given, int | float):
            of, beside = given if isinstance(given, tuple) and labels is not None and len(given) == 2 else (given, None)
            parts[part] = event_pair(part, of, beside, frames, pair[0].shape[-2:], progress)[0]
    splits, known = assemble(
        parts,
        classes=names if classes is None else classes,
        value_range=(0, frames.max_count),
        layout=RECORDINGS,
        seed=seed,
        **{part: given for part, given in asked.items() if part not in parts},
    )
    return SetParts(name, splits, known, {"name": name, "kind": EVENTS, "classes": list(known)})


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


def _recordings(
    path: Path, framing: Framing, size: tuple[int, int] | None, classes: Sequence[str] | None, progress: bool
) -> Contents | None:
    if not holds_events(path):
        return None
    parts, names = event_parts(path, framing, size, classes, progress)
    return Contents(parts, names, (0, framing.max_count), RECORDINGS)


def _check_fit(path: Path, split: Split, size: tuple[int, int] | None, channels: int | None) -> None:
    """Raise DataError where images have another size or other channels than asked for."""
    sides = tuple(split.images.shape[-2:])
    if size not in (None, sides):
        held = "{}x{}".format(*sides)
        raise DataError(f"size: got {brief(size)}, but the images of {path} are {held}; only pictures are resized")
    if channels not in (None, split.images.shape[-3]):
        raise DataError(f"channels: got {channels}, but the images of {path} have {split.images.shape[-3]}")
