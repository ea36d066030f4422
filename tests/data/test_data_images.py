"""`Split` and `ImageData`: exact intensities, fixed subsets, honest displays, refused nonsense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sqnn.data import DataError, ImageData, Split, load_data


def _split(count: int = 6, max_level: int = 255, classes: int = 3) -> Split:
    images = torch.arange(count, dtype=torch.uint8).reshape(count, 1, 1, 1).expand(count, 1, 2, 3).contiguous()
    return Split(images, torch.arange(count) % classes, max_level)


@given(max_level=st.integers(1, 255), data=st.data())
def test_floats_are_levels_over_the_greatest(max_level: int, data: st.DataObject) -> None:
    levels = data.draw(st.lists(st.integers(0, max_level), min_size=1, max_size=20))
    split = Split(
        torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1),
        torch.zeros(len(levels)).long(),
        max_level,
    )
    exact = (np.array(levels) / max_level).astype(np.float32)
    np.testing.assert_array_equal(split.floats().flatten().numpy(), exact)
    backwards = torch.arange(len(levels)).flip(0)
    np.testing.assert_array_equal(split.floats(backwards).flatten().numpy(), exact[::-1])


def test_subset_is_the_beginning_and_leaves_the_rest() -> None:
    data = load_data("digits")
    small = data.subset(train=30, test=5)
    assert torch.equal(small.train.images, data.train.images[:30])
    assert torch.equal(small.test.labels, data.test.labels[:5])
    assert torch.equal(small.validation.images, data.validation.images)
    assert small.train.max_level == 16


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"train": 0}, "train: got 0"),
        ({"validation": 181}, "validation: got 181.*0 to 180"),
        ({"test": True}, "test: got True.*whole number"),
    ],
)
def test_impossible_subsets_are_refused(arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        load_data("digits").subset(**arguments)


LEVELS = torch.zeros(2, 1, 3, 3, dtype=torch.uint8)
LABELS = torch.zeros(2, dtype=torch.int64)


@pytest.mark.parametrize(
    ("images", "labels", "max_level", "expected"),
    [
        (LEVELS.float(), LABELS, 255, "images: got torch.float32"),
        (LEVELS[:, 0], LABELS, 255, r"shape \(2, 3, 3\), expected torch.uint8 \[N, C, H, W\]"),
        (LEVELS.numpy(), LABELS, 255, "images: got ndarray, .*; torch.as_tensor.images, dtype=torch.uint8. makes one"),
        (LEVELS, LABELS.tolist(), 255, "labels: got list, .*; torch.as_tensor.labels, dtype=torch.int64. makes one"),
        *(
            (LEVELS.new_zeros(2, 8, 6, last), LABELS, 255, r"channels last, .*images.permute\(0, 3, 1, 2\) makes it so")
            for last in (1, 3, 4)
        ),
        (LEVELS, LABELS.int(), 255, "labels: got torch.int32"),
        (LEVELS, LABELS[:1], 255, "labels: got 1 for 2 images"),
        (LEVELS, LABELS - 1, 255, "labels: got -1"),
        (LEVELS + 17, LABELS, 16, "images: got level 17, expected at most 16"),
        (LEVELS, LABELS, 0, "max_level: got 0"),
        (LEVELS[..., :0], LABELS, 255, "at least one channel and pixel"),
    ],
)
def test_split_refuses(images: Any, labels: Any, max_level: int, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        Split(images, labels, max_level)


@pytest.mark.parametrize("shape", [(3, 8, 6), (1, 8, 3), (4, 4, 4), (1, 1, 1), (8, 6, 5), (3, 2, 3)])
def test_channels_first_are_taken_whatever_the_size(shape: tuple[int, ...]) -> None:
    split = Split(torch.zeros(2, *shape, dtype=torch.uint8), LABELS)
    assert split.floats().shape == (2, *shape)


@pytest.mark.parametrize(
    ("name", "classes", "expected"),
    [
        ("toy", 3, "classes: got 3, expected the name of each class, as text"),
        ("toy", "abc", "classes: got 'abc', expected the name of each class, as text"),
        ("toy", ("a", "b", "a"), "classes: got 'a' more than once, expected another name for each class"),
        (5, ("a", "b", "c"), "name: got 5, expected the name of the data, as text"),
    ],
)
def test_names_are_texts_and_differ(name: Any, classes: Any, expected: str) -> None:
    part = _split()
    with pytest.raises(DataError, match=f"^{expected}"):
        ImageData(name, part, part, part, classes)


def test_parts_must_agree() -> None:
    good = _split()
    with pytest.raises(DataError, match=r"validation: .*levels 0..16.*expected the same"):
        ImageData("toy", good, _split(max_level=16), good, ("a", "b", "c"))
    with pytest.raises(DataError, match="test: got label 3, expected 0 to 2"):
        ImageData("toy", good, good, _split(classes=4), ("a", "b", "c"))
    with pytest.raises(DataError, match=r"validation: got Tensor, expected a Split\(images, labels\)"):
        ImageData("toy", good, LEVELS, good, ("a", "b", "c"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"classes: got \(0, 1, 2\), expected the name of each class"):
        ImageData("toy", good, good, good, (0, 1, 2))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="train: got no image"):
        ImageData("toy", good.take(slice(0)), good, good, ("a", "b", "c"))


def test_numpy_numbers_are_whole_numbers() -> None:
    data = load_data("digits", validation=np.int64(9), split_seed=np.uint8(1))
    assert len(data.subset(train=np.int32(5)).train) == 5
    assert data.source == {"name": "digits", "validation": 9, "split_seed": 1}
    assert {type(value) for value in data.source.values()} == {str, int}


def test_repr_and_html_tell_name_counts_and_shape() -> None:
    data = ImageData("toy", _split(6), _split(3), _split(4), ("a", "<b>", "c"))
    assert repr(data) == "ImageData('toy': train 6, validation 3, test 4; 1x2x3 pixels, 3 classes)"
    page = data._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<th>test</th><td>4</td><td>2</td><td>1</td><td>1</td>" in page


def test_plot_shows_images_of_the_class_that_labels_the_row() -> None:
    data = load_data("digits")
    figure = data.plot(n=2)
    rows = [figure.axes[at : at + 2] for at in range(0, 20, 2)]
    assert [row[0].get_ylabel() for row in rows] == list(data.classes)
    second_seven = data.train.floats(data.train.labels == 7)[1, 0].numpy()
    np.testing.assert_array_equal(rows[7][1].images[0].get_array(), second_seven)
    with pytest.raises(DataError, match="n: got 0"):
        data.plot(n=0)
