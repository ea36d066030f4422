"""What a user's own code raises: errors of any class, and exits, which would end the whole program."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from noise_models import reason
from sqnn.core.config import ConfigError

RAISED = (Exception, SystemExit)
"""Whatever somebody else's code raises; Ctrl-C is not among it."""
NOT_OWN = frozenset({"sqnn", "circuits", "noise_models", "torch", *sys.stdlib_module_names})
"""Packages whose code is no user's own."""
INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders that packages are installed in."""


def is_users(frame: FrameType) -> bool:
    """Say whether code is neither this package's, nor torch's, nor Python's own."""
    return str(frame.f_globals.get("__name__", "")).split(".")[0] not in NOT_OWN


def is_own(error: BaseException) -> bool:
    """Say whether an error passed through code that is neither installed nor this package's."""
    return any(_is_written(frame) for frame, _ in traceback.walk_tb(error.__traceback__))


def _is_written(frame: FrameType) -> bool:
    """Say whether code is a user's, and not an installed package's."""
    return is_users(frame) and not INSTALLED.intersection(Path(frame.f_code.co_filename).parts)


def raised(error: BaseException) -> str:
    """Say what an error is, and which line of a user's own it passed through last, before one of installed packages."""
    frames = list(traceback.walk_tb(error.__traceback__))
    others = [each for each in frames if is_users(each[0])]
    own = [each for each in others if _is_written(each[0])]
    frame, line = (own or others or frames)[-1]
    return f"{type(error).__name__} in line {line} of {frame.f_code.co_filename} ({reason(error)})"


@contextmanager
def no_exit(what: str) -> Iterator[None]:
    """Within the block an exit is a ConfigError: `what`, which begins with an argument, is not to end the program."""
    try:
        yield
    except SystemExit as error:
        raise ConfigError(f"{what} ends the program: {raised(error)}; raise an error there instead") from error
