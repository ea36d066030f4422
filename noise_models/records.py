"""What files of record share: text and JSON read within bounds, a digest of what they say, values in few characters."""

from __future__ import annotations

import hashlib
import json
import math
import re
import reprlib
from pathlib import Path
from typing import Any

MOST_BYTES = 2**24
"""Largest file of text that is read, twenty times the noise of a whole chip."""
MOST_VALUES = 1_000_000
"""Most values that a JSON text may hold."""
MOST_LEVELS = 64
"""How deep lists and mappings may lie in each other."""
MOST_DIGITS = 40
"""Digits of a whole number: more are in no file of this project, and no float holds them."""
BRIEF = 200
"""Characters of a value in a message."""

_repr = reprlib.Repr()
_repr.maxlevel = 4
_repr.maxlist = _repr.maxtuple = _repr.maxset = _repr.maxfrozenset = _repr.maxdict = _repr.maxdeque = 20
_repr.maxstring = _repr.maxother = _repr.maxlong = BRIEF


class RecordWarning(UserWarning):
    """A file of record without a digest, as earlier versions wrote it: it is believed."""


def brief(value: object) -> str:
    """Return the repr of a value on one line, cut where it is long: a message never prints a user's value whole."""
    text = re.sub(r"\s*\n\s*", " ", _repr.repr(value))
    return text if len(text) <= BRIEF else f"{text[: BRIEF - 3]}..."


def reason(error: BaseException) -> str:
    """Return what an error says as one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= BRIEF else f"{text[: BRIEF - 3]}..."


def digest(value: object) -> str:
    """Return the SHA-256 of plain values: equal for equal values, however a file spells them.

    It is taken over their JSON with sorted keys, without spaces. Raises ValueError or TypeError on what JSON has not.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Return the text of a file in UTF-8; ValueError where it is no regular file or holds more than `most` bytes."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError("a device or a pipe, expected a file")
    if path.stat().st_size > most:
        raise ValueError(f"more than {most:,} bytes")
    return path.read_text(encoding="utf-8")


def read_json(text: str) -> Any:
    """Return the plain values of a JSON text; ValueError says in few words why there are none.

    Refused are NaN and infinite numbers, also those that overflow (1e400), a name given twice in one object, and texts
    that are longer, deeper or fuller than the bounds above.
    """
    if len(text) > MOST_BYTES or sum(map(text.count, "[{,")) > MOST_VALUES:
        raise ValueError(f"more than {MOST_BYTES:,} characters or {MOST_VALUES:,} values")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_number, parse_float=_number, parse_int=whole_number
        )
    except RecursionError:
        raise ValueError(f"nested more than {MOST_LEVELS} deep") from None
    _check(value)
    return value


def whole_number(text: str) -> int:
    """Return the whole number that a text stands for; ValueError where it has too many digits."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(text):,} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {brief(text)}, expected finite numbers")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{brief(twice)} is given twice")
    return names


def _check(value: object) -> None:
    """Raise ValueError where lists lie too deep in each other, or a text is none that can be written."""
    level: list[object] = [value]
    for _ in range(MOST_LEVELS):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += [*item, *item.values()]
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, str) and not item.isascii():
                item.encode()  # half of a pair of surrogates is no text
        level = inner
        if not level:
            return
    raise ValueError(f"nested more than {MOST_LEVELS} deep")
