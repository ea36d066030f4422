"""What every model configuration shares: frozen, validated, and the same after a trip through YAML."""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from typing import Any, Self

import yaml


class ConfigError(ValueError):
    """A setting that does not fit: one line saying which, what came and what was expected."""


def option(default: Any, help: str) -> Any:
    """Declare one field of a configuration, with the sentence that the command line shows for it."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Base of the model configurations; `data_fields` are filled in from the data, not by hand."""

    data_fields: typing.ClassVar[tuple[str, ...]] = ("in_channels", "image_size", "num_classes")

    in_channels: int = option(1, "channels of an input image")
    image_size: tuple[int, int] = option((28, 28), "height and width of an input image in pixels")
    num_classes: int = option(10, "number of classes")

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _fit(field.name, getattr(self, field.name), hints[field.name])
            object.__setattr__(self, field.name, value)
        self.validate()

    def validate(self) -> None:
        """Raise ConfigError where the values of the fields do not go together."""
        require(self.in_channels >= 1, "in_channels", self.in_channels, "at least 1")
        require(min(self.image_size) >= 1, "image_size", self.image_size, "positive height and width")
        require(self.num_classes >= 2, "num_classes", self.num_classes, "at least 2")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, tuples as lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }

    def to_yaml(self) -> str:
        """Return the fields as YAML text that `from_yaml` reads back."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain values; ConfigError names an unknown field and the known ones."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(f"{name}: {cls.__name__} has no such field; it has {', '.join(known)}")
        return cls(**values)

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Build from YAML text; ConfigError on text that is not a mapping of known fields."""
        try:
            values = read_yaml(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"config: not readable as YAML ({str(error).splitlines()[0]})") from error
        if not isinstance(values, dict):
            raise ConfigError(f"config: got {type(values).__name__}, expected a mapping of field names to values")
        return cls.from_dict(values)


class _Loader(yaml.SafeLoader):
    """Plain values only; 1e-3 is a number, and 0:2:0.5 is no number of base sixty, as YAML 1.1 has it."""


# The loader's own table: SafeLoader keeps its.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":int", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"""^[-+]?( ([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)? | [0-9]+[eE][-+]?[0-9]+ | \.(inf|Inf|INF) )$
        | ^\.(nan|NaN|NAN)$""",
        re.VERBOSE,
    ),
    list("-+0123456789."),
)


def read_yaml(text: str) -> Any:
    """Return the plain values that YAML text stands for; yaml.YAMLError where it is none."""
    return yaml.load(text, _Loader)


def require(holds: bool, name: str, value: object, expected: str) -> None:
    """Raise ConfigError in the house's one form unless the condition holds."""
    if not holds:
        raise ConfigError(f"{name}: got {value!r}, expected {expected}")


def require_one_of(name: str, value: str, valid: typing.Iterable[str]) -> None:
    """Raise ConfigError listing the valid names unless `value` is among them."""
    names = tuple(valid)
    require(value in names, name, value, f"one of {', '.join(names)}")


def _fit(name: str, value: Any, hint: Any) -> Any:
    """Return `value` as the annotated type says, or raise ConfigError; whole numbers serve as floats."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        return _fit(name, value, next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        require(isinstance(value, list | tuple), name, value, "a list of values")
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_fit(name, item, args[0]) for item in value)
        require(len(value) == len(args), name, value, f"{len(args)} values")
        return tuple(_fit(name, item, arg) for item, arg in zip(value, args, strict=True))
    if hint is float:
        require(isinstance(value, int | float) and not isinstance(value, bool), name, value, "a number")
        require(math.isfinite(value), name, value, "a finite number")
        return float(value)
    if hint is int:
        require(isinstance(value, int) and not isinstance(value, bool), name, value, "a whole number")
        return value
    require(isinstance(value, hint), name, value, {bool: "true or false", str: "a name"}.get(hint, hint.__name__))
    return value
