"""A user's own images, to predict on."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqnn.data.errors import DataError, reason, user_path
from sqnn.data.events import Framing, frames_of, read_events
from sqnn.data.pictures import BYTE_LEVEL, MODES, read_picture

Array = NDArray[np.generic]


def read_images(path: str | PathLike[str], in_channels: int, image_size: tuple[int, int]) -> Tensor:
    """Read a picture or a NumPy array as float32 [N, in_channels, height, width] in [0, 1].

    A picture (PNG, JPEG and whatever else Pillow opens) is turned upright, laid on black where transparent (of a
    drawing in one dark or grey colour the ink is taken, light on black), made grey or RGB, and resized. An array
    (`.npy`) must fit already: [H, W] or [N, H, W] for one channel, [C, H, W] or [N, C, H, W]; uint8 levels are divided
    by 255, floats must lie in [0, 1].

    `in_channels` is 1 for grey, 3 for red, green, blue; `image_size` is (height, width) in pixels. Raises DataError
    where the file is missing, unreadable, of another shape or range, one level everywhere, or an array of Python
    objects, which is never loaded.
    """
    file = user_path("path", path)
    if in_channels not in MODES:
        raise DataError(f"in_channels: got {in_channels!r}, expected 1 (grey) or 3 (red, green, blue)")
    if file.is_dir():
        raise DataError(f"path: got the folder {str(file)!r}, expected an image file or a .npy array")
    if not file.is_file():
        raise DataError(
            f"path: no file {str(file)!r}, expected an image file or a .npy array; check the spelling and the current "
            "folder"
        )
    if file.suffix.lower() == ".npy":
        return _from_array(file, in_channels, image_size)
    return _from_picture(file, in_channels, image_size)


def read_frames(
    path: str | PathLike[str], timesteps: int, in_channels: int, image_size: tuple[int, int], framing: Framing | None
) -> Tensor:
    """Read a recording, or a NumPy array of frames, as float32 [N, timesteps, in_channels, height, width] in [0, 1].

    An array (`.npy`) is [T, C, H, W] or [N, T, C, H, W] and as `read_images` takes them; a recording (`read_events`)
    becomes frames by `framing`, None where that is unknown. Raises DataError where the file is neither or does not fit.
    """
    file = user_path("path", path)
    shape = (timesteps, in_channels, *image_size)
    if file.suffix.lower() == ".npy" and file.is_file():
        array = _open_array(file)
        fitting = array[np.newaxis] if array.shape == shape else array
        if fitting.shape[1:] != shape or not len(fitting):
            raise DataError(f"{file}: array of shape {array.shape}, expected {shape} or (N, {str(shape)[1:]}")
        return torch.from_numpy(_unit_levels(fitting, file))
    if framing is None:
        raise DataError(
            f"path: got {str(file)!r}, but how recordings become frames is unknown; give the folder of the run that "
            "trained the network, or frames as .npy"
        )
    frames = frames_of(str(file), read_events(file), framing, image_size)
    if frames.shape != shape:
        raise DataError(f"{file}: frames of shape {frames.shape}, expected {shape}")
    return torch.from_numpy(frames[np.newaxis].astype(np.float32)).div_(framing.max_count)


def _from_picture(file: Path, in_channels: int, image_size: tuple[int, int]) -> Tensor:
    levels = read_picture(file, in_channels, image_size)
    if levels.min() == levels.max():
        level = f"{levels.max()} of {BYTE_LEVEL}"
        raise DataError(f"{file}: comes out as one level everywhere ({level}), expected a picture with something on it")
    return torch.from_numpy(levels.astype(np.float32)[np.newaxis]).div_(BYTE_LEVEL)


def _from_array(file: Path, in_channels: int, image_size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(_unit_levels(_four_dimensional(_open_array(file), file, in_channels, image_size), file))


def _open_array(file: Path) -> Array:
    try:
        # Mapping checks the announced size against the file's, so a damaged header cannot ask for all memory.
        _check_header(file)
        with warnings.catch_warnings(action="ignore"):
            array = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header is parsed as Python literals, and a damaged archive as one
        raise DataError(f"{file}: not a readable NumPy array of numbers ({reason(error)})") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise DataError(f"{file}: several arrays in one file, expected one, saved with numpy.save")
    return array


def _check_header(file: Path) -> None:
    """Raise ValueError where an array announces a longer header than its file, for which NumPy would take memory."""
    with file.open("rb") as opened:
        start = opened.read(12)
    length = int.from_bytes(start[8:10] if start[6:7] == b"\1" else start[8:12], "little")
    if start.startswith(b"\x93NUMPY") and length > file.stat().st_size:
        raise ValueError(f"its header announces {length:,} bytes")


def _four_dimensional(array: Array, file: Path, channels: int, size: tuple[int, int]) -> Array:
    expected = (channels, *size)
    if array.ndim == 4 and array.shape[1:] == expected and len(array):
        return array
    if array.shape == expected:
        return array[np.newaxis]
    if channels == 1 and array.ndim in (2, 3) and array.shape[-2:] == tuple(size) and array.size:
        return array.reshape(-1, *expected)
    grey = f"{tuple(size)}, (N, {size[0]}, {size[1]}), " if channels == 1 else ""
    last = array.ndim == 4 and array.shape[3] == channels != array.shape[1]
    mend = "; array.transpose(0, 3, 1, 2) puts its channels there" if last else ""
    raise DataError(f"{file}: array of shape {array.shape}, expected {grey}{expected} or (N, {str(expected)[1:]}{mend}")


def _unit_levels(array: Array, file: Path) -> NDArray[np.float32]:
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(BYTE_LEVEL)
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"{file}: array of {array.dtype}, expected uint8 levels 0..255 or floats in [0, 1]")
    if not np.isfinite(array).all():
        raise DataError(f"{file}: has NaN or infinite values, expected floats in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        raise DataError(f"{file}: floats from {low:g} to {high:g}, expected 0 to 1; divide by the white level")
    return array.astype(np.float32)
