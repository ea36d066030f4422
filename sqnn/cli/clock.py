"""Where the time of a command goes, which is its last line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

NOTHING: Mapping[str, float] = MappingProxyType({})
REST = "rest"


class Clock:
    """Wall seconds of a command by part, from the moment it is made; a command that returns it has them printed."""

    def __init__(self) -> None:
        self.began = self.last = time.perf_counter()
        self.parts: dict[str, float] = {}

    def lap(self, part: str, within: Mapping[str, float] = NOTHING) -> None:
        """Give a part the time since the lap before, without what `within` names as parts of their own."""
        now = time.perf_counter()
        for name, seconds in {**within, part: now - self.last - sum(within.values())}.items():
            self.parts[name] = self.parts.get(name, 0.0) + seconds
        self.last = now

    def line(self, before: float = 0.0) -> str:
        """Return all parts in one line; `before` are the seconds that the process took to come to the command."""
        parts = {"start-up": 0.0, **self.parts}
        parts["start-up"] += before
        rest = time.perf_counter() - self.last + parts.pop(REST, 0.0)
        shown = ", ".join(f"{name} {seconds:.1f}" for name, seconds in {**parts, REST: rest}.items())
        return f"time: {sum(parts.values()) + rest:.1f} s ({shown})"
