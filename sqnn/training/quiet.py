"""Keep Lightning's advertising and hints out of a user's sight, and nothing else."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

HINTS = (
    ".*does not have many workers.*",
    ".*GPU available but not used.*",
    ".*number of training batches.*",
    ".*Checkpoint directory .* exists and is not empty.*",
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within the block, hide Lightning's messages below warnings and the hints that do not apply to small data."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for hint in HINTS:
                warnings.filterwarnings("ignore", hint)
            yield
    finally:
        logger.setLevel(level)
