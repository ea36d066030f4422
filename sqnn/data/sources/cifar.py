"""CIFAR-10 in its binary format, records of one label byte and three 32x32 colour planes, or in Python's form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sqnn.data.errors import DataError, reason
from sqnn.data.folder import entries
from sqnn.data.sources.archives import MAX_MEMBER, RECORD, archived
from sqnn.data.sources.base import PublishedSource, Records
from sqnn.data.sources.cifar_python import TEN, pickled, read_pickled

FOLDER = "cifar-10-batches-bin"
FILES = (*(f"data_batch_{part}.bin" for part in range(1, 6)), "test_batch.bin")
ARCHIVE = "cifar-10-binary.tar.gz"

NEAR = ("data_batch", "test_batch", "cifar")
"""How the names of files and folders begin that are worth naming where others are missing."""
IMAGE_SHAPE = (3, 32, 32)
NUM_CLASSES = 10


def parse_records(data: bytes, origin: str) -> Records:
    """Split `data` into images [N, 3, 32, 32] in red, green, blue and labels [N]; errors name `origin`."""
    if not data or len(data) % RECORD:
        raise DataError(f"{origin}: holds {len(data):,} bytes, expected a multiple of {RECORD:,}; fetch it again")
    table = np.frombuffer(data, dtype=np.uint8).reshape(-1, RECORD)
    labels = table[:, 0]
    if (labels >= NUM_CLASSES).any():
        at = int(np.argmax(labels >= NUM_CLASSES))
        raise DataError(f"{origin}: record {at:,} has label {labels[at]}, expected 0 to {NUM_CLASSES - 1}")
    return table[:, 1:].reshape(-1, *IMAGE_SHAPE), labels


def read_batches(folder: Path) -> tuple[Records, Records]:
    """Read the five training batches, joined in order, and the test batch from `folder`."""
    parts = []
    for name in FILES:
        path = folder / name
        try:
            if path.stat().st_size > MAX_MEMBER:
                raise DataError(f"{path}: holds more than the whole data set; fetch it again")
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({reason(error)})") from error
        parts.append(parse_records(data, str(path)))
    return _train_and_test(parts)


def read_archive(path: Path) -> tuple[Records, Records]:
    """Read the same six batches from the official archive in memory; nothing is written to disk."""
    batches = {
        name: parse_records(data, f"{path}: {FOLDER}/{name}")
        for name, data in archived(path, {f"{FOLDER}/{name}": name for name in FILES})
    }
    missing = [name for name in FILES if name not in batches]
    if missing:
        raise DataError(f"{path}: lacks {', '.join(missing)}; expected the binary version of CIFAR-10")
    return _train_and_test([batches[name] for name in FILES])


def _train_and_test(parts: list[Records]) -> tuple[Records, Records]:
    train = parts[:-1]
    return (np.concatenate([p[0] for p in train]), np.concatenate([p[1] for p in train])), parts[-1]


@dataclass(frozen=True, kw_only=True)
class CIFARSource(PublishedSource):
    """A data set in six binary batches, unpacked or in the official archive."""

    @property
    def expected(self) -> str:
        return f"{FOLDER}/ ({', '.join(FILES)}), {ARCHIVE}, {TEN[0]}/ or {TEN[1]}.tar.gz"

    def find(self, folder: Path) -> tuple[Path, ...] | None:
        for batches in (folder / FOLDER, folder):
            if all((batches / name).is_file() for name in FILES):
                return (batches,)
        return (folder / ARCHIVE,) if (folder / ARCHIVE).is_file() else pickled(folder, TEN)

    def hint(self, folder: Path) -> str:
        near = [entry.name for entry in entries(folder) if entry.name.startswith(NEAR)] if folder.is_dir() else []
        return f" ({folder} has only {', '.join(near)})" if near else ""

    def parse(self, paths: tuple[Path, ...]) -> tuple[Records, Records]:
        (place,) = paths
        if pickled(place, TEN) is not None:
            parts, _ = read_pickled(place)
            train, test = parts["train"], parts["test"]
            return (train[0], train[1].astype(np.uint8)), (test[0], test[1].astype(np.uint8))
        return read_batches(place) if place.is_dir() else read_archive(place)


CIFAR10 = CIFARSource(
    name="cifar10",
    summary="60,000 colour photographs of ten kinds of thing, 32x32, 10,000 of them the official test set",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    folders=("cifar10", "CIFAR10"),
    url="https://www.cs.toronto.edu/~kriz/",
    downloads=MappingProxyType({ARCHIVE: "c32a1d4ab5d03f1284b67883e8d87530"}),
)
