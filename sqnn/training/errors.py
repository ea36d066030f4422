"""The errors of a run, each one line."""

from __future__ import annotations


class RunError(ValueError):
    """A folder that is not a run, or not in the state asked for: which, and how to fix it."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or written: which, and why."""


class NotFiniteError(RuntimeError):
    """The training loss, a weight or a running statistic became NaN or infinite."""
