"""Files of recordings: which reader takes a file, and whether a folder holds any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from sqnn.data.errors import DataError, reason, user_path
from sqnn.data.events.aedat import read_aedat
from sqnn.data.events.binary import read_binary
from sqnn.data.events.recording import Recording

FORMATS: Mapping[str, Callable[[Path], Recording]] = MappingProxyType(
    {".bin": read_binary, ".bs2": read_binary, ".aedat": read_aedat, ".aedat4": read_aedat}
)
"""Readers of recordings by the end of a file's name."""
MOST_FILE = 2**30
"""Bytes of the largest recording that is read."""
LOOKED_AT = 100
"""Entries of folders among which a recording is looked for."""


def read_events(path: str | PathLike[str]) -> Recording:
    """Read a recording: N-MNIST's `.bin` or `.bs2`, or `.aedat` and `.aedat4` of versions 2.0, 3.1 and 4.0.

    Takes at most 32 times the file's size in memory, and 1 MiB. Raises DataError, one line, where the file is missing,
    damaged, truncated, empty, larger than 1 GiB, or where its time runs backwards.
    """
    file = user_path("path", path)
    if not file.is_file():
        raise DataError(f"path: no file {str(file)!r}, expected a recording; check the spelling and the current folder")
    if not is_recording(file):
        raise DataError(f"{file}: not named as a recording of events, expected {', '.join(FORMATS)}")
    size = file.stat().st_size
    if size > MOST_FILE:
        raise DataError(f"{file}: {size:,} bytes, expected at most {MOST_FILE:,}; cut the recording into shorter ones")
    try:
        return FORMATS[file.suffix.lower()](file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({reason(error)})") from error


def is_recording(path: Path) -> bool:
    """Say whether a file is named as a recording."""
    return path.suffix.lower() in FORMATS


def holds_events(path: object) -> bool:
    """Say whether a path is that of a folder with recordings in the folders of its classes, or of its parts."""
    if not isinstance(path, str | PathLike):
        return False
    folder = Path(path).expanduser()
    places = ("*/*.*", "*/*/*.*")
    return folder.is_dir() and any(
        is_recording(file) for place in places for file in islice(folder.glob(place), LOOKED_AT)
    )
