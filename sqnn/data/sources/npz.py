"""NumPy archives (.npz) of images and labels, as Keras, MedMNIST and `numpy.savez` write them."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sqnn.core import brief
from sqnn.data.errors import DataError, reason
from sqnn.data.folder import PARTS
from sqnn.data.sources.base import most_unpacked

Array = NDArray[Any]
KINDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("images", "image", "x", "data"), "images"),
        **dict.fromkeys(("labels", "label", "y", "targets", "target"), "labels"),
    }
)
"""What arrays of images and of labels are called, beside the name of their part."""
CLASSES = ("classes", "class_names", "label_names")
VALUE_RANGE = "value_range"
SUFFIX = ".npy"
MOST_MEMBERS = 1000
HEADERS = MappingProxyType({(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0})


def read_npz(path: Path) -> tuple[dict[str, tuple[Array, Array]], tuple[str, ...] | None, Array | None]:
    """Return images and labels by part; names of the classes and values of black and white where the archive has any.

    Arrays of Python objects are never loaded, and no size in a header is believed that the archive cannot hold: all
    arrays come to at most a hundred times its size, or 16 MiB. Raises DataError where it cannot be read or lacks some.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(SUFFIX): member for member in archive.infolist()}
            if sum(member.file_size for member in members.values()) > most_unpacked(path):
                raise DataError(f"{path}: unpacks to more than an archive of images of its size; fetch it again")
            if len(members) > MOST_MEMBERS:
                raise DataError(f"{path}: holds {len(members):,} arrays, expected images and labels")
            wanted = {name: place for name in members if (place := _place(name)) is not None}
            pairs: dict[str, dict[str, Array]] = {}
            for name, (part, kind) in wanted.items():
                if kind in pairs.setdefault(part, {}):
                    raise DataError(f"{path}: has two arrays of {part} {kind}, expected one: {brief(list(members))}")
                pairs[part][kind] = _array(archive, members[name], path)
            extra = {name: _array(archive, members[name], path) for name in (*CLASSES, VALUE_RANGE) if name in members}
    except DataError:
        raise
    except Exception as error:  # a damaged archive is parsed as zip, as deflate and as Python literals
        raise DataError(f"{path}: not a readable .npz of numbers ({reason(error)}); save it again") from error
    if "train" not in pairs or any(len(pair) < len(set(KINDS.values())) for pair in pairs.values()):
        held = ", ".join(list(members)[:8]) or "nothing"
        raise DataError(
            f"{path}: holds {held}, expected images and labels, or train_images, train_labels, test_images .."
        )
    names = next((extra[name] for name in CLASSES if name in extra), None)
    classes = None if names is None else tuple(str(name) for name in names.reshape(-1).tolist())
    return {part: (pair["images"], pair["labels"]) for part, pair in pairs.items()}, classes, extra.get(VALUE_RANGE)


def _place(name: str) -> tuple[str, str] | None:
    """Return the part and the kind of an array by its name, None where it is neither images nor labels."""
    words = [word for word in re.split(r"[-_. ]+", name.lower()) if word]
    parts = [PARTS[word] for word in words if word in PARTS]
    kinds = [KINDS[word] for word in words if word in KINDS]
    if len(kinds) != 1 or len(parts) > 1 or len(words) != len(kinds) + len(parts):
        return None
    return parts[0] if parts else "train", kinds[0]


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Array:
    """Read one array; its header is compared with the size of its member before any memory is taken."""
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version not in HEADERS:
            raise ValueError(f"{member.filename} is of format {version}")
        shape, fortran, dtype = HEADERS[version](stream)
        if dtype.hasobject:
            raise DataError(f"{path}: {member.filename} holds Python objects, which are never loaded; save numbers")
        expected = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or expected > member.file_size:
            raise DataError(f"{path}: {member.filename} announces {expected:,} bytes of data, more than it holds")
        data = stream.read()
        if len(data) != expected:
            raise DataError(f"{path}: {member.filename} announces {expected:,} bytes of data, but holds {len(data):,}")
        return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
