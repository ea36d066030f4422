"""The errors of a run, each one line."""

from __future__ import annotations

from pathlib import Path


class RunError(ValueError):
    """A folder that is not a run, or not in the state asked for: which, and how to fix it."""


class FolderTakenError(RunError):
    """A folder that another run was begun in, or that another process writes to."""


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run that can go on: its text is the call with which it does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the run goes on with sqnn.resume({str(folder)!r})")
        self.folder = folder


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or written: which, and why."""


class NotFiniteError(RuntimeError):
    """The training loss, a weight or a running statistic became NaN or infinite."""
