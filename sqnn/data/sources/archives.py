"""Files of images in a .tar.gz archive, read in memory; nothing is written to disk."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqnn.data.errors import DataError, reason
from sqnn.data.sources.base import most_unpacked

RECORD = 1 + 3 * 32 * 32
"""Bytes of a CIFAR image with its label."""
MAX_MEMBER = 61_000 * RECORD  # a whole data set in one member, with names; more is no CIFAR batch
CHUNK = 2**20


def archived(path: Path, members: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield what `members` calls the files of a .tar.gz archive, each with its content."""
    try:
        with (
            gzip.open(path) as unzipped,
            tarfile.open(fileobj=(limited := _Limited(unzipped, path)), mode="r|") as archive,
        ):
            for member in archive:
                name = members.get(member.name.removeprefix("./"))
                if name is None:
                    continue
                stream = archive.extractfile(member) if _is_batch(member) else None
                if stream is None:
                    raise DataError(f"{path}: its member {member.name} is not a plain file of a batch's size")
                yield name, stream.read()
            while limited.read(CHUNK):  # gzip checks its checksum only at its very end
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{path}: cannot be read to its end ({reason(error)}); fetch the file again") from error


class _Limited(io.RawIOBase):
    """The unpacked content of a file, of which no more is given than an archive of images has."""

    def __init__(self, stream: io.BufferedIOBase, path: Path) -> None:
        self.stream, self.path, self.left = stream, path, most_unpacked(path)

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(data)
        if self.left < 0:
            raise DataError(f"{self.path}: unpacks to more than an archive of images of its size; fetch it again")
        return data


def _is_batch(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse() and member.size <= MAX_MEMBER
