"""Files of images under any name: read alike, and never believed nor run."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import refuse

import sqnn
from sqnn.data import DataError, ImageData, load_data
from sqnn.data.sources.pickles import read_pickle

RANDOM = np.random.default_rng(2)
IMAGES = RANDOM.integers(0, 256, (60, 5, 4), dtype=np.uint8)
LABELS = np.arange(60, dtype=np.uint8) % 3
TEST = RANDOM.integers(0, 256, (20, 5, 4), dtype=np.uint8)
Idx = Callable[[np.ndarray], bytes]


def four(idx: Idx) -> dict[str, bytes]:
    return {
        "train-images-idx3-ubyte": idx(IMAGES),
        "train-labels-idx1-ubyte": idx(LABELS),
        "t10k-images-idx3-ubyte": idx(TEST),
        "t10k-labels-idx1-ubyte": idx(LABELS[:20]),
    }


NAMES: dict[str, Callable[[str], str]] = {
    "MNIST's": lambda name: name,
    "dots": lambda name: name.replace("-idx", ".idx"),
    "test for t10k": lambda name: name.replace("t10k", "test"),
    "each in a folder of its own": lambda name: f"{name.replace('-idx', '.idx')}/{name}",
}


@pytest.mark.parametrize("rename", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_found_by_any_of_their_names(
    tmp_path: Path, idx_bytes: Idx, rename: Callable[[str], str], zipped: bool
) -> None:
    for name, data in four(idx_bytes).items():
        path = tmp_path / (rename(name) + (".gz" if zipped else ""))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(data) if zipped else data)
    data = load_data("mnist", tmp_path, validation=9, download=False)
    assert [len(split) for split in data.splits.values()] == [51, 9, 20]
    np.testing.assert_array_equal(data.test.images[:, 0].numpy(), TEST)
    own = ImageData.from_file(tmp_path, validation=9)
    assert own.classes == ("0", "1", "2")
    assert own.source["kind"] == "idx"
    np.testing.assert_array_equal(own.test.images[:, 0].numpy(), TEST)


def test_idx_files_of_other_sets_go_by_their_first_words(tmp_path: Path, idx_bytes: Idx) -> None:
    for name, data in four(idx_bytes).items():
        (tmp_path / f"emnist-letters-{name.replace('t10k', 'test')}").write_bytes(data)
        (tmp_path / f"emnist-digits-{name.replace('t10k', 'test')}").write_bytes(data[:-1])
    with pytest.raises(DataError, match=r"several sets \(emnist-digits, emnist-letters\)"):
        ImageData.from_file(tmp_path)
    data = ImageData.from_file(tmp_path / "emnist-letters-train-images-idx3-ubyte")
    assert len(data.test) == 20
    with pytest.raises(DataError, match=r"emnist-digits.*announces"):
        ImageData.from_file(tmp_path / "emnist-digits-train-labels-idx1-ubyte")
    with pytest.raises(DataError, match=r"has emnist-digits-test-images.* and 2 more, which are read by their path"):
        load_data("mnist", tmp_path, download=False)


def test_one_pair_of_idx_files_is_split_by_seed(tmp_path: Path, idx_bytes: Idx) -> None:
    (tmp_path / "mydata-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    with pytest.raises(DataError, match=r"lacks train labels, expected names such as train-images"):
        ImageData.from_file(tmp_path)
    (tmp_path / "mydata-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS))
    assert [len(split) for split in load_data(tmp_path).splits.values()] == [43, 5, 12]
    (tmp_path / "mydata.images.idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    with pytest.raises(DataError, match="holds train images too; keep one"):
        ImageData.from_file(tmp_path)


def test_a_default_that_does_not_fit_is_a_tenth(tmp_path: Path, idx_bytes: Idx) -> None:
    for name, data in four(idx_bytes).items():
        (tmp_path / name).write_bytes(data)
    data = load_data("mnist", tmp_path, download=False)
    assert [len(split) for split in data.splits.values()] == [54, 6, 20]
    assert load_data(**data.source).fingerprint == data.fingerprint


def save(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


SPELLINGS = [("images", "labels", "test_images", "test_labels"), ("x_train", "y_train", "x_test", "y_test")]


@pytest.mark.parametrize("names", [*SPELLINGS, ("train_images", "train_labels", "test_images", "test_labels")])
def test_an_npz_is_read_as_others_spell_it(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays = dict(zip(names, (IMAGES, LABELS, TEST, LABELS[:20, None]), strict=True))
    path = save(tmp_path / "mine.npz", **arrays, note=np.array("x"), class_names=np.array(["a", "b", "c"]))
    data = ImageData.from_file(path)
    assert data.fingerprint == load_data(path).fingerprint
    assert (data.name, data.classes, len(data.test)) == ("mine.npz", ("a", "b", "c"), 20)
    np.testing.assert_array_equal(data.test.images[:, 0].numpy(), TEST)


def test_floats_of_an_npz_have_their_range_beside_them(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz", images=np.asfortranarray(IMAGES / 15.9375), labels=LABELS, value_range=(0, 16))
    assert int(load_data(path).train.images.max()) > 250
    with pytest.raises(DataError, match=r"value_range: got None"):
        load_data(save(tmp_path / "bare.npz", images=IMAGES / 15.9375, labels=LABELS))


def _raw(path: Path, name: str, header: bytes, data: bytes = b"") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        length = len(header).to_bytes(2, "little")
        archive.writestr(f"{name}.npy", b"\x93NUMPY\1\0" + length + header + data)
        archive.writestr("labels.npy", io_of(LABELS))


def io_of(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


class Bomb:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_malicious_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    huge = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 4, 4), }\n"
    for write, expected in (
        (lambda: _raw(path, "images", huge), "announces 16,000,000,000,000 bytes of data"),
        (lambda: _raw(path, "images", b"(" * 300), "not a readable .npz"),
        (lambda: save(path, images=np.array([Bomb(tmp_path / "x")] * 60), labels=LABELS), "Python objects, which are"),
        (lambda: save(path, images=IMAGES), "holds images, expected images and labels"),
        (lambda: save(path, pictures=IMAGES, names=LABELS), "holds pictures, names, expected"),
        (lambda: save(path, images=IMAGES, x=IMAGES, labels=LABELS), "two arrays of train images"),
        (lambda: save(path, images=np.zeros((2**25,), "u1"), labels=LABELS), "unpacks to more than"),
        (lambda: path.write_bytes(b"no zip"), "not a readable .npz"),
    ):
        write()
        refuse(lambda: ImageData.from_file(path), DataError, expected)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_come_out_of_pickles_of_every_protocol(protocol: int) -> None:
    images = RANDOM.integers(0, 256, (6, 12), dtype=np.uint8)
    content = {"data": images, b"labels": [0, 1, 2**40], "names": [b"a", "b"], "deep": {"x": (None, True)}}
    read = read_pickle(Path("p"), pickle.dumps(content, protocol=protocol))
    np.testing.assert_array_equal(read["data"], images, strict=True)
    assert read["labels"] == [0, 1, 2**40]
    assert [bytes(name) if isinstance(name, bytes) else name for name in read["names"]] == [b"a", "b"]


def test_the_pickles_of_python_2_are_read() -> None:
    """Byte strings and the old door of NumPy, as in the official files."""
    data = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89U\x06abcdeftbU\x06labels](K\x07K\x08eu."
    )
    import pickletools

    assert pickletools.dis(data, io.StringIO()) is None
    read = read_pickle(Path("p"), data)
    assert read["data"].tolist() == [[97, 98, 99], [100, 101, 102]]
    assert read["labels"] == [7, 8]


TEXT = b"X\xe8\x03\x00\x00" + b"x" * 1000 + b"X\x06\x00\x00\x00latin1\x86q\x01"
"""The arguments of an encoding, kept under number 1."""


def test_a_pickle_runs_nothing_and_takes_no_memory(tmp_path: Path) -> None:
    for data, expected in (
        (pickle.dumps(Bomb(tmp_path / "x")), "asks for .*, which is no data"),
        (pickle.dumps(os.system), "which is no data"),
        (pickle.dumps(np.array([Bomb(tmp_path / "x")])), "no data|expected numbers"),
        (pickle.dumps(np.array([{}], dtype=object)), "expected numbers"),
        (b"cbuiltins\neval\n(Vprint(1)\ntR.", "asks for 'builtins.eval'"),
        (b"\x80\x04\x8e" + b"\xff" * 8 + b"x.", "not a readable pickle"),
        (b"\x80\x02]r\xff\xff\xff\x7fh\x01.", "not a readable pickle"),
        (b"\x80\x02\x82\x01.", "an operation EXT1"),
        (b"Pa\n.", "an operation PERSID"),
        (TEXT + b"c_codecs\nencode\nh\x01R" * 9 + b".", "it encodes more text than it holds"),
        (b"\x80\x02}(K\x01u.", "not a readable pickle"),
        (b"", "not a readable pickle"),
    ):
        refuse(lambda data=data: read_pickle(Path("p"), data), DataError, expected)
    assert not (tmp_path / "x").exists()


def _hundred(folder: Path, changes: dict[bytes, Any] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", 40), ("test", 8)):
        rows = np.random.default_rng(count).integers(0, 256, (count, 3 * 16), dtype=np.uint8)
        labels = [number % 4 for number in range(count)]
        batch = {b"data": rows, b"fine_labels": labels, b"coarse_labels": [0] * count, **(changes or {})}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["apple", "bee", "cup", "door"]}))
    return folder


def test_cifar_100_in_pythons_form(tmp_path: Path) -> None:
    folder = _hundred(tmp_path / "cifar-100-python")
    data = sqnn.load_data(tmp_path, validation=4)
    assert (data.classes, data.train.images.shape[1:]) == (("apple", "bee", "cup", "door"), (3, 4, 4))
    rows = np.random.default_rng(8).integers(0, 256, (8, 48), dtype=np.uint8)
    np.testing.assert_array_equal(data.test.images.flatten(1).numpy(), rows)
    assert ImageData.from_file(folder, validation=4).fingerprint == data.fingerprint
    for changes, expected in (
        ({b"fine_labels": [9] * 40}, "labels, expected|labels outside 0 to 3"),
        ({b"fine_labels": ["a"] * 40}, "as labels, expected class numbers"),
        ({b"data": np.zeros((40, 10), np.uint8)}, "as data, expected rows"),
        ({b"data": [1, 2]}, "as data, expected rows"),
    ):
        _hundred(folder, changes)
        with pytest.raises(DataError, match=expected):
            ImageData.from_file(folder)


def test_what_is_no_data_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for path, expected in (
        (tmp_path / "notes.txt", "expected .npz, IDX files, CIFAR"),
        (tmp_path / "no", "nothing at"),
    ):
        with pytest.raises(DataError, match=expected):
            ImageData.from_file(path)
    with pytest.raises(DataError, match="size: got 4 for digits"):
        load_data("digits", size=4)
    path = save(tmp_path / "mine.npz", images=IMAGES, labels=LABELS)
    with pytest.raises(DataError, match=r"size: got \(8, 8\), but the images of .* are 5x4"):
        load_data(path, size=8)
    with pytest.raises(DataError, match=r"data_dir: got .* beside the path"):
        load_data(path, tmp_path)
