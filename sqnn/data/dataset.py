"""Images out of the data sets of PyTorch and scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from sqnn.core import brief, sweep_progress
from sqnn.data.arrays import CHANNELS_FIRST, FEW_CHANNELS, Pair, as_array, laid_out
from sqnn.data.errors import DataError, reason
from sqnn.data.folder import MOST_BYTES


def pair_of(name: str, dataset: object, progress: bool = False) -> tuple[Pair, tuple[str, ...] | None, str | None]:
    """Return images and labels of a data set, the names of its classes and the layout where it has them.

    `dataset` gives (image, label) by number or in a row, as `torch.utils.data.Dataset` does, or is a bunch of
    scikit-learn with `target` and `images` or `data`. Images are tensors [C, H, W] or [H, W], arrays [H, W] or
    [H, W, C], or Pillow's. Raises DataError where it gives something else.
    """
    if isinstance(dataset, Mapping):
        return (_bunch_images(name, dataset), dataset.get("target")), class_names(dataset.get("target_names")), None
    if isinstance(dataset, DataLoader):
        raise DataError(f"{name}: got a DataLoader, expected what it draws from: its .dataset")
    if isinstance(dataset, str) or not (hasattr(dataset, "__getitem__") or isinstance(dataset, Iterable)):
        raise DataError(f"{name}: got {brief(dataset)}, expected a torch Dataset of (image, label), or a bunch")
    images: list[NDArray[Any]] = []
    labels: list[object] = []
    held = 0
    with sweep_progress(len(dataset) if isinstance(dataset, Sized) else 0, progress, noun="image") as tick:
        for number, item in enumerate(items_of(dataset)):
            if not isinstance(item, tuple | list) or len(item) != 2:
                raise DataError(f"{name}: item {number} is {brief(item)}, expected a pair (image, label)")
            image = _channels_first(f"{name}, item {number}", item[0])
            if images and image.shape != images[0].shape:
                raise DataError(
                    f"{name}: item {number} has shape {image.shape}, item 0 {images[0].shape} (channels first), "
                    "expected one for all; resize them in the data set's transform"
                )
            held += image.nbytes
            if held > MOST_BYTES:
                raise DataError(f"{name}: its images take more than {MOST_BYTES / 2**30:.0f} GiB; make them smaller")
            images.append(image)
            labels.append(item[1].item() if isinstance(item[1], Tensor) and item[1].numel() == 1 else item[1])
            tick(str(number))
    if not images:
        raise DataError(f"{name}: gave no image, expected at least one")
    return (np.stack(images), labels), class_names(getattr(dataset, "classes", None)), CHANNELS_FIRST


def items_of(dataset: Any) -> Iterable[object]:
    """Return the items in order: by number where there are so many, as a data set of PyTorch has them."""
    if isinstance(dataset, Sized) and hasattr(dataset, "__getitem__"):
        return (dataset[number] for number in range(len(dataset)))
    return iter(dataset)


def _channels_first(name: str, image: object) -> NDArray[Any]:
    array = as_array(name, image)
    if array.dtype.names is not None:
        raise DataError(f"{name}: an array of {', '.join(array.dtype.names)}; ImageData.from_events reads recordings")
    if array.ndim == 2:
        return array[np.newaxis]
    if array.ndim != 3:
        raise DataError(f"{name}: an image of shape {array.shape}, expected two axes, or three with channels")
    if isinstance(image, Tensor) and (array.shape[0] in FEW_CHANNELS or array.shape[2] not in FEW_CHANNELS):
        return array
    return laid_out(name, array[np.newaxis])[0]


def _bunch_images(name: str, bunch: Mapping[str, Any]) -> object:
    """Return the images of a bunch: as they are, or its rows of pixels as squares."""
    if "target" not in bunch or not {"images", "data"} & bunch.keys():
        raise DataError(f"{name}: got {brief(list(bunch))}, expected a bunch with target and images or data")
    if "images" in bunch:
        return bunch["images"]
    data = as_array(name, bunch["data"])
    side = round(float(data.shape[-1]) ** 0.5) if data.ndim == 2 else 0
    if data.ndim == 2 and side * side != data.shape[1]:
        raise DataError(
            f"{name}: has {data.shape[1]:,} values per image, which are no square, expected ImageData.from_arrays("
            "data.reshape(-1, height, width), target)"
        )
    return data.reshape(-1, side, side) if data.ndim == 2 else data


def class_names(classes: object) -> tuple[str, ...] | None:
    """Return names of classes as texts, None where there are none."""
    if classes is None or isinstance(classes, str):
        return None
    try:
        names = as_array("classes", classes)
    except DataError as error:
        raise DataError(f"classes: got {brief(classes)}, expected names ({reason(error)})") from error
    return tuple(str(name) for name in names.tolist()) if names.ndim == 1 and len(names) > 1 else None
