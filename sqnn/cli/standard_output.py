"""Standard output as the place of a JSON file: then it holds nothing else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from itertools import pairwise
from pathlib import Path
from typing import TextIO

NAMES = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""What standard output is called where a file is named."""
OPTION = "--json"
OUT, ERRORS = 1, 2
"""Descriptors of standard output and standard error."""
_kept: ContextVar[TextIO | int | None] = ContextVar("kept", default=None)
"""Where the JSON goes: a stream, or the number of an open file."""


def is_standard_output(path: Path) -> bool:
    """Say whether a path names standard output."""
    return str(path) in NAMES


@contextlib.contextmanager
def json_alone(words: Sequence[str]) -> Iterator[None]:
    """Within the block, where a command's words send its JSON to standard output, all else goes to standard error.

    That is so for what code of a user's own prints, for libraries that print without Python, and for processes that are
    started within the block.
    """
    following = [after for word, after in pairwise(words) if word == OPTION]
    named = [*following, *(word.partition("=")[2] for word in words if word.startswith(f"{OPTION}="))]
    if not any(is_standard_output(Path(name)) for name in named):
        yield
        return
    _flush()
    with _diverted() as copy:
        place: TextIO | int = sys.stdout
        if copy is not None and _descriptor(sys.stdout) == OUT:
            place = copy
        token = _kept.set(place)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                yield
        finally:
            _kept.reset(token)


@contextlib.contextmanager
def _diverted() -> Iterator[int | None]:
    """Within the block, the descriptor of standard output is that of standard error; give a copy of what it was.

    None, and nothing changes, in a process that has no such descriptors.
    """
    try:
        copy = os.dup(OUT)
        os.dup2(ERRORS, OUT)
    except OSError:
        yield None
        return
    try:
        yield copy
    finally:
        _flush()
        os.dup2(copy, OUT)
        os.close(copy)


def _flush() -> None:
    """Write out what is still held by streams that write to standard output, of Python and of C."""
    for stream in (sys.stdout, sys.__stdout__):
        with contextlib.suppress(OSError, ValueError):  # it goes to standard error, which may be closed
            if stream is not None:
                stream.flush()
    with contextlib.suppress(OSError, TypeError):  # a system without a library of C that is open already
        ctypes.CDLL(None).fflush(None)


def _descriptor(stream: TextIO) -> int | None:
    """Return the number of the file that a stream writes to; None of one that has none, as in a notebook."""
    try:
        return stream.fileno()
    except (AttributeError, OSError):
        return None


def write_to_standard_output(text: str) -> None:
    """Write text to standard output, also where `json_alone` keeps everything else away from it."""
    place = _kept.get()
    if isinstance(place, int):
        left = text.encode()
        while left:
            left = left[os.write(place, left) :]
        return
    stream = place or sys.stdout
    stream.write(text)
    stream.flush()
