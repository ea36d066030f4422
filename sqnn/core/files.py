"""Files that appear whole or not at all: written under another name, then moved into place."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from noise_models import brief
from sqnn.core.config import ConfigError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; at the end of the block its file takes the place of `path`.

    Folders are made as needed. Where the block fails, `path` keeps what it had and nothing is left beside it; a killed
    process can leave a file `.<name>.<process>.partial`. Raises `OSError` where `path` is a folder or a device.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is a folder or a device, expected the name of a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def path_of(name: str, value: object) -> Path:
    """Return the value of the argument `name` as a path; ConfigError where it is none."""
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{name}: got {brief(value)}, expected a path, as text or pathlib.Path")
    return Path(value)


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text)
