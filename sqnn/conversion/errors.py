"""The error of a network that cannot be converted."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

from sqnn.core import ConfigError, is_users


class ConversionError(ConfigError):
    """A network that cannot be converted: `problems` has one line for each layer, naming it and the mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def first_line(error: BaseException) -> str:
    """Return what an exception says in its first line, the name of its class where that is nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def own_line(error: BaseException) -> str:
    """Return the file and line of the model's own code that an exception passed through last, in brackets."""
    own = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if is_users(frame)]
    return f" ({Path(own[-1][0].f_code.co_filename).name}:{own[-1][1]})" if own else ""
