"""Whole numbers as arguments."""

from __future__ import annotations

from numbers import Integral


def whole(argument: str, value: object, least: int = 1, otherwise: str = "") -> int:
    """Return `value`, a Python or NumPy whole number, as an int; ValueError unless it is at least `least`.

    `otherwise` ends the message with what else the argument may be.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{argument}: got {value!r}, expected a whole number of at least {least}{otherwise}")
    return int(value)
