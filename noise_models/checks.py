"""The physics a noise must obey, each broken rule told in one line."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

BASES: tuple[tuple[str, ...], ...] = (
    ("u", "cz", "id"),
    ("rz", "sx", "x", "cz", "id"),
    ("rz", "sx", "x", "cx", "id"),
    ("u", "cx", "id"),
)
"""Instruction names a circuit can be written in: the re-upload circuit's own first, then those of chips."""
GATES: tuple[str, ...] = ("u", "rz", "sx", "x", "cz", "cx", "id")
TWO_QUBIT: tuple[str, ...] = ("cz", "cx")
DEFAULT_ON: tuple[str, ...] = ("u", "cz")


def number(name: str, value: object, expected: str = "a number") -> float:
    """Return a finite number as a float, or raise ValueError."""
    if isinstance(value, Real) and not isinstance(value, bool):
        # A whole number can be too large for a float.
        with contextlib.suppress(OverflowError):
            found = float(value)
            if math.isfinite(found):
                return found
    raise ValueError(f"{name}: got {value!r}, expected {expected}")


def whole(name: str, value: object) -> int:
    """Return a whole number of at least 0, or raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: got {value!r}, expected a whole number of at least 0")
    return value


def probability(name: str, value: object) -> float:
    """Return a probability as a float, or raise ValueError."""
    expected = "a probability in [0, 1]"
    found = number(name, value, expected)
    if not 0 <= found <= 1:
        raise ValueError(f"{name}: got {found!r}, expected {expected}")
    return found


def seconds(name: str, value: object, *, zero: bool = False) -> float:
    """Return a time in seconds as a float, or raise ValueError; `zero` allows none at all."""
    expected = f"a {'time of at least 0' if zero else 'positive time'} in seconds"
    found = number(name, value, expected)
    if found < 0 or (found == 0 and not zero):
        raise ValueError(f"{name}: got {found!r}, expected {expected}")
    return found


def strength(name: str, value: object) -> float:
    """Return a factor that noise is multiplied by as a float, or raise ValueError."""
    expected = "a number of at least 0"
    found = number(name, value, expected)
    if found < 0:
        raise ValueError(f"{name}: got {found!r}, expected {expected}")
    return found


def instructions(name: str, value: object) -> tuple[str, ...]:
    """Return instruction names in one fixed order without repeats, or raise ValueError."""
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else ()
    valid = ", ".join(BASES[0])
    for item in names:
        if item not in GATES:
            raise ValueError(f"{name}: got {item!r}, expected names among {valid} (or a chip's rz, sx, x, cz, cx)")
    if not names:
        raise ValueError(f"{name}: got {value!r}, expected at least one name among {valid}")
    together(name, names)
    return tuple(item for item in GATES if item in names)


def together(name: str, names: tuple[str, ...]) -> None:
    """Raise ValueError where no circuit can hold all of these instructions."""
    if not any(set(names) <= set(basis) for basis in BASES):
        raise ValueError(
            f"{name}: got {', '.join(names)}, expected names that one circuit can hold: "
            + " or ".join(", ".join(basis) for basis in BASES)
        )


def stochastic(name: str, matrix: Any) -> tuple[float, float]:
    """Return P(1|0) and P(0|1) of a readout matrix [[P(0|0), P(1|0)], [P(0|1), P(1|1)]], or raise ValueError."""
    expected = "a 2x2 matrix of probabilities P(read j | true i) whose rows i add up to 1"
    try:
        found = np.array(matrix, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: got {matrix!r}, expected {expected}") from None
    good = found.shape == (2, 2) and np.all(found >= 0) and np.allclose(found.sum(axis=-1), 1, rtol=0, atol=1e-8)
    if not good:
        raise ValueError(f"{name}: got {found.tolist()!r}, expected {expected}")
    return float(found[0, 1]), float(found[1, 0])
