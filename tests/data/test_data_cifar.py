"""CIFAR-10's binary batches, from a folder and from the official archive."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sqnn.data import DataError, load_data

NAMES = (*(f"data_batch_{part}.bin" for part in range(1, 6)), "test_batch.bin")
PER_BATCH = 20


def _batches() -> tuple[np.ndarray, np.ndarray, list[bytes]]:
    """Random images and labels, and their records built row by row: label, then red, green, blue plane."""
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (6 * PER_BATCH, 3, 32, 32), dtype=np.uint8)
    labels = np.tile(np.arange(10, dtype=np.uint8), 12)
    records = [
        bytes([label]) + b"".join(image[channel, row].tobytes() for channel in range(3) for row in range(32))
        for image, label in zip(images, labels, strict=True)
    ]
    return (
        images,
        labels,
        [b"".join(records[at : at + PER_BATCH]) for at in range(0, len(records), PER_BATCH)],
    )


def _write_folder(root: Path, batches: list[bytes]) -> None:
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name, data in zip(NAMES, batches, strict=True):
        (folder / name).write_bytes(data)


def _write_archive(root: Path, batches: list[bytes], order: tuple[int, ...] = (5, 4, 3, 2, 1, 0)) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    path = root / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for at in order:
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{NAMES[at]}")
            member.size = len(batches[at])
            archive.addfile(member, io.BytesIO(batches[at]))
    return path


@pytest.mark.parametrize("write", [_write_folder, _write_archive], ids=["folder", "archive"])
@pytest.mark.parametrize("place", [".", "cifar10"])
def test_read_inverts_write(tmp_path: Path, write: Callable[[Path, list[bytes]], object], place: str) -> None:
    images, labels, batches = _batches()
    write(tmp_path / place, batches)
    before = sorted(tmp_path.rglob("*"))
    data = load_data("cifar10", tmp_path, validation=0, download=False)
    assert torch.equal(data.train.images, torch.from_numpy(images[:100]))
    assert torch.equal(data.test.images, torch.from_numpy(images[100:]))
    assert data.train.labels.tolist() + data.test.labels.tolist() == labels.tolist()
    assert sorted(tmp_path.rglob("*")) == before, "reading wrote to disk"


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[:-1],
    "left over": lambda data: data + b"\0",
    "empty": lambda data: b"",
    "eleventh class": lambda data: b"\x0a" + data[1:],
}


@pytest.mark.parametrize("write", [_write_folder, _write_archive], ids=["folder", "archive"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_batch_is_named(
    tmp_path: Path, write: Callable[[Path, list[bytes]], object], damage: Callable[[bytes], bytes]
) -> None:
    batches = _batches()[2]
    batches[2] = damage(batches[2])
    write(tmp_path, batches)
    with pytest.raises(DataError, match=r"data_batch_3\.bin"):
        load_data("cifar10", tmp_path, validation=0, download=False)


@pytest.mark.parametrize("keep", [10, 2000, -10])
def test_a_truncated_archive_is_named(tmp_path: Path, keep: int) -> None:
    path = _write_archive(tmp_path, _batches()[2])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz"):
        load_data("cifar10", tmp_path, download=False)


def test_an_archive_without_a_batch_or_with_a_link_is_refused(tmp_path: Path) -> None:
    path = _write_archive(tmp_path, _batches()[2], order=(0, 1, 2, 3, 5))
    with pytest.raises(DataError, match=r"lacks data_batch_5\.bin"):
        load_data("cifar10", tmp_path, download=False)
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(DataError, match=r"data_batch_1\.bin is not a plain file"):
        load_data("cifar10", tmp_path, download=False)


def test_pickled_cifar_is_the_same_data(tmp_path: Path) -> None:
    images, labels, batches = _batches()
    _write_folder(tmp_path, batches)
    plain = load_data("cifar10", tmp_path, validation=7, download=False)
    folder = tmp_path / "elsewhere" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for at, name in enumerate((*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")):
        part = slice(PER_BATCH * at, PER_BATCH * (at + 1))
        batch = {b"data": images[part].reshape(PER_BATCH, -1), b"labels": labels[part].tolist(), b"batch_label": name}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(plain.classes), "num_vis": 3072}))
    assert load_data("cifar10", folder.parent, validation=7, download=False).fingerprint == plain.fingerprint
