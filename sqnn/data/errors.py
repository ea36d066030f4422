"""The exception of the data layer, and the checks that raise it."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path

from sqnn.core import brief, is_whole

SEED_LIMIT = 2**32
"""Seeds are below this: torch's CPU generator, a 32-bit Mersenne twister, keeps no more of a seed."""
REASON_LENGTH = 160
"""Characters of a library's own message that are worth passing on."""


class DataError(ValueError):
    """A mistake in what the user asked for or supplied: one line."""


class MissingDataError(DataError):
    """A data set that no searched folder holds."""


def whole_number(name: str, value: object, least: int, most: int) -> int:
    """Return `value` if it is a whole number in [least, most]; otherwise raise a DataError naming the argument."""
    if not is_whole(value) or not least <= value <= most:
        raise DataError(f"{name}: got {brief(value)}, expected a whole number from {least:,} to {most:,}")
    return int(value)


def seed_number(name: str, value: object) -> int:
    """Return `value` if it can seed a generator without losing bits; otherwise raise a `DataError`."""
    return whole_number(name, value, 0, SEED_LIMIT - 1)


def user_path(name: str, value: object) -> Path:
    """Return `value` as a path with `~` expanded; raise a `DataError` if it is no path."""
    if not isinstance(value, str | PathLike) or not fspath(value):
        raise DataError(f"{name}: got {brief(value)}, expected a path, as text or pathlib.Path")
    return Path(fspath(value)).expanduser()


def reason(error: BaseException) -> str:
    """Say in one short line why `error` happened."""
    text = " ".join(str(error).split())
    short = text if len(text) <= REASON_LENGTH else f"{text[: REASON_LENGTH - 3]}..."
    return f"{type(error).__name__}: {short}" if short else type(error).__name__
