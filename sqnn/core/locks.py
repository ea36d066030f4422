"""The lock of a folder: one process at a time writes there, and a lock ends with its process."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from sqnn.core.files import write_errors

LOCK = ".lock"
"""The file in a folder that is locked; it stays, and names the last process that wrote there."""


class InUseError(ValueError):
    """A folder that another process writes to: one line saying which process, and what to do."""


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Make a folder, and within the block let no other process have its lock; readers need none.

    Raises InUseError where another process has it, and WriteError where the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK
    lock = FileLock(path, timeout=0)
    try:
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout as error:
        raise InUseError(f"{_owner(path)} is at work in {folder}; wait for it, or choose another folder") from error
    try:
        with write_errors(folder):
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        lock.release()


def _owner(path: Path) -> str:
    """Return what the lock's owner has written of itself: nothing yet, or nothing any more in the lock of some."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = path.read_text()
        if text.startswith("process ") and text.isprintable():
            return text
    return "another process"
