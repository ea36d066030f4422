"""Image sets: the three parts that an experiment uses, and how they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sqnn.core import brief
from sqnn.data.display import class_grid, summary_html
from sqnn.data.errors import DataError, whole_number
from sqnn.data.split import SPLITS, SetParts, Split, size_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST = 1000
"""Images that tell the background of all."""


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """A named image set in its three parts: to learn from, to choose by, to report on.

    `source` says where these very images come from: the name and the options of `load_data`; or kind, path, options and
    classes of images of your own; None of a subset, and of a copy in which a part was replaced. `drawn` are the parts
    that were drawn at random from all images that a path holds, and not found there as parts of their own. `planted`
    says that images stand side by side and the label is that of the left one (see `planted_set`); a copy keeps it.

    `from_arrays`, `from_folder`, `from_file` and `from_dataset` make one of images of your own, `from_events` one of
    event recordings.

    Raises DataError where a part is no Split, the parts differ in image shape or level, or a label has no class.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    planted: bool = field(default=False, kw_only=True)
    # Not an argument, so that dataclasses.replace never carries it over to other images.
    source: Mapping[str, Any] | None = field(default=None, init=False)
    drawn: tuple[str, ...] = field(default=(), init=False)

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
        """Channels of every image: 1 for grey, 3 for red, green, blue, 2 for the polarities of recordings."""
        return self.train.images.shape[-3]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.train.images.shape[-2], self.train.images.shape[-1]

    @property
    def timesteps(self) -> int | None:
        """Frames of every recording; None of images."""
        return self.train.images.shape[1] if self.train.images.ndim == 5 else None

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def background(self) -> float:
        """The usual value at the border of the training images, from 0 (black) to 1: a median over the first 1,000."""
        return border(self.train.floats(slice(FIRST)))

    @classmethod
    def from_arrays(
        cls,
        images: object,
        labels: object,
        *,
        classes: Sequence[str] | None = None,
        value_range: tuple[float, float] | None = None,
        layout: str | None = None,
        validation: int | float | tuple[object, object] | None = None,
        test: int | float | tuple[object, object] | None = None,
        seed: int = 0,
        name: str = "arrays",
    ) -> ImageData:
        """Return the image set of arrays, NumPy's or torch's.

        `images` are [N, H, W], [N, C, H, W] or [N, H, W, C] (`layout` says NCHW or NHWC where both can be meant).
        `value_range` are the values of black and white; left out, they are 0 and 255 of unsigned bytes, 0 and 1 of
        floats and truth values. Values become 256 levels, whole numbers up to 255 stay exact. `labels` are class
        numbers or names, [N]; `classes` names them, and left out all labels are sorted. `test` and `validation` are
        images and labels of their own, or how many are drawn by `seed` and in the classes' proportions, or their share
        of all and of the rest: by default a fifth of all to test, a tenth of the rest to validate. Raises DataError
        where one of them does not fit.
        """
        from sqnn.data.arrays import assemble

        parts: dict[str, tuple[object, object]] = {"train": (images, labels)}
        asked: dict[str, object] = {"validation": validation, "test": test}
        for part, given in asked.items():
            if isinstance(given, tuple | list):
                if len(given) != 2:
                    raise DataError(f"{part}: got {len(given)} values, expected images and labels, or a number")
                parts[part] = (given[0], given[1])
        held: dict[str, Any] = {part: given for part, given in asked.items() if part not in parts}
        splits, names = assemble(parts, classes=classes, value_range=value_range, layout=layout, seed=seed, **held)
        return image_set(SetParts(name, splits, names, {"name": name, "kind": "arrays", "classes": list(names)}))

    @classmethod
    def from_dataset(
        cls,
        dataset: object,
        *,
        classes: Sequence[str] | None = None,
        value_range: tuple[float, float] | None = None,
        validation: object = None,
        test: object = None,
        seed: int = 0,
        name: str = "dataset",
        progress: bool = True,
    ) -> ImageData:
        """Return the image set of a `torch.utils.data.Dataset` of (image, label), or of a bunch of scikit-learn.

        Each item is read once, in order: leave random transforms and `Normalize` out. Images are tensors [C, H, W],
        arrays or Pillow's, all of one size. `validation` and `test` are data sets too, or numbers or shares as in
        `from_arrays`, which says the rest.
        """
        from sqnn.data.dataset import pair_of

        pair, names, layout = pair_of("dataset", dataset, progress)
        held = {
            part: given if given is None or isinstance(given, int | float) else pair_of(part, given, progress)[0]
            for part, given in (("validation", validation), ("test", test))
        }
        return cls.from_arrays(
            *pair,
            classes=names if classes is None else classes,
            value_range=value_range,
            layout=layout,
            seed=seed,
            name=name,
            **held,  # type: ignore[arg-type]  # a number or a pair, as was just made
        )

    @classmethod
    def from_folder(
        cls,
        path: str | PathLike[str],
        *,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        validation: int | float | None = None,
        test: int | float | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> ImageData:
        """Return the image set of a folder of pictures, in a folder for each class.

        These folders lie in `path`, or in folders train, validation (val, valid) and test there; a part without a
        folder is drawn from train as `from_arrays` does. Pictures are turned upright, brought to 8 bits, and laid on
        black where they are transparent. `size` is (height, width) in pixels, needed where those of the pictures
        differ; `channels` is 1 or 3, left out by whether any picture has colour. Hidden files are passed over. Raises
        DataError where a picture cannot be read, or folders are empty, nested or named alike.
        """
        from sqnn.data.own import FOLDER, load_own

        parts = load_own(
            path,
            (FOLDER,),
            size=size,
            channels=channels,
            validation=validation,
            test=test,
            seed=seed,
            progress=progress,
        )
        return image_set(parts)

    @classmethod
    def from_file(
        cls,
        path: str | PathLike[str],
        *,
        validation: int | float | None = None,
        test: int | float | None = None,
        seed: int = 0,
    ) -> ImageData:
        """Return the image set of a file, or of a folder of files.

        `.npz` of images and labels (or train_images, train_labels, x_test, ..., with an array value_range where floats
        exceed 0..1), IDX files under any names, CIFAR-10 and CIFAR-100 in their Python form. No code in a file is ever
        run. Raises DataError where it cannot be read; parts that lack are drawn as `from_arrays` does.
        """
        from sqnn.data.own import READERS, load_own

        return image_set(load_own(path, tuple(READERS), validation=validation, test=test, seed=seed))

    @classmethod
    def from_events(
        cls,
        recordings: object,
        labels: object = None,
        *,
        size: int | tuple[int, int] | None = None,
        classes: Sequence[str] | None = None,
        validation: object = None,
        test: object = None,
        seed: int = 0,
        name: str = "events",
        progress: bool = False,
        **framing: Any,
    ) -> ImageData:
        """Return the frames of event recordings, [N, time, 2, height, width]: channel 1 became brighter, 0 darker.

        `recordings` is a folder of files (`read_events`) in folders as those of `from_folder`; or a data set of
        (events, label) as tonic has them; or a list of structured arrays (t in microseconds, x, y, p) beside `labels`.
        `framing` are fields of `sqnn.data.Framing`: `timesteps` (8) frames by time or count (`frames_by`), of a
        `window` of microseconds or events, of at most `max_count` events per pixel, and the camera's `sensor`. `size`
        joins neighbouring pixels; `validation` and `test` are as in `from_dataset`. Raises DataError where a recording
        is damaged or does not fit.
        """
        from sqnn.data.own import load_events

        return image_set(
            load_events(recordings, labels, size, classes, validation, test, seed, name, progress, framing)
        )

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
        return f"ImageData({self.name!r}: {counts}; {size_of(self.train)} pixels, {self.num_classes} classes)"

    def _repr_html_(self) -> str:
        title = f"{self.name}: {size_of(self.train)} pixels, levels 0..{self.train.max_level}"
        counts = {part: split.labels.bincount(minlength=self.num_classes) for part, split in self.splits.items()}
        return summary_html(title, self.classes, {part: count.tolist() for part, count in counts.items()})


def border(images: Tensor) -> float:
    """Return the median value at the border of images [N, C, H, W] or [N, T, C, H, W]."""
    edges = (images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1])
    return float(torch.cat([edge.flatten() for edge in edges]).median())


def _first(part: str, split: Split, count: int | None) -> Split:
    if count is None:
        return split
    return split.take(slice(whole_number(part, count, 1 if part == "train" else 0, len(split))))


def image_set(parts: SetParts) -> ImageData:
    """Return the image set of these parts; DataError where they do not go together."""
    made = ImageData(parts.name, parts.splits["train"], parts.splits["validation"], parts.splits["test"], parts.classes)
    return with_source(made, parts.source, parts.drawn)


def with_source(data: ImageData, source: Mapping[str, Any], drawn: tuple[str, ...] = ()) -> ImageData:
    """Mark images with where they come from and with the parts that were drawn, and return them."""
    object.__setattr__(data, "source", dict(source))
    object.__setattr__(data, "drawn", drawn)
    return data


def require_image_data(data: object) -> ImageData:
    """Return `data` if it is an ImageData; DataError says how to make one."""
    if isinstance(data, ImageData):
        return data
    if isinstance(data, str):
        raise DataError(f"data: got {brief(data)}, expected an ImageData; load_data({brief(data)}) gives one")
    raise DataError(
        f"data: got {type(data).__name__}, expected an ImageData: load_data(name or path), or "
        "ImageData.from_arrays(images, labels), .from_dataset(dataset)"
    )
