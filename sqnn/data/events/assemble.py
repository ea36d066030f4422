"""Sets of recordings as frames: out of folders by class, data sets and arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sqnn.core import brief, sweep_progress
from sqnn.data.dataset import class_names, items_of
from sqnn.data.errors import DataError
from sqnn.data.events.files import FORMATS, read_events
from sqnn.data.events.framing import FRAMED, Framing, frames_of
from sqnn.data.events.recording import Recording, recording_of
from sqnn.data.folder import MOST_BYTES, labelled_files

Frames = NDArray[np.uint8]
Size = tuple[int, int] | None


def framing_of(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of recordings among those that are stored of data."""
    return {name: source[name] for name in FRAMED if name in source}


class FrameStack:
    """Frames that are put together one recording after the other, all `alike`: of the size of the first."""

    def __init__(self, framing: Framing, size: Size, number: int, alike: Size = None) -> None:
        self.framing, self.size, self.number, self.alike = framing, size, number, alike
        self.frames: list[Frames] = []

    def add(self, name: str, recording: Recording) -> None:
        """Add the frames of a recording; DataError where they are of another size, or all are too large."""
        frames = frames_of(name, recording, self.framing, self.size)
        self.alike = self.alike or (frames.shape[-2], frames.shape[-1])
        if frames.shape[-2:] != self.alike:
            own, first = ("{}x{}".format(*sides) for sides in (frames.shape[-2:], self.alike))
            raise DataError(f"size: got None, and {name} has {own} pixels, others {first}; give a size for all")
        if frames.nbytes * max(self.number, len(self.frames) + 1) > MOST_BYTES:
            raise DataError(
                f"size: got {frames.shape[-2]}x{frames.shape[-1]}, expected frames of all recordings within "
                f"{MOST_BYTES / 2**30:.0f} GiB; give fewer timesteps or a smaller size"
            )
        self.frames.append(frames)


def event_parts(
    path: Path, framing: Framing, size: Size, classes: Sequence[str] | None, progress: bool
) -> tuple[dict[str, tuple[Frames, NDArray[np.int64]]], tuple[str, ...]]:
    """Return frames [N, time, polarity, height, width] and labels by part, and the classes, of a folder of recordings.

    Folders are as those of pictures are (`read_folder`). Raises DataError where folders or recordings are not as
    expected.
    """
    files, names = labelled_files(path, classes, "recording", FORMATS)
    total = sum(map(len, files.values()))
    parts: dict[str, tuple[Frames, NDArray[np.int64]]] = {}
    alike: Size = None
    with sweep_progress(total, progress, noun="recording") as tick:
        for part, labelled in files.items():
            stack = FrameStack(framing, size, total, alike)
            for file, _ in labelled:
                stack.add(str(file), read_events(file))
                tick(file.name)
            alike = stack.alike
            parts[part] = np.stack(stack.frames), np.array([label for _, label in labelled], np.int64)
    return parts, names


def event_pair(
    name: str, recordings: object, labels: object, framing: Framing, size: Size, progress: bool
) -> tuple[tuple[Frames, object], tuple[str, ...] | None]:
    """Return frames and labels of a data set of (events, label), or of recordings beside their labels, and the classes.

    A data set's `sensor_size`, as tonic's have it (width, height, polarities), is the sensor.
    """
    if isinstance(recordings, str) or not (hasattr(recordings, "__getitem__") or isinstance(recordings, Iterable)):
        raise DataError(f"{name}: got {brief(recordings)}, expected a folder, a data set of (events, label), or a list")
    sensor = _sensor_of(recordings)
    count = len(recordings) if isinstance(recordings, Sized) else 0
    stack = FrameStack(framing, size, count)
    stated: list[object] = []
    with sweep_progress(count, progress, noun="recording") as tick:
        for number, item in enumerate(items_of(recordings)):
            events, label = _pair(f"{name}: item {number}", item) if labels is None else (item, None)
            place = f"{name}, item {number}"
            stack.add(place, recording_of(place, events, sensor))
            stated.append(label.item() if isinstance(label, Tensor) and label.numel() == 1 else label)
            tick(str(number))
    if not stack.frames:
        raise DataError(f"{name}: gave no recording, expected at least one")
    names = class_names(getattr(recordings, "classes", None))
    return (np.stack(stack.frames), stated if labels is None else labels), names


def _pair(name: str, item: object) -> tuple[object, object]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataError(f"{name} is {brief(item)}, expected a pair (events, label); or give labels beside them")
    return item[0], item[1]


def _sensor_of(recordings: object) -> Size:
    """Return height and width of a data set that states (width, height, ...), None of others."""
    stated = getattr(recordings, "sensor_size", None)
    if not isinstance(stated, tuple | list) or len(stated) < 2 or not all(isinstance(s, int) for s in stated[:2]):
        return None
    return stated[1], stated[0]
