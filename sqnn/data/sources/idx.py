"""The MNIST family: data sets in the IDX format, a big-endian header and then the raw bytes of one array."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sqnn.data.errors import DataError, reason
from sqnn.data.sources.base import PublishedSource, Records, most_unpacked
from sqnn.data.sources.idx_names import by_place, idx_files, listed

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""Training images and labels, test images and labels: the order of every tuple of four files here."""
PLACES = (("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels"))
"""The part and the kind of each."""

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08  # the IDX element code of uint8
MAX_BYTES = 2**31  # about forty times MNIST; a header that asks for more is damage, not data
KINDS = MappingProxyType({1: "labels", 3: "images"})
"""What an array of so many dimensions holds."""


def read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not, as an array of `ndim` dimensions.

    The file is `00 00 08 ndim`, then `ndim` big-endian 32-bit sizes, then exactly their product of bytes; no memory is
    taken for more than a file of its size can hold.
    Compression is recognised by content, so a file that lost or kept its `.gz` wrongly still reads. Raises DataError
    where the file cannot be read, is truncated, has bytes left over, or is not of this kind.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if not zipped:
                return _parse(raw, path, ndim, path.stat().st_size)
            with gzip.GzipFile(fileobj=raw) as unzipped:
                return _parse(unzipped, path, ndim, most_unpacked(path))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read to its end ({reason(error)}); fetch the file again") from error


def _parse(stream: io.BufferedIOBase, path: Path, ndim: int, most: int) -> NDArray[np.uint8]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError(f"{path}: not an IDX file; it starts with {start.hex(' ') or 'nothing'}, expected 00 00 08 ..")
    code, dimensions = start[2], start[3]
    if code != UNSIGNED_BYTE:
        raise DataError(f"{path}: holds IDX elements of type 0x{code:02x}, expected 0x08 (unsigned bytes)")
    if dimensions != ndim:
        kind = KINDS.get(dimensions, "neither images nor labels")
        raise DataError(
            f"{path}: holds {dimensions} dimensions ({kind}), expected {ndim} ({KINDS.get(ndim, 'data')})"
            "; check that the files' names were not exchanged"
        )
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise DataError(f"{path}: truncated inside its IDX header; fetch the file again")
    shape = tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, 4 * ndim, 4))
    expected = math.prod(shape)
    if not 0 < expected <= MAX_BYTES:
        raise DataError(f"{path}: its header announces an array of shape {shape}, which is no data set's")
    if expected > most:
        raise DataError(f"{path}: announces {expected:,} bytes of data, more than it can hold; fetch the file again")
    array = np.empty(expected, dtype=np.uint8)
    view, received = array.data, 0
    while received < expected and (count := stream.readinto(view[received:])):
        received += count
    # One byte more than announced: finds leftovers, and makes gzip check its checksum.
    if received < expected or stream.read(1):
        amount = f"only {received:,}" if received < expected else "more"
        raise DataError(f"{path}: announces {expected:,} bytes of data but holds {amount}; fetch the file again")
    return array.reshape(shape)


@dataclass(frozen=True, kw_only=True)
class IDXSource(PublishedSource):
    """A data set of four IDX files, each gzipped or not."""

    @property
    def expected(self) -> str:
        return ", ".join(f"{name}[.gz]" for name in FILES)

    def find(self, folder: Path) -> tuple[Path, ...] | None:
        places = _places(folder)
        return tuple(places[place] for place in PLACES) if places.keys() >= set(PLACES) else None

    def has(self, folder: Path, file: str) -> bool:
        return PLACES[FILES.index(file.removesuffix(".gz"))] in _places(folder)

    def hint(self, folder: Path) -> str:
        places = _places(folder)
        lacking = [name for name, place in zip(FILES, PLACES, strict=True) if place not in places]
        if len(lacking) < len(FILES):
            return f" ({folder} lacks only {', '.join(lacking)})"
        others = idx_files(folder)
        return f" ({folder} has {listed(others)}, which are read by their path: --data {folder})" if others else ""

    def parse(self, paths: tuple[Path, ...]) -> tuple[Records, Records]:
        train, test = self._pair(*paths[:2]), self._pair(*paths[2:])
        size, expected = test[0].shape[2:], train[0].shape[2:]
        if size != expected:
            raise DataError(f"{paths[2]}: images of {size} pixels, expected {expected} as in {paths[0]}")
        return train, test

    def _pair(self, image_file: Path, label_file: Path) -> Records:
        images, labels = _pair(image_file, label_file)
        if int(labels.max()) >= len(self.classes):
            raise DataError(f"{label_file}: has label {labels.max()}, expected 0 to {len(self.classes) - 1}")
        return images, labels


def _places(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the files of a folder that are named as those of MNIST, with dots or hyphens, by part and kind."""
    return by_place(idx_files(folder), "")


def read_idx_set(path: Path) -> dict[str, Records]:
    """Return images [N, C, H, W] and labels by part, from the IDX files in a folder, or from those beside a file.

    What a file holds is told by its name. Raises DataError where images or labels lack, or names contradict.
    """
    folder = path if path.is_dir() else path.parent
    files = idx_files(folder)
    prefixes = {own.prefix for own in files.values()} if path.is_dir() else {files[path].prefix}
    if len(prefixes) > 1:
        raise DataError(
            f"{path}: holds several sets ({', '.join(sorted(prefixes))}), expected one; name a file of the one to read"
        )
    places = by_place(files, prefixes.pop())
    parts = {part for part, _ in places}
    lacking = next((f"{p} {kind}" for p in ("train", *parts) for kind in KINDS.values() if (p, kind) not in places), "")
    if lacking:
        raise DataError(f"{path}: lacks {lacking}, expected names such as {FILES[0]} and {FILES[1]}: {listed(files)}")
    return {part: _pair(places[part, "images"], places[part, "labels"]) for part in parts}


def _pair(image_file: Path, label_file: Path) -> Records:
    images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
    if len(images) != len(labels):
        raise DataError(f"{label_file}: {len(labels):,} labels, expected {len(images):,} as in {image_file}")
    return images[:, np.newaxis], labels


def _mnist_like(
    name: str, folder: str, summary: str, classes: tuple[str, ...], url: str, md5: tuple[str, str, str, str]
) -> IDXSource:
    """Return a data set whose files have MNIST's names; `folder` is what torchvision calls its folder."""
    downloads = MappingProxyType({f"{file}.gz": digest for file, digest in zip(FILES, md5, strict=True)})
    return IDXSource(
        name=name,
        summary=f"70,000 {summary}, 28x28 grey, 10,000 of them the official test set",
        classes=classes,
        folders=(name, folder),
        shape=(1, 28, 28),
        url=url,
        downloads=downloads,
    )


IDX_SETS: tuple[IDXSource, ...] = (
    _mnist_like(
        "mnist",
        "MNIST",
        "handwritten digits",
        tuple("0123456789"),
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    _mnist_like(
        "fashion-mnist",
        "FashionMNIST",
        "pictures of clothing",
        ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    _mnist_like(
        "kmnist",
        "KMNIST",
        "cursive Japanese characters",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
)
