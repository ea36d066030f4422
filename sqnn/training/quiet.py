"""A block in which Lightning's advertising and hints are hidden, and nothing else."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator

HINTS = (
    ".*does not have many workers.*",
    ".*GPU available but not used.*",
    ".*number of training batches.*",
    r".*isinstance\(treespec, LeafSpec\).*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*callbacks used to create the checkpoint need to be provided.*",
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within the block, hide Lightning's messages below warnings and the hints that do not apply to small data.

    Ctrl-C leaves the block as a KeyboardInterrupt. A thread of a logger that cannot write says nothing itself: the
    logger raises what stopped it.
    """
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    usual = threading.excepthook
    threading.excepthook = lambda failed: None if isinstance(failed.exc_value, OSError) else usual(failed)
    try:
        with warnings.catch_warnings():
            for hint in HINTS:
                warnings.filterwarnings("ignore", hint)
            yield
    except SystemExit as stopped:
        from lightning.pytorch.utilities.exceptions import SIGTERMException

        # Lightning answers Ctrl-C by ending the whole process; the caller decides about that.
        if isinstance(stopped, SIGTERMException) or isinstance(stopped.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stopped
        raise
    finally:
        threading.excepthook = usual
        logger.setLevel(level)
