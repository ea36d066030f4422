"""The command line: each command is a file of this folder."""

from __future__ import annotations

from sqnn.cli.stopping import Interrupted, say_stopped, signals, warnings_in_one_line

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0, 2 for a user's mistake, 128 and a signal's number after that signal.

    Ctrl-C is signal 2: 130; SIGTERM: 143.
    """
    with signals() as received, warnings_in_one_line():
        try:
            from sqnn.cli.app import run  # within the block: importing takes longer than many commands

            return run(arguments)
        except (KeyboardInterrupt, Interrupted) as stopped:
            return say_stopped(received, str(stopped))
