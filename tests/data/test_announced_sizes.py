"""No file of images announces more than it holds and is believed."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from records import refuse

import sqnn
from sqnn.data import DataError, read_images
from sqnn.data.sources.idx import read_idx


def idx_header(*sizes: int) -> bytes:
    return bytes((0, 0, 8, len(sizes))) + b"".join(size.to_bytes(4, "big") for size in sizes)


def test_image_files_announce_no_more_than_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    for data, expected in (
        (idx_header(30_000, 28, 28), "more than it can hold"),
        (idx_header(2**31, 2**31, 2**31), "which is no data set's"),
        (gzip.compress(idx_header(60_000, 28, 28) + bytes(100)), "more than it can hold"),
        (gzip.compress(idx_header(2**30, 1, 1) + bytes(2**22), 1), "more than it can hold"),
    ):
        path.write_bytes(data)
        refuse(lambda: read_idx(path, 3), DataError, expected)


@pytest.mark.parametrize("kind", ["zeros", "a header of zeros"])
def test_an_archive_of_images_unpacks_to_no_more_than_images(tmp_path: Path, kind: str) -> None:
    unpacked = io.BytesIO()
    with tarfile.open(fileobj=unpacked, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("other")
        if kind == "a header of zeros":
            member.type = tarfile.XHDTYPE
        member.size = 2**25
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(gzip.compress(unpacked.getvalue(), 6))
    with pytest.raises(DataError, match="unpacks to more than an archive of images of its size"):
        sqnn.load_data("cifar10", tmp_path, download=False)


def test_pictures_and_arrays_announce_no_more_than_they_hold(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    picture, array = tmp_path / "a.png", tmp_path / "a.npy"
    for side in (8_000, 30_000, 2**31 - 1):
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        picture.write_bytes(
            b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
        )
        refuse(lambda: read_images(picture, 1, (4, 4)), DataError, "a.png: (announces|not a readable image)")
    np.save(array, np.zeros((1, 4, 4), np.uint8))
    whole = array.read_bytes()
    array.write_bytes(whole[:6] + b"\2" + whole[7:])  # the length of its header has four bytes then
    refuse(lambda: read_images(array, 1, (4, 4)), DataError, "a.npy: .*its header announces")
    for shape in (b"(1000000000, 4, 4)", b"(" * 60, b"(-1, 4, 4)"):
        array.write_bytes(whole.replace(b"(1, 4, 4), }" + b" " * (len(shape) - 9), shape + b", }"))
        refuse(lambda: read_images(array, 1, (4, 4)), DataError, "a.npy: ")
