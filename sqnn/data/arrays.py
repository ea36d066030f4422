"""Arrays of images and labels, of any layout and range, made into the three parts of an image set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sqnn.core import brief, counted, is_whole
from sqnn.data.errors import DataError, reason, seed_number
from sqnn.data.split import SPLITS, Split
from sqnn.data.splitting import stratified_draw

Array = NDArray[Any]
Pair = tuple[object, object]
"""Images and labels, as a user has them."""
WHITE = 255
"""The highest level of an image."""
DIM = 0.25
"""Share of white: images that are darker everywhere have another range than the usual one of their type."""
SHARES: Mapping[str, float] = MappingProxyType({"test": 0.2, "validation": 0.1})
"""What is held back of the images where a part is not given: of all to test, of the rest to validate."""
CHANNELS_FIRST, CHANNELS_LAST = "NCHW", "NHWC"
RECORDINGS = "NTCHW"
"""The layout of frames of recordings, which readers give and no array is taken for."""
NO_LABEL = -1
"""What others write where an image has no label."""
FEW_CHANNELS = (1, 2, 3, 4)
AT_ONCE = 1024
"""Images that are brought to levels at once."""


def assemble(
    parts: Mapping[str, Pair],
    *,
    classes: Sequence[str] | None = None,
    value_range: object = None,
    layout: str | None = None,
    validation: object = None,
    test: object = None,
    seed: int = 0,
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Return the three parts and the classes of `parts`, "train" and perhaps others; what lacks is drawn from "train".

    `test` and `validation` are how many images are drawn, or their share below 1, of all and of the rest. Raises
    DataError as `ImageData.from_arrays` does.
    """
    order = [part for part in SPLITS if part in parts]
    told = {part: "images" if part == "train" else f"{part} images" for part in order}
    arrays = {part: laid_out(told[part], _numbers(told[part], parts[part][0]), layout) for part in order}
    names = {part: "labels" if part == "train" else f"{part} labels" for part in order}
    values = {part: _label_values(names[part], parts[part][1], len(arrays[part])) for part in order}
    numbers, known = _numbered(values, classes)
    if layout != RECORDINGS:
        _require_pictures(arrays["train"])
    span = _range(arrays["train"], value_range)
    splits = {part: _split(told[part], arrays[part], span, numbers[part]) for part in order}
    generator = torch.Generator().manual_seed(seed_number("seed", seed))
    shares = [asked for part, asked in (("test", test), ("validation", validation)) if part not in splits]
    if len(shares) == 2 and all(isinstance(asked, float | np.floating) and 0 < asked < 1 for asked in shares):
        _require_rest(*shares)
    for part, asked in (("test", test), ("validation", validation)):
        if part not in splits:
            splits["train"], splits[part] = _draw(part, splits["train"], asked, generator)
    trained = set(splits["train"].labels.tolist())
    for part in ("validation", "test"):
        alone = sorted(set(splits[part].labels.tolist()) - trained)
        if alone:
            raise DataError(
                f"labels: class {known[alone[0]]!r} is in {part} alone, expected it in train too; add images of it"
            )
    return splits, known


def _split(name: str, images: Array, span: tuple[float, float], labels: NDArray[np.int64]) -> Split:
    levels, most = _levels(name, images, span)
    return Split(torch.from_numpy(levels), torch.from_numpy(labels), most)


def _draw(part: str, learn: Split, asked: object, generator: torch.Generator) -> tuple[Split, Split]:
    """Return the rest of a split and what was drawn from it, stratified by class."""
    size = len(learn)
    if size < 2:
        given = counted(size, "image")
        raise DataError(f"{part}: cannot be drawn from {given}, expected more; add images, or a part of its own")
    share = SHARES[part] if asked is None else asked
    if isinstance(share, float | np.floating) and 0 < share < 1:
        count = min(max(round(float(share) * size), 1), size - 1)
    elif is_whole(share) and 0 <= share < size:
        count = int(share)
    else:
        expected = f"a share above 0 and below 1, or a whole number from 0 to {size - 1:,}"
        left = f"of the {counted(size, 'image')}, some are to train"
        raise DataError(f"{part}: got {brief(asked)}, expected {expected}: {left}")
    drawn, rest = stratified_draw(learn.labels, count, generator)
    return learn.take(rest), learn.take(drawn)


def _require_rest(test: Any, validation: Any) -> None:
    """Raise DataError where shares of which the second is one of the rest were meant as shares of all."""
    if test + validation >= 1:
        raise DataError(
            f"validation: got {validation:g} beside test {test:g}, expected shares that leave some images to train; "
            "test is a share of all images, validation of the rest"
        )


def _require_pictures(images: Array) -> None:
    """Raise DataError where all images are of one level, as those that were read wrongly are."""
    low, high = _ends("images", images)
    if low == high:
        raise DataError(
            f"images: are {low:g} everywhere, expected pictures with something on them; check how they were read"
        )


def as_array(name: str, value: object) -> Array:
    """Return a tensor, an array, a table or nested lists as an array; DataError where they are none."""
    try:
        if isinstance(value, torch.Tensor):
            plain = value.detach().cpu()
            return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name}: not one array ({reason(error)}); expected NumPy or torch") from error


def _numbers(name: str, value: object) -> Array:
    array = as_array(name, value)
    if array.dtype.kind not in "buif":
        raise DataError(f"{name}: got an array of {array.dtype}, expected numbers: levels or floats")
    if not array.size:
        raise DataError(f"{name}: got shape {array.shape}, expected at least one image of at least one pixel")
    return array


def laid_out(name: str, array: Array, layout: str | None = None) -> Array:
    """Return images as [N, C, H, W]; channels last are recognised where nothing else can be meant.

    `layout` is NCHW or NHWC where both can. Raises DataError that shows the call to write otherwise.
    """
    if layout == RECORDINGS and array.ndim == len(RECORDINGS):
        return array
    if layout not in (None, CHANNELS_FIRST, CHANNELS_LAST):
        raise DataError(f"layout: got {brief(layout)}, expected {CHANNELS_FIRST} or {CHANNELS_LAST}")
    if array.ndim == 3:
        return array[:, np.newaxis]
    if array.ndim != 4:
        shapes = "[N, H, W], [N, C, H, W] or [N, H, W, C]"
        raise DataError(f"{name}: got shape {array.shape}, expected {shapes}; {name}.reshape(...) makes it so")
    first, last = array.shape[1] in FEW_CHANNELS, array.shape[3] in FEW_CHANNELS
    if layout is None and first == last:
        either = "the second or the last axis may be the channels" if first else "no axis has 1 to 4 channels"
        raise DataError(
            f"{name}: got shape {array.shape}, where {either}, expected [N, C, H, W]; give layout='{CHANNELS_FIRST}', "
            f"after torch.as_tensor({name}).permute(0, 3, 1, 2) where the channels are last"
        )
    channels_last = layout == CHANNELS_LAST or (layout is None and last)
    return array.transpose(0, 3, 1, 2) if channels_last else array


def _range(images: Array, value_range: object) -> tuple[float, float]:
    """Return the values of black and white: the stated ones, or the usual ones of the type where they fit."""
    if value_range is not None:
        span = as_array("value_range", value_range)
        if span.shape != (2,) or span.dtype.kind not in "uif" or not (np.isfinite(span).all() and span[0] < span[1]):
            raise DataError(f"value_range: got {brief(value_range)}, expected the values of black and white: (0, 255)")
        return float(span[0]), float(span[1])
    if images.dtype == np.bool_:
        return 0.0, 1.0
    low, high = _ends("images", images)
    usual = float(WHITE) if images.dtype == np.uint8 else 1.0
    if images.dtype != np.uint8 and (images.dtype.kind != "f" or low < 0 or high > 1):
        raise DataError(
            f"value_range: got None for {images.dtype} from {low:g} to {high:g}, expected the values of black and "
            f"white: value_range=({min(low, 0):g}, {high:g}), or those of the full scale"
        )
    if high <= DIM * usual:
        raise DataError(
            f"value_range: got None for images no brighter than {high:g} of {usual:g}, expected the values of black "
            f"and white: value_range=(0, {high:g}), or (0, {usual:g}) where they are that dark"
        )
    return 0.0, usual


def _ends(name: str, images: Array) -> tuple[float, float]:
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{name}: has NaN or infinite values, expected finite ones")
    return low, high


def _levels(name: str, images: Array, span: tuple[float, float]) -> tuple[NDArray[np.uint8], int]:
    """Return images as levels and the highest level: whole numbers from 0 exactly, others rounded to 0..255."""
    (least, most), (low, high) = span, _ends(name, images)
    if low < least or high > most:
        raise DataError(f"{name}: got values from {low:g} to {high:g}, expected {least:g} to {most:g} (value_range)")
    exact = images.dtype.kind in "bui" and least == 0 and most <= WHITE and most == int(most)
    levels = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), AT_ONCE):
        chunk = images[start : start + AT_ONCE]
        scaled = chunk if exact else np.rint((chunk.astype(np.float64) - least) * (WHITE / (most - least)))
        levels[start : start + AT_ONCE] = scaled
    return levels, int(most) if exact else WHITE


def _label_values(name: str, value: object, count: int) -> Array:
    """Return labels as one axis of whole numbers or texts, one for each of `count` images."""
    labels = as_array(name, value)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        raise DataError(f"{name}: got shape {labels.shape}, expected [N]; {name}.argmax(1) makes it so of one-hot rows")
    if labels.ndim != 1 or len(labels) != count:
        raise DataError(f"{name}: got shape {labels.shape} for {counted(count, 'image')}, expected one label for each")
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)
    if labels.dtype.kind == "O" and all(is_whole(label) for label in labels):
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "buiU":
        raise DataError(f"{name}: got {labels.dtype}, expected class numbers or names of classes")
    return labels if labels.dtype.kind == "U" else labels.astype(np.int64)


def _numbered(
    values: Mapping[str, Array], classes: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Return labels as class numbers, and the classes: the given ones, or all labels in order."""
    texts = {labels.dtype.kind == "U" for labels in values.values()}
    if len(texts) > 1:
        raise DataError("labels: got numbers in one part and names in another, expected the same in all parts")
    every = np.concatenate([np.unique(labels) for labels in values.values()])
    if classes is None:
        known = np.unique(every)
        names = tuple(sorted(known.tolist(), key=natural) if texts == {True} else map(str, known.tolist()))
    else:
        if not isinstance(classes, Sequence | np.ndarray) or isinstance(classes, str):
            raise DataError(f"classes: got {brief(classes)}, expected the name of each class, as text: ('cat', 'dog')")
        names = tuple(classes.tolist() if isinstance(classes, np.ndarray) else classes)
    if len(names) < 2:
        raise DataError(f"labels: got one class ({brief(names[0]) if names else 'none'}), expected at least two")
    if texts == {True}:
        place = {name: number for number, name in enumerate(names)}
        stranger = next((str(label) for label in every if str(label) not in place), None)
        if stranger is not None:
            raise DataError(f"labels: got {brief(stranger)}, expected one of {brief(list(names))} (classes)")
        return {k: np.array([place[str(v)] for v in labels], np.int64) for k, labels in values.items()}, names
    if classes is None:
        if known[0] == NO_LABEL and known.tolist() != [-1, 1]:
            raise DataError(
                "labels: got -1, which often says that there is none, expected class numbers from 0 (or -1 and 1); "
                "leave such images out: images[labels >= 0], or add 1 to all labels where -1 is a class"
            )
        return {part: np.searchsorted(known, labels).astype(np.int64) for part, labels in values.items()}, names
    if every.min() < 0 or every.max() >= len(names):
        wrong = every.min() if every.min() < 0 else every.max()
        mend = "; leave images without a label out: images[labels >= 0]" if wrong == NO_LABEL else ""
        raise DataError(f"labels: got {wrong}, expected 0 to {len(names) - 1} (see classes){mend}")
    return dict(values), names


def natural(name: str) -> tuple[bool, int, str]:
    """Return the key that sorts names: numbers by size, and after them the others by letters."""
    number = name.isascii() and name.isdecimal() and len(name) < 20
    return not number, int(name) if number else 0, name
