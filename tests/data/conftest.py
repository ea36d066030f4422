"""Small stand-ins for the official files, and a machine without a network."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sqnn.data.sources.idx import FILES as IDX_FILES


def encode_idx(array: NDArray[np.uint8]) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    return header + array.tobytes()


def numbered_images(count: int, start: int = 0, size: int = 4) -> NDArray[np.uint8]:
    """Images whose first two pixels spell their own number, so that an image can be recognised anywhere."""
    images = np.zeros((count, size, size), np.uint8)
    numbers = np.arange(start, start + count)
    images[:, 0, 0], images[:, 0, 1] = numbers // 256, numbers % 256
    return images


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[NDArray[np.uint8]], bytes]:
    """The IDX writer that the reader is held against."""
    return encode_idx


@pytest.fixture
def write_mnist() -> Callable[..., Path]:
    """Write four IDX files: 300 training images numbered from 0 and 40 test images numbered from 1000."""

    def write(folder: Path, zipped: bool = False, label_shift: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        arrays = (
            numbered_images(300),
            ((np.arange(300) + label_shift) % 10).astype(np.uint8),
            numbered_images(40, 1000),
            ((np.arange(40) + label_shift) % 10).astype(np.uint8),
        )
        for name, array in zip(IDX_FILES, arrays, strict=True):
            data = encode_idx(array)
            target = folder / (f"{name}.gz" if zipped else name)
            target.write_bytes(gzip.compress(data) if zipped else data)
        return folder

    return write


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every request to a local port that refuses it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
