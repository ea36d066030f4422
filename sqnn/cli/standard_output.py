"""Standard output as the place of a JSON file: then it holds nothing else."""

from __future__ import annotations

import contextlib
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
_kept: ContextVar[TextIO | None] = ContextVar("kept", default=None)


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
    if not NAMES.intersection(named):
        yield
        return
    sys.stdout.flush()
    with _diverted() as copy:
        stream = sys.stdout
        if copy is not None and _descriptor(stream) == OUT:
            stream = os.fdopen(copy, "w", encoding="utf-8", closefd=False)
        token = _kept.set(stream)
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
        os.dup2(copy, OUT)
        os.close(copy)


def _descriptor(stream: TextIO) -> int | None:
    """Return the number of the file that a stream writes to; None of one that has none, as in a notebook."""
    try:
        return stream.fileno()
    except (AttributeError, OSError):
        return None


def write_to_standard_output(text: str) -> None:
    """Write text to standard output, also where `json_alone` keeps everything else away from it."""
    stream = _kept.get() or sys.stdout
    stream.write(text)
    stream.flush()
