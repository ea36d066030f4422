"""Files that appear whole or not at all: written under another name, then moved into place."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from noise_models import brief
from sqnn.core.config import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTIALS = ".*.partial"
"""The names of files that are being written, and of those that a killed process left."""
PICTURE_DPI = 150
WRITABLE = "choose a writable folder"
MENDS: Mapping[int, str] = MappingProxyType(
    {
        errno.ENOSPC: "make room on its disk",
        errno.EDQUOT: "make room on its disk",
        errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
        errno.EMFILE: "raise the limit on open files (ulimit -n)",
        errno.EISDIR: "choose the name of a file",
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.EROFS: WRITABLE,
        errno.EACCES: WRITABLE,
        errno.EPERM: WRITABLE,
        errno.ENOTDIR: WRITABLE,
        errno.EEXIST: WRITABLE,
        errno.ENOENT: WRITABLE,
    }
)
OTHERWISE = "choose another place"
OF_A_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""Errors that nothing but a disk has, also where they name no file."""


class WriteError(OSError, ValueError):
    """A file that cannot be written: one line saying which, why, and what to do."""

    def __str__(self) -> str:
        return f"cannot write {self.filename} ({self.strerror}); {MENDS.get(self.errno or 0, OTHERWISE)}"


@contextlib.contextmanager
def write_errors(place: Path) -> Iterator[None]:
    """Within the block, errors of the disk at `place`, a file or the folder that files are in, are WriteErrors.

    Other errors of the system pass: a file elsewhere that cannot be read, a connection that is lost.
    """
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        named = None if error.filename is None else Path(os.fsdecode(error.filename)).absolute()
        whole = place.absolute()
        ours = named is not None and (
            named in (whole, *whole.parents) or named.parent == whole.parent or whole in named.parents
        )
        if error.errno is None or not (ours or error.errno in OF_A_DISK):
            raise
        inside = named is not None and whole in named.parents
        path = os.fsdecode(error.filename) if inside else str(place)
        raise WriteError(error.errno, error.strerror or "no reason given", path) from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; at the end of the block its file takes the place of `path`.

    Folders are made as needed. Where the block fails, `path` keeps what it had and nothing is left beside it; a killed
    process can leave a file `.<name>.<process>.partial`, which the next writer of `path` removes. Raises WriteError
    where `path` is a folder or a device, or where it cannot be written.
    """
    with write_errors(path):
        if path.exists() and not path.is_file():
            raise WriteError(errno.EISDIR, "is a folder or a device", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
            _remove_dead(left)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        file = None
        try:
            file = _open_locked(partial)
            yield partial
            os.fsync(file)
            partial.replace(path)
        except BaseException:
            _remove(partial)
            raise
        finally:
            if file is not None:
                os.close(file)


def _open_locked(partial: Path) -> int:
    """Open a new file under a lock that ends with this process; it says that the file is being written."""
    import fcntl

    while True:
        file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file
        os.close(file)  # removed as a dead one, between the two lines above


def _remove(partial: Path) -> None:
    """Remove a file if it is there, also where a signal comes at that moment."""
    try:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _remove_dead(partial: Path) -> None:
    """Remove an unfinished file unless somebody is writing it."""
    import fcntl

    with contextlib.suppress(OSError), partial.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        partial.unlink()


def remove_partials(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder and below; what is being written stays."""
    for partial in folder.rglob(PARTIALS):
        _remove_dead(partial)


class _EnoughError(Exception):
    """The end of a trial."""


def check_writable(path: Path) -> None:
    """Raise WriteError where no file can be written to `path`; makes its folder, and leaves `path` as it is."""
    with contextlib.suppress(_EnoughError), whole_file(path):
        raise _EnoughError


def path_of(name: str, value: object) -> Path:
    """Return the value of the argument `name` as a path; ConfigError where it is none."""
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{name}: got {brief(value)}, expected a path, as text or pathlib.Path")
    return Path(value)


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a picture that appears whole or not at all, in the format that its name ends on, or else as PNG."""
    path = path if path.suffix else path.with_suffix(".png")
    with whole_file(path) as partial:
        figure.savefig(partial, format=path.suffix[1:], dpi=PICTURE_DPI)
