"""IDX files: what was written is what is read, and every kind of damage is told with the file's name."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sqnn.data import DataError, load_data
from sqnn.data.sources.idx import FILES as IDX_FILES
from sqnn.data.sources.idx import read_idx

Writer = Callable[[np.ndarray], bytes]
IMAGES = np.arange(20 * 6, dtype=np.uint8).reshape(20, 2, 3)


@given(
    array=arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=7)),
    zipped=st.booleans(),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_read_inverts_write_whatever_the_suffix(
    idx_bytes: Writer, tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, zipped: bool, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("idx") / f"data{suffix}"
    path.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    np.testing.assert_array_equal(read_idx(path, array.ndim), array, strict=True)


@given(cut=st.integers(0, 16 + IMAGES.size - 1), zipped=st.booleans())
def test_every_truncation_is_refused(
    idx_bytes: Writer, tmp_path_factory: pytest.TempPathFactory, cut: int, zipped: bool
) -> None:
    path = tmp_path_factory.mktemp("idx") / "shortened-images"
    data = idx_bytes(IMAGES)[:cut]
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(DataError, match="shortened-images"):
        read_idx(path, 3)


def _damaged_checksum(data: bytes) -> bytes:
    packed = bytearray(gzip.compress(data))
    packed[-8] ^= 1
    return bytes(packed)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "gzip cut short": lambda data: gzip.compress(data)[:-20],
    "gzip checksum": _damaged_checksum,
    "gzip with a damaged body": lambda data: gzip.compress(data)[:12] + b"\xff" * 30,
    "bytes left over": lambda data: data + b"\0",
    "zipped bytes left over": lambda data: gzip.compress(data + b"\0"),
    "wrong magic": lambda data: b"\1" + data[1:],
    "element type of floats": lambda data: data[:2] + b"\x0d" + data[3:],
    "no images": lambda data: data[:4] + bytes(4) + data[8:],
    "absurd sizes": lambda data: data[:4] + b"\xff" * 12 + data[16:],
    "a web page": lambda data: b"<!DOCTYPE html><title>404</title>",
    "empty": lambda data: b"",
    "labels in its place": lambda data: bytes.fromhex("00000801 00000014") + bytes(20),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_one_line_with_the_file_name(
    tmp_path: Path, idx_bytes: Writer, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "broken-images"
    path.write_bytes(damage(idx_bytes(IMAGES)))
    with pytest.raises(DataError, match="broken-images") as caught:
        read_idx(path, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("broken", "array", "expected"),
    [
        (1, np.zeros(299, np.uint8), "299 labels, expected 300"),
        (3, np.full(40, 10, np.uint8), "label 10, expected 0 to 9"),
        (2, np.zeros((40, 5, 4), np.uint8), r"\(5, 4\) pixels, expected \(4, 4\)"),
    ],
)
def test_files_that_contradict_one_another(
    tmp_path: Path,
    idx_bytes: Writer,
    write_mnist: Callable[..., Path],
    broken: int,
    array: np.ndarray,
    expected: str,
) -> None:
    folder = write_mnist(tmp_path / "mnist")
    (folder / IDX_FILES[broken]).write_bytes(idx_bytes(array))
    with pytest.raises(DataError, match=f"{IDX_FILES[broken]}.*{expected}"):
        load_data("mnist", tmp_path, validation=10)


def test_exchanged_files_are_recognised(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    folder = write_mnist(tmp_path / "mnist")
    images, labels = folder / IDX_FILES[0], folder / IDX_FILES[1]
    images.write_bytes(labels.read_bytes())
    with pytest.raises(DataError, match=r"train-images.*labels.*expected 3"):
        load_data("mnist", tmp_path)


def _real_data() -> Path | None:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    roots = [Path(os.environ["SQNN_DATA"])] if os.environ.get("SQNN_DATA") else []
    return next((root for root in (*roots, beside) if (root / "mnist").is_dir()), None)


@pytest.mark.skipif(_real_data() is None, reason="real MNIST is not on this machine; set SQNN_DATA to its folder")
def test_real_mnist_is_the_official_one(idx_bytes: Writer) -> None:
    root = _real_data()
    assert root is not None
    path = next(p for p in (root / "mnist" / IDX_FILES[0], root / "mnist" / f"{IDX_FILES[0]}.gz") if p.is_file())
    written_again = idx_bytes(read_idx(path, 3))
    assert hashlib.md5(written_again).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    data = load_data("mnist", root)
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
