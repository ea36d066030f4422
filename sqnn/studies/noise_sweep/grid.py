"""Notation of a sweep: strengths such as 0:0.2:0.02, and names with commas."""

from __future__ import annotations

import math
import re
import typing
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from sqnn.core import ConfigError, brief

MAX_STRENGTHS = 10_000
"""Most strengths of one sweep, so that a slip in a step does not fill the memory."""
ROUNDING = Decimal("1e-9")
"""Part of a step by which the stop may be overshot: 0:0.2:0.0666666667 is meant to end at 0.2."""
_SEPARATOR = re.compile(r"\s*,\s*(?=[A-Za-z./~(]|[0-9.]+\s*%?\s*\*)(?![A-Za-z]\w*\s*=)")


def parse_strengths(value: object, name: str = "strength") -> tuple[float, ...]:
    """Return the strengths that a number, an iterable of numbers or a text stands for, in their order.

    Texts hold numbers and ranges start:stop:step with commas: `0,0.05,10%`, `0:0.2:0.02`, `0:0.1:0.02,0.5`. A range
    includes its stop where the steps meet it; its values are decimals, 0.06 and never 0.06000000000000001.
    Raises ConfigError on anything else, an empty list, a strength that is negative or not finite, and on repetition.
    """
    try:
        return _strengths(value)
    except ConfigError as error:
        raise ConfigError(str(error).replace("strength", name, 1)) from error


def _strengths(value: object) -> tuple[float, ...]:
    if isinstance(value, str):
        strengths = [strength for part in value.split(",") for strength in _part(value, part)]
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        strengths = [_number(value, each) for each in value]
    else:
        strengths = [_number(value, value)]
    if not strengths:
        raise _wrong(value, "at least one strength")
    if len(strengths) > MAX_STRENGTHS:
        raise _wrong(value, f"at most {MAX_STRENGTHS:,} strengths")
    for strength in strengths:
        if not 0 <= strength < math.inf:
            raise _wrong(value, f"finite strengths of at least 0, not {strength:g}")
    twice = next((strength for strength, count in Counter(strengths).items() if count > 1), None)
    if twice is not None:
        raise _wrong(value, f"every strength once, not {twice:g} twice")
    return tuple(strength + 0.0 for strength in strengths)  # -0.0 + 0.0 is 0.0


def split_names(value: object, name: str) -> tuple[object, ...]:
    """Return the names in a text or an iterable; a comma within a specification's parameters separates nothing.

    `depolarizing:0.01,on=id,torino` are two: a comma separates only where a name, a path or a factor follows that no
    `=` makes a parameter, and never in brackets. A text that starts with `{` (JSON) is one, and a mapping from names to
    noises becomes pairs of both. Raises ConfigError where there is no name or one comes twice.
    """
    several = value.items() if isinstance(value, Mapping) else value
    parts = list(several) if isinstance(several, Iterable) and not isinstance(several, str) else [several]
    names: list[object] = []
    for each in parts:
        if isinstance(each, str) and not each.lstrip().startswith("{"):
            names += _outside_brackets(each.strip().strip(",").strip())
        else:
            names.append(each)
    if not names or "" in [each for each in names if isinstance(each, str)]:
        raise ConfigError(f"{name}: got {brief(value)}, expected at least one name")
    for number, each in enumerate(names):
        if each in names[:number]:
            raise ConfigError(f"{name}: got {brief(value)}, expected every one once, not {brief(each)} twice")
    return tuple(names)


def _outside_brackets(text: str) -> list[str]:
    """Return the names in a text; what stands in brackets of any kind stays together."""
    parts, start = [], 0
    for comma in _SEPARATOR.finditer(text):
        before = text[: comma.start()]
        if sum(map(before.count, "([{")) == sum(map(before.count, ")]}")):
            parts.append(text[start : comma.start()])
            start = comma.end()
    return [*parts, text[start:]]


def _part(whole: str, part: str) -> list[float]:
    numbers = [_decimal(whole, piece) for piece in part.split(":")]
    if len(numbers) == 1:
        return [float(numbers[0])]
    if len(numbers) != 3:
        raise _wrong(whole, "numbers with commas, or start:stop:step such as 0:0.2:0.02")
    start, stop, step = numbers
    if step <= 0:
        raise _wrong(whole, "a step above 0")
    if stop < start:
        raise _wrong(whole, "a stop of at least the start")
    if (stop - start) / step > MAX_STRENGTHS:
        raise _wrong(whole, f"at most {MAX_STRENGTHS:,} strengths")
    count = int((stop - start) / step + ROUNDING)
    return [float(min(start + number * step, stop)) for number in range(count + 1)]


def _decimal(whole: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip().removesuffix("%").rstrip()) / (100 if text.rstrip().endswith("%") else 1)
    except InvalidOperation as error:
        raise _wrong(whole, "numbers with commas, or start:stop:step such as 0:0.2:0.02") from error
    if not number.is_finite() or number < 0:
        raise _wrong(whole, "finite strengths of at least 0")
    return number


def _number(whole: object, value: object) -> float:
    try:
        if isinstance(value, str | bool | bytes):
            raise TypeError
        return float(typing.cast(float, value))
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(whole, "numbers, or a text such as 0:0.2:0.02") from error


def _wrong(value: object, expected: str) -> ConfigError:
    return ConfigError(f"strength: got {brief(value)}, expected {expected}")
