"""The user's own images: exact levels through every format, and one clear line for every mistake."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sqnn.data import DataError, read_images

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def _levels(images: torch.Tensor) -> np.ndarray:
    return (images * 255).round().numpy()


def test_png_of_the_right_size_is_read_level_by_level(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    Image.fromarray(COLOUR).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(_levels(read_images(tmp_path / "grey.png", 1, (5, 7)))[0, 0], GREY)
    np.testing.assert_array_equal(
        _levels(read_images(str(tmp_path / "colour.png"), 3, (5, 7)))[0], COLOUR.transpose(2, 0, 1)
    )
    three = _levels(read_images(tmp_path / "grey.png", 3, (5, 7)))[0]
    np.testing.assert_array_equal(three, np.stack([GREY] * 3))


def test_sixteen_bits_transparency_and_orientation(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(_levels(read_images(tmp_path / "deep.png", 1, (5, 7)))[0, 0], GREY)
    clear = np.dstack([COLOUR, np.full((5, 7), 255, np.uint8)])
    clear[0, :, 3] = 0
    Image.fromarray(clear).save(tmp_path / "clear.png")
    seen = _levels(read_images(tmp_path / "clear.png", 3, (5, 7)))[0]
    np.testing.assert_array_equal(seen[:, 1:], COLOUR.transpose(2, 0, 1)[:, 1:])
    assert seen[:, 0].max() == 0
    exif = Image.Exif()
    exif[0x0112] = 3  # the camera was held upside down
    Image.fromarray(GREY).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(_levels(read_images(tmp_path / "turned.png", 1, (5, 7)))[0, 0], GREY[::-1, ::-1])


def test_resizing_puts_height_before_width_and_keeps_places(tmp_path: Path) -> None:
    picture = np.zeros((40, 20), np.uint8)
    picture[:, 10:] = 255
    Image.fromarray(picture).save(tmp_path / "half.png")
    left, right = read_images(tmp_path / "half.png", 1, (8, 4))[0, 0].split(2, dim=1)
    assert left.mean() < 0.05 < 0.95 < right.mean()


@given(
    count=st.integers(1, 3),
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from(["u1", "<f8", ">f4", "f2"]),
)
def test_every_array_shape_holds_the_same_images(
    tmp_path_factory: pytest.TempPathFactory, count: int, channels: int, dtype: str
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    levels = np.random.default_rng(count).integers(0, 256, (count, channels, 4, 6), dtype=np.uint8)
    array = levels if dtype == "u1" else (levels / 255).astype(dtype)
    shapes = [array, *([array[0]] if count == 1 else []), *([array[:, 0]] if channels == 1 else [])]
    if count == channels == 1:
        shapes.append(array[0, 0])
    for at, each in enumerate(shapes):
        np.save(folder / f"{at}.npy", each)
        np.testing.assert_array_equal(_levels(read_images(folder / f"{at}.npy", channels, (4, 6))), levels)


def _save(array: Any) -> Callable[[Path], None]:
    return lambda path: np.save(path, array, allow_pickle=True)


FLOATS = np.zeros((4, 6))


def _several(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=FLOATS, b=FLOATS)


def _cut_short(path: Path) -> None:
    np.save(path, FLOATS)
    path.write_bytes(path.read_bytes()[:-8])


BAD_ARRAYS: dict[str, tuple[Callable[[Path], None], str]] = {
    "NaN": (_save(np.where(np.eye(4, 6) > 0, np.nan, 0)), "NaN"),
    "infinite": (_save(FLOATS + np.inf), "infinite"),
    "levels as floats": (_save(FLOATS + 255.0), r"255 to 255, expected 0 to 1"),
    "negative": (_save(FLOATS - 0.5), "-0.5"),
    "integers": (_save(FLOATS.astype(int)), "int64"),
    "other size": (_save(np.zeros((4, 5))), r"shape \(4, 5\), expected \(4, 6\)"),
    "no images": (_save(np.zeros((0, 1, 4, 6))), "mine"),
    "objects": (_save(np.array([[{}]], object)), "not a readable NumPy array"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps([1])), "not a readable NumPy array"),
    "empty": (lambda path: path.write_bytes(b""), "not a readable NumPy array"),
    "cut short": (_cut_short, "not a readable NumPy array"),
    "several": (_several, "several arrays"),
}


@pytest.mark.parametrize(("write", "expected"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_told_in_one_line(tmp_path: Path, write: Callable[[Path], None], expected: str) -> None:
    path = tmp_path / "mine.npy"
    write(path)
    with pytest.raises(DataError, match=expected) as caught:
        read_images(path, 1, (4, 6))
    assert "mine.npy" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_object_array_is_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "bomb.npy", np.array([Bomb()], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"bomb\.npy"):
        read_images(tmp_path / "bomb.npy", 1, (4, 6))
    assert not (tmp_path / "exploded").exists()


def test_bad_pictures_and_paths_are_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture\n")
    Image.fromarray(RANDOM.integers(0, 256, (60, 60), dtype=np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:500])
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "float.tiff")
    for name, expected in (
        ("notes.txt", "not a readable image"),
        ("cut.png", "not a readable image"),
        ("float.tiff", "white level is unknown"),
        ("gone.png", "path: no file"),
        (".", "path: got the folder"),
    ):
        with pytest.raises(DataError, match=expected) as caught:
            read_images(tmp_path / name, 1, (5, 7))
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_other_channel_counts_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    with pytest.raises(DataError, match="in_channels: got 2, expected 1"):
        read_images(tmp_path / "grey.png", 2, (5, 7))
    np.save(tmp_path / "grey.npy", GREY)
    with pytest.raises(DataError, match=r"expected \(3, 5, 7\) or \(N, 3, 5, 7\)"):
        read_images(tmp_path / "grey.npy", 3, (5, 7))
