"""Checks of the values that noise is made of: each returns the value in its one form, or raises ValueError."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from noise_models.gates import BASES, GATES, MACHINES
from noise_models.records import brief

DEFAULT_ON: tuple[str, ...] = ("u", "cz")
MEASURE = "measure"
"""The instruction that reads a wire."""


def number(name: str, value: object, expected: str = "a number") -> float:
    """Return a finite number as a float, or raise ValueError."""
    if isinstance(value, Real) and not isinstance(value, bool):
        # A whole number can be too large for a float.
        with contextlib.suppress(OverflowError):
            if math.isfinite(value):
                return float(value)
    raise ValueError(f"{name}: got {brief(value)}, expected {expected}")


def whole(name: str, value: object, least: int = 1, otherwise: str = "", most: int | None = None) -> int:
    """Return `value`, a Python or NumPy whole number, as an int; ValueError unless it is from `least` to `most`.

    `otherwise` ends the message with what else the argument may be.
    """
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is not None and number >= least and most is not None and number > most:
        raise ValueError(f"{name}: got {brief(value)}, expected a whole number from {least} to {most:,}{otherwise}")
    if number is None or number < least:
        raise ValueError(f"{name}: got {brief(value)}, expected a whole number of at least {least}{otherwise}")
    return number


def probability(name: str, value: object) -> float:
    """Return a probability as a float, or raise ValueError."""
    return _within(name, value, "a probability in [0, 1]", most=1)


def depolarizing(name: str, value: object) -> float:
    """Return the p of (1 - p) rho + p I / 2 as a float, or raise ValueError where that is no channel."""
    # 1 - 3p/4 is the probability that no Pauli acts.
    return _within(name, value, "a number in [0, 4/3]", most=4 / 3)


def relaxation(name: str, value: object) -> float:
    """Return a relaxation time in seconds, which can be infinite, as a float, or raise ValueError."""
    return math.inf if value is None or value == math.inf else seconds(name, value)


def seconds(name: str, value: object, *, zero: bool = False) -> float:
    """Return a time in seconds as a float, or raise ValueError; `zero` allows 0."""
    if zero:
        return _within(name, value, "a time of at least 0 in seconds")
    return _within(name, value, "a positive time in seconds", above=0)


def strength(name: str, value: object) -> float:
    """Return a factor that noise is multiplied by as a float, or raise ValueError."""
    return _within(name, value, "a number of at least 0")


def _within(name: str, value: object, expected: str, most: float = math.inf, above: float = -math.inf) -> float:
    result = number(name, value, expected)
    if not (0 <= result <= most and result > above):
        raise ValueError(f"{name}: got {brief(result)}, expected {expected}")
    return result


def switch(name: str, value: object) -> bool:
    """Return True or False, or raise ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{name}: got {brief(value)}, expected True or False")
    return value


def durations(name: str, value: object) -> tuple[tuple[str, float], ...]:
    """Return (instruction, seconds) in one fixed order, from a mapping or such pairs, or raise ValueError."""
    times = dict(value) if isinstance(value, tuple) else value
    if not isinstance(times, Mapping):
        raise ValueError(f"{name}: got {brief(times)}, expected seconds by instruction, such as {{'u': 35e-9}}")
    gates = tuple(item for item in times if item != MEASURE)
    names = instructions(name, gates) if gates or not times else ()
    names = (*names, MEASURE) if MEASURE in times else names
    return tuple((item, seconds(f"{name}[{item!r}]", times[item], zero=True)) for item in names)


def instructions(name: str, value: object) -> tuple[str, ...]:
    """Return instruction names in one fixed order without repeats, or raise ValueError."""
    names: tuple[str, ...] = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else ()
    valid = ", ".join(BASES[0])
    others = ", ".join(item for item in GATES if item not in BASES[0])
    for item in names:
        if item not in GATES:
            raise ValueError(f"{name}: got {brief(item)}, expected names among {valid} (or a chip's {others})")
    if not names:
        raise ValueError(f"{name}: got {brief(value)}, expected at least one name among {valid}")
    together(name, names)
    return tuple(item for item in GATES if item in names)


def together(name: str, names: tuple[str, ...]) -> None:
    """Raise ValueError if no circuit can hold all of these instructions."""
    if not any(set(names) <= set(basis) for basis in MACHINES):
        raise ValueError(
            f"{name}: got {', '.join(names)}, expected names that one circuit can hold: "
            + " or ".join(", ".join(basis) for basis in MACHINES)
        )


def rates(name: str, value: object) -> float | tuple[float, ...]:
    """Return a probability, or one per wire as a tuple, or raise ValueError."""
    listed = _listed(value)
    if listed is None:
        return probability(name, value)
    several = tuple(probability(f"{name}[{place}]", item) for place, item in enumerate(listed))
    if not several:
        raise ValueError(f"{name}: got no probabilities, expected one per wire")
    return several


def readout_rates(p01: Any, p10: object) -> tuple[float | tuple[float, ...], float | tuple[float, ...]]:
    """Return P(1|0) and P(0|1) from numbers or lists, p10 as p01 where it is None, or from matrices alone."""
    depth = _depth(p01)
    if depth > 1 and p10 is not None:
        raise ValueError(f"p10: got {p10!r} beside a matrix, expected the matrix alone")
    if depth == 2:
        return stochastic("readout", p01)
    if depth > 2:
        ups, downs = zip(*(stochastic("readout", matrix) for matrix in p01), strict=True)
        return ups, downs
    first = rates("p01", p01)
    return first, first if p10 is None else rates("p10", p10)


def _depth(value: object) -> int:
    """Return how deep lists, tuples or arrays lie in each other."""
    listed = _listed(value)
    return 0 if listed is None else 1 + (_depth(listed[0]) if listed else 0)


def _listed(value: object) -> list[object] | None:
    """Return the items of a list, set or array; None for text, and for what has none, as an array of no axes."""
    try:
        return None if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    except TypeError:
        return None


def wires(name: str, value: object) -> tuple[int, ...] | None:
    """Return wires without repeats in the order given, from one of them or several; None, which stands for all wires.

    Raises ValueError on anything else.
    """
    if value is None:
        return None
    listed = _listed(value)
    several = (value,) if listed is None else listed
    numbers = tuple(whole(name, wire, 0, " or a list of such, or None for all wires") for wire in several)
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"{name}: got {brief(value)}, expected at least one wire, and each of them once")
    return numbers


def pairs(name: str, value: object) -> tuple[tuple[int, int], ...] | None:
    """Return pairs of two wires, or None, which stands for all pairs, or raise ValueError."""
    if value is None:
        return None
    found = [wires(name, pair) or () for pair in _listed(value) or ()]
    several = tuple((min(pair), max(pair)) for pair in found if len(pair) == 2)
    if not several or len(several) < len(found) or len(set(several)) < len(several):
        raise ValueError(
            f"{name}: got {brief(value)}, expected pairs of two wires, such as [(0, 1)], each of them once"
        )
    return several


def pair_depolarizing(name: str, value: object) -> float:
    """Return the p of (1 - p) rho + p I / 4 as a float, or raise ValueError where that is no channel."""
    # 1 - 15p/16 is the probability that no Pauli acts.
    return _within(name, value, "a number in [0, 16/15]", most=16 / 15)


def stochastic(name: str, matrix: ArrayLike) -> tuple[float, float]:
    """Return P(1|0) and P(0|1) of a readout matrix [[P(0|0), P(1|0)], [P(0|1), P(1|1)]], or raise ValueError."""
    expected = "a 2x2 matrix of probabilities P(read j | true i) whose rows i add up to 1"
    try:
        rows = np.array(matrix, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: got {brief(matrix)}, expected {expected}") from None
    if rows.shape != (2, 2) or np.any(rows < 0) or not np.allclose(rows.sum(axis=-1), 1, rtol=0, atol=1e-8):
        raise ValueError(f"{name}: got {brief(rows.tolist())}, expected {expected}")
    return float(rows[0, 1]), float(rows[1, 0])
