"""Labelled images in memory, and the three parts that an experiment uses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import brief
from sqnn.data.display import class_grid, summary_html
from sqnn.data.errors import DataError, whole_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPLITS: tuple[str, ...] = ("train", "validation", "test")
CHANNELS = (1, 3, 4)
"""Of a grey image, of one in red, green and blue, and of one with transparency as well."""
Positions = Tensor | list[int] | slice


@dataclass(frozen=True, eq=False)
class Split:
    """Images as stored, with their labels.

    `images` are levels, uint8 [N, C, H, W]; `labels` class numbers, int64 [N]; `max_level` is the level of full
    intensity: 255, or 16 for scikit-learn's digits. Raises DataError where a tensor has another type or shape, the two
    differ in length, or a level is too high.
    """

    images: Tensor
    labels: Tensor
    max_level: int = 255

    def __post_init__(self) -> None:
        whole_number("max_level", self.max_level, 1, 255)
        _require("images", self.images, torch.uint8, 4, "[N, C, H, W]")
        _require("labels", self.labels, torch.int64, 1, "[N]")
        _, first, second, last = self.images.shape
        if last in CHANNELS and min(first, second) > max(CHANNELS):
            raise DataError(
                f"images: got shape {tuple(self.images.shape)}, which has the channels last, expected [N, C, H, W]; "
                "images.permute(0, 3, 1, 2) makes it so"
            )
        if len(self.images) != len(self.labels):
            raise DataError(f"labels: got {len(self.labels):,} for {len(self.images):,} images, expected as many")
        if 0 in self.images.shape[1:]:
            raise DataError(f"images: got shape {tuple(self.images.shape)}, expected at least one channel and pixel")
        if len(self) and int(self.images.max()) > self.max_level:
            raise DataError(
                f"images: got level {int(self.images.max())}, expected at most {self.max_level} (max_level)"
            )
        if len(self) and int(self.labels.min()) < 0:
            raise DataError(f"labels: got {int(self.labels.min())}, expected class numbers from 0")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images of {_size(self)}, levels 0..{self.max_level})"

    def floats(self, index: Positions | None = None) -> Tensor:
        """Return images (all by default) as `level / max_level`, float32 [batch, channels, height, width]."""
        chosen = self.images if index is None else self.images[index]
        return chosen.to(torch.float32).div_(self.max_level)

    def take(self, index: Positions) -> Split:
        """Return the images and labels at `index` as a split of their own."""
        return replace(self, images=self.images[index], labels=self.labels[index])


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """A named image set in its three parts: to learn from, to choose by, to report on.

    `source` is the name and the options with which `load_data` gives these very images, None where it cannot: of
    images of your own, of a subset, of a copy in which a part was replaced.

    Raises DataError where a part is no Split, the parts differ in image shape or level, or a label has no class.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    # Not an argument, so that dataclasses.replace never carries it over to other images.
    source: Mapping[str, str | int] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for part, split in self.splits.items():
            if not isinstance(split, Split):
                raise DataError(f"{part}: got {type(split).__name__}, expected a Split(images, labels)")
        if not isinstance(self.name, str):
            raise DataError(f"name: got {brief(self.name)}, expected the name of the data, as text")
        if not isinstance(self.classes, tuple | list) or not all(isinstance(name, str) for name in self.classes):
            raise DataError(
                f"classes: got {brief(self.classes)}, expected the name of each class, as text: ('cat', 'dog')"
            )
        repeated = next((name for name in self.classes if self.classes.count(name) > 1), None)
        if repeated is not None:
            raise DataError(f"classes: got {brief(repeated)} more than once, expected another name for each class")
        if not len(self.train):
            raise DataError("train: got no image, expected at least one")
        for part, split in self.splits.items():
            if split.images.shape[1:] != self.train.images.shape[1:] or split.max_level != self.train.max_level:
                raise DataError(f"{part}: got {split!r}, expected the same size and levels as train: {self.train!r}")
            if len(split) and int(split.labels.max()) >= len(self.classes):
                highest = int(split.labels.max())
                raise DataError(f"{part}: got label {highest}, expected 0 to {len(self.classes) - 1} (see classes)")

    @property
    def splits(self) -> dict[str, Split]:
        """The three parts by name."""
        return {name: vars(self)[name] for name in SPLITS}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all images and labels in their parts and order: equal only for equal data."""
        digest = hashlib.sha256()
        for split in self.splits.values():
            digest.update(str(tuple(split.images.shape)).encode())
            digest.update(split.images.contiguous().numpy().tobytes())
            digest.update(split.labels.contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def in_channels(self) -> int:
        """Channels of every image: 1 for grey, 3 for red, green, blue."""
        return self.train.images.shape[1]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.train.images.shape[2], self.train.images.shape[3]

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    def subset(self, train: int | None = None, validation: int | None = None, test: int | None = None) -> ImageData:
        """Return the first so many images of each part (all where None), without `source`: a set to explore with."""
        return replace(
            self,
            train=_first("train", self.train, train),
            validation=_first("validation", self.validation, validation),
            test=_first("test", self.test, test),
        )

    def plot(self, n: int = 8) -> Figure:
        """Draw the first `n` training images of each class, one labelled row per class."""
        whole_number("n", n, 1, 1000)
        return class_grid(self.train.images, self.train.labels, self.classes, self.train.max_level, n)

    def __repr__(self) -> str:
        counts = ", ".join(f"{part} {len(split):,}" for part, split in self.splits.items())
        return f"ImageData({self.name!r}: {counts}; {_size(self.train)} pixels, {self.num_classes} classes)"

    def _repr_html_(self) -> str:
        title = f"{self.name}: {_size(self.train)} pixels, levels 0..{self.train.max_level}"
        counts = {part: split.labels.bincount(minlength=self.num_classes) for part, split in self.splits.items()}
        return summary_html(title, self.classes, {part: count.tolist() for part, count in counts.items()})


def _require(name: str, value: Tensor, dtype: torch.dtype, ndim: int, shape: str) -> None:
    if not isinstance(value, Tensor):
        hint = f"torch.as_tensor({name}, dtype={dtype}) makes one"
        raise DataError(f"{name}: got {type(value).__name__}, expected a {dtype} tensor {shape}; {hint}")
    if value.dtype != dtype or value.ndim != ndim:
        raise DataError(f"{name}: got {value.dtype} of shape {tuple(value.shape)}, expected {dtype} {shape}")


def _size(split: Split) -> str:
    return "x".join(str(side) for side in split.images.shape[1:])


def _first(part: str, split: Split, count: int | None) -> Split:
    if count is None:
        return split
    return split.take(slice(whole_number(part, count, 1 if part == "train" else 0, len(split))))


def with_source(data: ImageData, source: Mapping[str, str | int]) -> ImageData:
    """Mark images that `load_data(**source)` gives, and return them."""
    object.__setattr__(data, "source", dict(source))
    return data


def require_image_data(data: object) -> ImageData:
    """Return `data` if it is an ImageData; DataError says how to make one."""
    if isinstance(data, ImageData):
        return data
    if isinstance(data, str):
        raise DataError(f"data: got {brief(data)}, expected an ImageData; load_data({brief(data)}) gives one")
    raise DataError(
        f"data: got {type(data).__name__}, expected an ImageData: load_data(name), or "
        "ImageData(name, train, validation, test, classes) of three Split(images, labels)"
    )
