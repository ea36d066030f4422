"""Finding, downloading and splitting: the right files, disjoint parts, the same parts every time."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from noise_models import Choices
from sqnn.data import DATASETS, DataError, ImageData, Split, load_data
from sqnn.data.sources.idx import FILES as IDX_FILES
from sqnn.data.splitting import quotas, stratified_draw


def _numbers(split: Split) -> list[int]:
    return (split.images[:, 0, 0, 0].long() * 256 + split.images[:, 0, 0, 1].long()).tolist()


def _parts(data: ImageData) -> tuple[list[int], list[int], list[int]]:
    return _numbers(data.train), _numbers(data.validation), _numbers(data.test)


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=80),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_stratified_draw_partitions_in_proportion(labels: list[int], fraction: float, seed: int) -> None:
    count, table = round(fraction * len(labels)), torch.tensor(labels)
    drawn, rest = stratified_draw(table, count, torch.Generator().manual_seed(seed))
    assert len(drawn) == count
    assert sorted(drawn.tolist() + rest.tolist()) == list(range(len(labels)))
    for label in set(labels):
        share = count * labels.count(label) / len(labels)
        assert abs(int((table[drawn] == label).sum()) - share) < 1


@given(sizes=st.lists(st.integers(0, 50), min_size=1).filter(any), fraction=st.floats(0, 1))
def test_quotas_add_up_and_fit(sizes: list[int], fraction: float) -> None:
    count = round(fraction * sum(sizes))
    shares = quotas(sizes, count)
    assert sum(shares) == count
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))


def test_official_split_is_disjoint_covering_and_stable(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    write_mnist(tmp_path / "mnist")
    train, validation, test = _parts(load_data("mnist", tmp_path, validation=50))
    assert sorted(train + validation) == list(range(300))
    assert test == list(range(1000, 1040))
    assert [number % 10 for number in validation].count(3) == 5
    assert _parts(load_data("mnist", tmp_path, validation=50)) == (train, validation, test)
    other = _parts(load_data("mnist", tmp_path, validation=50, split_seed=1))
    assert other[1] != validation
    assert other[2] == test


def test_a_source_gives_the_same_images_again(tmp_path: Path, write_mnist: Callable[..., Path], monkeypatch) -> None:
    write_mnist(tmp_path / "mnist")
    monkeypatch.chdir(tmp_path)
    for arguments in ({}, {"validation": 7}, {"split_seed": 3, "validation": 5}):
        data = load_data("mnist", ".", **{"validation": 20, **arguments})
        assert data.source == {"name": "mnist", "data_dir": str(tmp_path), "validation": 20} | arguments
        monkeypatch.chdir("/")
        assert load_data(**data.source).fingerprint == data.fingerprint
        monkeypatch.chdir(tmp_path)
    assert load_data("digits").source == {"name": "digits"}


def test_other_images_do_not_claim_the_source() -> None:
    data = load_data("digits")
    assert data.subset(train=5).source is None
    assert dataclasses.replace(data, test=data.test.take([0])).source is None
    assert ImageData("digits", data.train, data.validation, data.test, data.classes).source is None
    assert pickle.loads(pickle.dumps(data)).source == data.source


def test_a_new_data_set_of_the_family_is_one_line(
    tmp_path: Path, write_mnist: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a source says of itself is all that loading it needs to know."""
    letters = dataclasses.replace(DATASETS["mnist"], name="letters", folders=("letters",), classes=tuple("abcdefghij"))
    choices = Choices("name", {**DATASETS, "letters": letters})
    monkeypatch.setattr("sqnn.data.load.DATASETS", choices)
    write_mnist(tmp_path / "letters")
    data = load_data("letters", tmp_path, validation=0, download=False)
    assert (data.classes[2], len(data.train), data.source["name"]) == ("c", 300, "letters")
    with pytest.raises(DataError, match=r"mnist.*not found"):
        load_data("mnist", tmp_path / "letters", download=False)


def test_splitting_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    load_data("digits", split_seed=5)
    assert torch.equal(torch.get_rng_state(), before)


def test_digits_are_scikit_learns_own() -> None:
    bunch = load_digits()
    data = load_data("digits")
    ours = torch.cat([split.images for split in data.splits.values()]).flatten(1).numpy()
    labels = torch.cat([split.labels for split in data.splits.values()]).numpy()
    ours_sorted = sorted(map(tuple, np.column_stack([labels, ours]).tolist()))
    theirs = np.column_stack([bunch.target, bunch.data]).astype(int).tolist()
    assert ours_sorted == sorted(map(tuple, theirs))
    assert [len(split) for split in data.splits.values()] == [1258, 180, 359]
    assert float(data.train.floats().max()) == 1.0
    assert not torch.equal(load_data("digits", split_seed=1).test.images, data.test.images)


def test_digits_test_set_ignores_validation() -> None:
    assert torch.equal(load_data("digits", validation=7).test.images, load_data("digits").test.images)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", [".", "fashion-mnist", "fashion-mnist/raw", "FashionMNIST", "FashionMNIST/raw"])
def test_every_documented_place_is_found(
    tmp_path: Path, write_mnist: Callable[..., Path], place: str, zipped: bool
) -> None:
    write_mnist(tmp_path / place, zipped)
    data = load_data("fashion-mnist", tmp_path, validation=0, download=False)
    assert _numbers(data.train) == list(range(300))
    assert data.classes[9] == "ankle boot"


def test_named_folder_comes_before_the_directory_itself(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    write_mnist(tmp_path, label_shift=3)
    write_mnist(tmp_path / "kmnist")
    assert load_data("kmnist", tmp_path, validation=0).train.labels[0] == 0
    assert load_data("mnist", tmp_path, validation=0).train.labels[0] == 3


def test_a_folder_named_after_another_set_is_not_taken_for_this_one(
    tmp_path: Path, write_mnist: Callable[..., Path]
) -> None:
    write_mnist(tmp_path / "mnist")
    write_mnist(tmp_path / "MNIST" / "raw")
    for folder in (tmp_path / "mnist", tmp_path / "MNIST" / "raw"):
        assert len(load_data("mnist", folder, validation=0).train) == 300
        with pytest.raises(DataError, match=r"kmnist.*not found"):
            load_data("kmnist", folder, download=False)


def test_environment_names_the_directory_and_the_argument_overrides_it(
    tmp_path: Path, write_mnist: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path / "a" / "mnist", label_shift=1)
    write_mnist(tmp_path / "b" / "mnist", label_shift=2)
    monkeypatch.setenv("SQNN_DATA", str(tmp_path / "a"))
    assert load_data("mnist", validation=0).train.labels[0] == 1
    assert load_data("mnist", tmp_path / "b", validation=0).train.labels[0] == 2


def test_download_fetches_only_what_is_missing_and_keeps_what_is_there(
    tmp_path: Path, write_mnist: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = write_mnist(tmp_path / "server", zipped=True)
    folder = tmp_path / "data" / "mnist"
    write_mnist(folder, label_shift=4)
    for name in IDX_FILES[2:]:
        (folder / name).unlink()
    asked = []

    def retrieve(url: str, known_hash: str, fname: str, path: Path, **_: Any) -> str:
        asked.append((url.rsplit("/", 1)[1], known_hash))
        return shutil.copy(server / fname, path / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    data = load_data("mnist", tmp_path / "data", validation=0)
    assert asked == [
        ("t10k-images-idx3-ubyte.gz", "md5:9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "md5:ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    assert (int(data.train.labels[0]), int(data.test.labels[0])) == (4, 0)


@pytest.mark.parametrize("failure", [ValueError("digest\ndiffers"), PermissionError(13, "denied")])
def test_a_failed_download_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def retrieve(*_: Any, **__: Any) -> str:
        raise failure

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(DataError, match=r"digest differs|denied") as caught:
        load_data("kmnist", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "digits"])
@pytest.mark.parametrize("download", [True, False])
def test_without_files_or_network_one_line_says_what_to_do(tmp_path: Path, name: str, download: bool) -> None:
    with pytest.raises(DataError) as caught:
        load_data(name, tmp_path, download=download)
    message = str(caught.value)
    wanted = ["test_batch.bin"] if name == "cifar10" else IDX_FILES
    for part in (
        *wanted,
        str(tmp_path / DATASETS[name].folders[0]),
        "--data-dir",
        "SQNN_DATA",
        *(["http", "no connection"] if download else []),
    ):
        assert part in message
    assert "\n" not in message
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_incomplete_folder_is_pointed_out(tmp_path: Path, write_mnist: Callable[..., Path]) -> None:
    folder = write_mnist(tmp_path / "MNIST" / "raw")
    (folder / IDX_FILES[3]).unlink()
    with pytest.raises(DataError, match=r"raw lacks only t10k-labels-idx1-ubyte\)"):
        load_data("mnist", tmp_path, download=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"name": "fashionmnist"}, "name: got 'fashionmnist'.*did you mean 'fashion-mnist'"),
        ({"name": "imagenet"}, "expected one of digits, mnist"),
        ({"validation": 1438}, "validation: got 1438.*0 to 1,437"),
        ({"validation": -1}, "validation: got -1"),
        ({"validation": 0.1}, "validation: got 0.1.*whole number"),
        ({"split_seed": -1}, "split_seed: got -1"),
        ({"split_seed": 2**32}, "split_seed: got 4294967296"),
        ({"name": "mnist", "data_dir": 3}, "data_dir: got 3"),
        ({"name": "mnist", "data_dir": __file__}, "data_dir: got the file .*test_data_load.py.*, expected the folder"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        load_data(**arguments)
