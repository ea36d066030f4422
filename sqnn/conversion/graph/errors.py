"""The error of a network that cannot be converted."""

from __future__ import annotations

from collections.abc import Sequence

from sqnn.core import ConfigError


class ConversionError(ConfigError):
    """A network that cannot be converted: `problems` has one line for each layer, naming it and the mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
