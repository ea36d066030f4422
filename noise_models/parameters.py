"""The parameters of kinds of noise: what each may be, and how it is read from text, with units and lists."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

from noise_models import checks
from noise_models.choices import unknown
from noise_models.gates import ENTANGLERS, GATES
from noise_models.records import brief, whole_number

AXES: tuple[str, ...] = ("x", "y", "z")


PERCENT: Mapping[str, float] = MappingProxyType({"%": 0.01})
SECONDS: Mapping[str, float] = MappingProxyType(
    {
        "ms": 1e-3,
        "us": 1e-6,
        "\N{MICRO SIGN}s": 1e-6,
        "\N{GREEK SMALL LETTER MU}s": 1e-6,
        "ns": 1e-9,
        "ps": 1e-12,
        "s": 1,
    }
)
RADIANS: Mapping[str, float] = MappingProxyType(
    {"rad": 1, "deg": math.pi / 180, "\N{DEGREE SIGN}": math.pi / 180, "pi": math.pi}
)
"""What a unit behind a number multiplies it by."""


def read_number(name: str, text: str, units: Mapping[str, float] = PERCENT) -> float:
    """Return the number that a text stands for, with one of the units or without, or raise ValueError naming it."""
    number = text.strip()
    unit = next((unit for unit in units if number.endswith(unit)), "")
    try:
        if not unit:
            return float(number)
        # In decimals: 57 % is 0.57, and 57 * 0.01 is not.
        times = number.removesuffix(unit).rstrip("* ") or "1" * (unit == "pi")
        return float(Decimal(times) * Decimal(repr(units[unit])))
    except (ValueError, ArithmeticError):
        raise ValueError(
            f"{name}: got {brief(number)}, expected a number{', or one with ' * bool(unit)}{unit}"
        ) from None


def _read_items(text: str) -> list[str]:
    return [word.strip() for word in re.split(r"[/|]", text) if word.strip()]


def read_names(name: str, text: str) -> tuple[str, ...]:
    """Return the names in a list."""
    return tuple(_read_items(text))


def read_rates(name: str, text: str) -> object:
    """Return a number, or several of a list."""
    if "|" not in text:
        return read_number(name, text)
    return tuple(read_number(name, item) for item in text.split("|") if item.strip())


def _read_wire(name: str, text: str) -> int:
    try:
        return whole_number(text)
    except ValueError:
        raise ValueError(f"{name}: got {brief(text)}, expected wires such as 0 or [0,2]") from None


def _read_wires(name: str, text: str) -> tuple[int, ...]:
    return tuple(_read_wire(name, item) for item in _read_items(text))


def _read_switch(name: str, text: str) -> bool:
    value = {"true": True, "yes": True, "false": False, "no": False}.get(text.strip().lower())
    if value is None:
        raise ValueError(f"{name}: got {brief(text)}, expected true or false")
    return value


def _read_pairs(name: str, text: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(_read_wire(name, wire) for wire in item.split("-")) for item in _read_items(text))


def angle(name: str, value: object) -> float:
    """Return an angle in radians as a float, or raise ValueError."""
    return checks.number(name, value, "an angle in radians")


def entanglers(name: str, value: object) -> tuple[str, ...]:
    """Return the names of two-qubit instructions in one fixed order, or raise ValueError."""
    names = checks.instructions(name, value)
    if not set(names) <= set(ENTANGLERS):
        among = ", ".join(gate for gate in GATES if gate in ENTANGLERS)
        raise ValueError(f"{name}: got {', '.join(names)}, expected two-qubit instructions alone: {among}")
    return names


def axis(name: str, value: object) -> str:
    """Return the name of an axis, or raise ValueError."""
    if value not in AXES:
        raise ValueError(unknown(name, value, AXES))
    return str(value)


@dataclass(frozen=True)
class Parameter:
    """What one parameter of a kind may be, and how it is written in text.

    `check` returns the value in its one form or raises ValueError; `read` returns the value that a text stands for.
    A parameter that `scales` is multiplied by the factor on the noise. Text may leave out the name of one that is
    `positional`, and all of one that is not `required`.
    """

    check: Callable[[str, object], object]
    read: Callable[[str, str], object] = read_number
    scales: bool = False
    positional: bool = True
    required: bool = True


def parameter(described: Parameter, default: object = MISSING) -> Any:
    """Return a dataclass field for a parameter of a kind."""
    return field(default=default, metadata={"parameter": described})


def rate(required: bool = True) -> Any:
    """Return the field of a probability in [0, 1] that scales with the noise."""
    return parameter(Parameter(checks.probability, scales=True, required=required))


def places() -> Any:
    """Return the field of the instructions after which a channel acts, spelled on=u/cz in text."""
    described = Parameter(checks.instructions, read_names, positional=False, required=False)
    return parameter(described, checks.DEFAULT_ON)


WIRES = Parameter(checks.wires, _read_wires, positional=False, required=False)
PAIRS = Parameter(checks.pairs, _read_pairs, positional=False, required=False)
TIME = Parameter(checks.relaxation, partial(read_number, units=SECONDS))


IDLE = Parameter(checks.switch, _read_switch, positional=False, required=False)


def on_wires(described: Parameter = WIRES) -> Any:
    """Return the field of the wires that noise is limited to, spelled wires=[0,2] in text; None for all."""
    return parameter(described, None)
