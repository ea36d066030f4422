"""The binary format of CIFAR-10: records of one label byte and three 32x32 colour planes."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnn.data.errors import DataError, reason
from sqnn.data.sources.catalogue import CIFAR_FILES, CIFAR_FOLDER

IMAGE_SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
NUM_CLASSES = 10
MAX_MEMBER = 60_000 * RECORD  # the whole data set in one member; more is no CIFAR-10 batch
CHUNK = 2**20

Records = tuple[NDArray[np.uint8], NDArray[np.uint8]]


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
    for name in CIFAR_FILES:
        path = folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({reason(error)})") from error
        parts.append(parse_records(data, str(path)))
    return _train_and_test(parts)


def read_archive(path: Path) -> tuple[Records, Records]:
    """Read the same six batches from the official archive in memory; nothing is written to disk."""
    found: dict[str, Records] = {}
    wanted = {f"{CIFAR_FOLDER}/{name}": name for name in CIFAR_FILES}
    try:
        with gzip.open(path) as unzipped, tarfile.open(fileobj=unzipped) as archive:
            for member in archive:
                name = wanted.get(member.name.removeprefix("./"))
                if name is None:
                    continue
                stream = archive.extractfile(member) if member.isreg() and member.size <= MAX_MEMBER else None
                if stream is None:
                    raise DataError(f"{path}: its member {member.name} is not a plain file of a batch's size")
                found[name] = parse_records(stream.read(), f"{path}: {member.name}")
            while unzipped.read(CHUNK):  # gzip checks its checksum only at its very end
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{path}: cannot be read to its end ({reason(error)}); fetch the file again") from error
    missing = [name for name in CIFAR_FILES if name not in found]
    if missing:
        raise DataError(f"{path}: lacks {', '.join(missing)}; expected the binary version of CIFAR-10")
    return _train_and_test([found[name] for name in CIFAR_FILES])


def _train_and_test(parts: list[Records]) -> tuple[Records, Records]:
    train = parts[:-1]
    return (np.concatenate([p[0] for p in train]), np.concatenate([p[1] for p in train])), parts[-1]
