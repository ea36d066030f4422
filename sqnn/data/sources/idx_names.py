"""Which IDX file holds what, by its name: as MNIST's, with dots, with other words, or in a folder of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from sqnn.data.errors import DataError
from sqnn.data.folder import PARTS, entries

KINDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("images", "image", "idx3"), "images"),
        **dict.fromkeys(("labels", "label", "idx1"), "labels"),
    }
)
FORM = frozenset({"idx", "idx1", "idx3", "ubyte", "gz"})
"""Words of a name that say what form a file has."""
IDX_PARTS: Mapping[str, str] = MappingProxyType({**PARTS, "t10k": "test"})
MOST_LISTED = 6


class Named(NamedTuple):
    """What a file's name says: the other words in it, the part and the kind, None where it says neither."""

    prefix: str
    part: str | None
    kind: str | None


def named(name: str) -> Named | None:
    """Return what the name of an IDX file says; None where it is not such a name."""
    words = [word for word in re.split(r"[-_. ]+", name.lower()) if word]
    if not FORM.difference({"gz"}).intersection(words):
        return None
    part = next((IDX_PARTS[word] for word in words if word in IDX_PARTS), None)
    kind = next((KINDS[word] for word in words if word in KINDS), None)
    known = FORM | IDX_PARTS.keys() | KINDS.keys()
    return Named("-".join(word for word in words if word not in known), part, kind)


def idx_files(folder: Path) -> dict[Path, Named]:
    """Return the files in a folder that have the name of an IDX file, and those in folders of their own with one."""
    found: dict[Path, Named] = {}
    if not folder.is_dir():
        return found
    for entry in entries(folder):
        own = named(entry.name)
        if own is not None and entry.is_file():
            found[entry] = own
        elif own is not None and own.kind is not None and entry.is_dir():
            found |= {path: named(path.name) or own for path in entries(entry) if path.is_file()}
    return found


def by_place(files: Mapping[Path, Named], prefix: str) -> dict[tuple[str, str], Path]:
    """Return the files with these other words in their names by part and kind; one that is packed too is taken plain.

    Files without a part are for training. Raises DataError where two files have one place.
    """
    places: dict[tuple[str, str], Path] = {}
    for path, (own, part, kind) in files.items():
        if own != prefix or kind is None:
            continue
        other = places.setdefault((part or "train", kind), path)
        if path == other:
            continue
        plain, packed = sorted((path, other), key=lambda each: each.suffix.lower() == ".gz")
        if packed.name.lower() != f"{plain.name.lower()}.gz":
            raise DataError(f"{path}: beside {other}, which holds {part or 'train'} {kind} too; keep one of them")
        places[part or "train", kind] = plain
    return places


def listed(paths: Iterable[Path]) -> str:
    """Return the names of some files, in one line."""
    names = [path.name for path in paths]
    return ", ".join(names[:MOST_LISTED]) + (
        f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    )
