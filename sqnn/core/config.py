"""Configurations: frozen dataclasses whose fields carry their meaning, their limits and their choices."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import math
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, Self, TypeGuard

import yaml

from noise_models import BRIEF, brief, did_you_mean, reason, unknown
from sqnn.core.yaml import read_yaml, write_yaml

SIDES = (int, int)
"""The type of a height and a width."""
LARGEST = 2**63 - 1
"""Whole numbers beyond it have no place in a tensor, or in a column of a table."""


class ConfigError(ValueError):
    """A setting that does not fit: one line with its name, its value and what was expected."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What one value of a field may be, or each value where the field is a list; None sets no limit.

    `least` and `most` belong to the values allowed, `above` and `below` do not; `among` are the names allowed.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    among: Collection[str] | None = None

    def check(self, name: str, value: object) -> None:
        """Raise ConfigError, naming the field, unless the value or each value of a list is within the limits."""
        if value is None:
            return
        if isinstance(value, tuple):
            for item in value:
                self.check(name, item)
        elif isinstance(value, dict):
            for key, item in value.items():
                self.check(f"{name}.{key}", item)
        elif self.among is not None:
            require_one_of(name, value, self.among)
        elif isinstance(value, int | float):
            require(self.holds(value), name, value, self.expected(whole=isinstance(value, int)))

    def holds(self, value: float) -> bool:
        """Say whether a number is within the limits."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def expected(self, whole: bool = False) -> str:
        """Return the limits in words: "a whole number from 1 to 30"."""
        number, span = "a whole number" if whole else "a number", self.span()
        if self.least is not None and self.most is not None:
            return f"{number} from {span}"
        return f"{number} of {span}" if span.startswith("at") else f"{number} {span}".strip()

    def span(self) -> str:
        """Return the limits on a number in few words: "1 to 30", "at least 1", "above 0 and below 1"."""
        if self.least is not None and self.most is not None:
            return f"{_plain(self.least)} to {_plain(self.most)}"
        limits = (("at least", self.least), ("above", self.above), ("at most", self.most), ("below", self.below))
        return " and ".join(f"{word} {_plain(limit)}" for word, limit in limits if limit is not None)


def option(
    default: object,
    help: str,
    *,
    among: Collection[str] | None = None,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    where: Mapping[str, Collection[str | bool | None]] | None = None,
) -> Any:
    """Declare one field of a configuration: its default, the sentence that the command line shows, its limits.

    The names in `among` are appended to the sentence. A field whose default is `dataclasses.MISSING` must be given.
    `where` are other fields, and the values of each under one of which this one has an effect: without any of them it
    stays at its default.
    """
    limits = Limits(among=among, least=least, most=most, above=above, below=below)
    text = help if among is None else f"{help}: {', '.join(among)}"
    return dataclasses.field(default=default, metadata={"help": text, "limits": limits, "where": where or {}})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of all configurations: each field is coerced to its type and checked against its limits.

    Subclasses put the rules between fields into `validate`. Raises ConfigError naming the field.
    """

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            limits: Limits | None = field.metadata.get("limits")
            among = None if limits is None else limits.among
            value = _fit(field.name, vars(self)[field.name], hints[field.name], among)
            if limits is not None:
                limits.check(field.name, value)
            object.__setattr__(self, field.name, value)
        for field in dataclasses.fields(self):
            idle = _idle(field, vars(self))
            if idle and vars(self)[field.name] != field.default:
                raise ConfigError(f"{field.name}: got {brief(vars(self)[field.name])}, which has no effect {idle}")
        self.validate()

    def validate(self) -> None:
        """Raise ConfigError where the values of the fields do not go together."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, tuples as lists."""
        values = {field.name: vars(self)[field.name] for field in dataclasses.fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def to_yaml(self) -> str:
        """Return the fields as YAML text that `from_yaml` reads back."""
        return write_yaml(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Build from plain values; ConfigError names an unknown field and the known ones."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                near = did_you_mean(name, known)
                written = name if isinstance(name, str) and len(name) < BRIEF else brief(name)
                raise ConfigError(f"{written}: {cls.__name__} has no such field; it has {', '.join(known)}{near}")
        for field in dataclasses.fields(cls):
            needed = field.default is field.default_factory is dataclasses.MISSING
            if needed and field.name not in values:
                raise ConfigError(f"{field.name}: is missing, expected {field.metadata.get('help', 'a value')}")
        return cls(**values)

    @classmethod
    def from_stored(cls, values: Mapping[str, object]) -> Self:
        """Build from what a file stores; options that have no effect, which were not always refused, are left out."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        every = {**{name: field.default for name, field in fields.items()}, **values}
        return cls.from_dict({n: v for n, v in values.items() if n not in fields or not _idle(fields[n], every)})

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Build from YAML text; ConfigError on text that is not a mapping of known fields."""
        try:
            values = read_yaml(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"config: not readable as YAML ({reason(error)})") from error
        if not isinstance(values, dict):
            raise ConfigError(f"config: got {type(values).__name__}, expected a mapping of field names to values")
        return cls.from_dict(values)


def _idle(field: dataclasses.Field[Any], values: Mapping[str, object]) -> str:
    """Say under which values of other fields this one has no effect, and under which it has; nothing if it has now."""
    where: Mapping[str, Collection[str | bool | None]] = field.metadata.get("where", {})
    if not where or any(values[other] in names for other, names in where.items()):
        return ""
    now = " and ".join(f"{other} is {values[other]!r}" for other in where)
    mends = (f"{other} {' or '.join(map(str, names))}" for other, names in where.items())
    return f"where {now}; leave it out, or give {' or '.join(mends)}"


def is_whole(value: object) -> TypeGuard[int]:
    """Say whether a value is a whole number, NumPy's among them; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def number_of(name: str, value: Any) -> float:
    """Return a number, which may come as a tensor or an array of one; ConfigError names the argument otherwise."""
    shape = getattr(value, "shape", ())
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    if hasattr(value, "item") and math.prod(shape) == 1:
        return number_of(name, value.item())
    got = f"a {type(value).__name__} of shape {list(shape)}" if len(shape) else brief(value)
    raise ConfigError(f"{name}: got {got}, expected a number")


def require(holds: bool, name: str, value: object, expected: str) -> None:
    """Raise ConfigError in the house's one form unless the condition holds."""
    if not holds:
        raise ConfigError(f"{name}: got {brief(value)}, expected {expected}")


def require_one_of(name: str, value: object, valid: Iterable[str]) -> None:
    """Raise ConfigError listing the valid names unless `value` is among them."""
    valid = valid if isinstance(valid, Collection) else tuple(valid)
    if value not in tuple(valid):
        raise ConfigError(unknown(name, value, valid))


LISTED = types.MappingProxyType({str: "names", int: "whole numbers", float: "numbers"})
"""What values of a type are called in the plural."""


def _list_of(value: Any, kind: Any, among: Collection[str] | None) -> str:
    """Say which list is expected where one value came, or none: "a list of names, such as ['angles']"."""
    known = "" if among is None else f" ({', '.join(among)})"
    alone = isinstance(value, kind) if isinstance(kind, type) else False
    alone = alone and (isinstance(value, str) or (not isinstance(value, bool) and value > 0))
    example = value if alone and (among is None or value in among) else next(iter(among or ()), None)
    return f"a list of {LISTED.get(kind, 'values')}{known}" + ("" if example is None else f", such as [{example!r}]")


def _fit(name: str, value: Any, hint: Any, among: Collection[str] | None = None) -> Any:
    """Return `value` as the annotated type says, or raise ConfigError; whole numbers serve as floats.

    `among` are the names that a value may have, for the message where it is no list.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        kinds = [arg for arg in args if arg is not type(None)]
        # Which of several types a value may be of is for the configuration's `validate`.
        return _fit(name, value, kinds[0], among) if len(kinds) == 1 else value
    if origin is collections.abc.Mapping:
        fits = isinstance(value, Mapping) and all(isinstance(key, args[0]) for key in value)
        require(fits, name, value, "names with values")
        return {key: _fit(f"{name}.{key}", item, args[1]) for key, item in value.items()}
    if origin is tuple:
        several = len(args) == 2 and args[1] is Ellipsis
        example = "two whole numbers, such as (28, 28)" if args == SIDES else f"{len(args)} values"
        if not isinstance(value, list | tuple):
            require(False, name, value, _list_of(value, args[0], among) if several else example)
        if several:
            return tuple(_fit(name, item, args[0]) for item in value)
        require(len(value) == len(args), name, value, example)
        return tuple(_fit(name, item, arg) for item, arg in zip(value, args, strict=True))
    if hint is Any:
        return value
    if hint is float:
        require(isinstance(value, Real) and not isinstance(value, bool), name, value, "a number")
        with contextlib.suppress(OverflowError):  # a whole number can be too large for a float
            if math.isfinite(value):
                return float(value)
        require(False, name, value, "a finite number")
    if hint is int:
        require(is_whole(value), name, value, "a whole number")
        require(-LARGEST <= value <= LARGEST, name, value, f"a whole number of at most {LARGEST:,}")
        return int(value)
    require(isinstance(value, hint), name, value, {bool: "true or false", str: "a name"}.get(hint, hint.__name__))
    return value


def _plain(limit: float) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"
