"""Commands that run in a folder, and what they print."""

from __future__ import annotations

from collections.abc import Callable

Told = Callable[[str], str]
"""From a command line to what it printed; with an exclamation mark before it, it has to fail in one line."""
