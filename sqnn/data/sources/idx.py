"""The IDX format of the MNIST family: a big-endian header, then the raw bytes of one array."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sqnn.data.errors import DataError, reason

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08  # the IDX element code of uint8
MAX_BYTES = 2**31  # about forty times MNIST; a header that asks for more is damage, not data
KINDS = MappingProxyType({1: "labels", 3: "images"})


def read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not, as an array of `ndim` dimensions.

    The file is `00 00 08 ndim`, then `ndim` big-endian 32-bit sizes, then exactly their product of bytes.
    Compression is recognised by content, so a file that lost or kept its `.gz` wrongly still reads.

    Raises:
        DataError: the file cannot be read, is truncated, has bytes left over, or is not of this kind.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if not zipped:
                return _parse(raw, path, ndim)
            with gzip.GzipFile(fileobj=raw) as unzipped:
                return _parse(unzipped, path, ndim)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read to its end ({reason(error)}); fetch the file again") from error


def _parse(stream: io.BufferedIOBase, path: Path, ndim: int) -> NDArray[np.uint8]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError(f"{path}: not an IDX file; it starts with {start.hex(' ') or 'nothing'}, expected 00 00 08 ..")
    code, found = start[2], start[3]
    if code != UNSIGNED_BYTE:
        raise DataError(f"{path}: holds IDX elements of type 0x{code:02x}, expected 0x08 (unsigned bytes)")
    if found != ndim:
        came = KINDS.get(found, "neither images nor labels")
        raise DataError(
            f"{path}: holds {found} dimensions ({came}), expected {ndim} ({KINDS.get(ndim, 'data')})"
            "; check that the files' names were not exchanged"
        )
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise DataError(f"{path}: truncated inside its IDX header; fetch the file again")
    shape = tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, 4 * ndim, 4))
    expected = math.prod(shape)
    if not 0 < expected <= MAX_BYTES:
        raise DataError(f"{path}: its header announces an array of shape {shape}, which is no data set's")
    data = stream.read(expected + 1)  # one more than announced: finds leftovers, and makes gzip check its checksum
    if len(data) != expected:
        came = "more" if len(data) > expected else f"only {len(data):,}"
        raise DataError(f"{path}: announces {expected:,} bytes of data but holds {came}; fetch the file again")
    return np.frombuffer(bytearray(data), dtype=np.uint8).reshape(shape)
