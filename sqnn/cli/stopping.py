"""Ctrl-C, and the signals that end a process, answered with one line."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType

ENDED = 128
"""The exit code of a process that a signal ended is this and the signal's number."""
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class Interrupted(Exception):  # noqa: N818
    """Ctrl-C during a command; its text says how the work goes on, where it does."""


@contextlib.contextmanager
def signals() -> Iterator[list[int]]:
    """Within the block SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does; the list holds the one received.

    Signals that the process was started to ignore, as nohup does, stay ignored.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if not received:  # a second one does not disturb the end
            received.append(number)
            raise KeyboardInterrupt

    main_thread = threading.current_thread() is threading.main_thread()
    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if main_thread]
    ours = [number for number in ours if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield received
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def say_stopped(received: list[int], remark: str) -> int:
    """Print why a command has ended early and how it goes on; return the exit code."""
    number = signal.Signals(received[0] if received else signal.SIGINT)
    print("; ".join(["sqnn: " + WORDS[number], *([remark] if remark else [])]), file=sys.stderr)
    return ENDED + number


@contextlib.contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Within the block a warning, of whatever package, is one line, without the place in the code where it arose."""
    usual = warnings.formatwarning
    warnings.formatwarning = lambda message, *place, **more: f"sqnn: warning: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = usual
