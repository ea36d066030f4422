"""Fields of configurations in words: their meanings, limits and defaults."""

from __future__ import annotations

import dataclasses
import html
import textwrap
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Field = dataclasses.Field[object]
WIDTH = 100
"""Characters of a line of a table, about."""


def meaning(field: Field) -> str:
    """Return the sentence that the field was declared with."""
    return str(field.metadata.get("help", ""))


def limits_of(field: Field) -> str:
    """Return the limits on the field's numbers in few words, and nothing where it has none."""
    limits = field.metadata.get("limits")
    return "" if limits is None else limits.span()


def shown(field: Field, value: object) -> str:
    """Return a value of the field as people write it on the command line: yes, none, 2,4,8, 28x28, 0.05."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, ()):
        return "none"
    if isinstance(value, tuple):
        sizes = "..." not in str(field.type) and all(isinstance(item, int) for item in value)
        return ("x" if sizes else ",").join(shown(field, item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counted(number: int, noun: str, several: str | None = None) -> str:
    """Return a number of things in words: "1 image", "2,000 images"; `several` is a plural other than with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {several or noun + 's'}"


class Option(NamedTuple):
    """One field of a configuration, in words."""

    name: str
    default: str
    limits: str
    meaning: str


@dataclasses.dataclass(frozen=True, repr=False)
class OptionTable:
    """The options of a configuration: prints as a table, and as an html table in a notebook."""

    title: str
    options: tuple[Option, ...]

    def __repr__(self) -> str:
        rows = [Option._fields, *self.options]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        margin = sum(widths) + 2 * len(widths)
        lines = []
        for *short, sentence in rows:
            start = "".join(f"{text:<{width}}  " for text, width in zip(short, widths, strict=True))
            wrapped = textwrap.wrap(sentence, max(WIDTH - margin, WIDTH // 3), break_on_hyphens=False)
            lines.append(textwrap.indent("\n".join(wrapped), " " * margin).replace(" " * margin, start, 1).rstrip())
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in Option._fields)
        rows = ("".join(f"<td>{html.escape(text)}</td>" for text in option) for option in self.options)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><caption>{html.escape(self.title)}</caption><tr>{head}</tr>{body}</table>"


def describe(config: type[DataclassInstance], title: str, leave_out: Collection[str] = ()) -> OptionTable:
    """Return the fields of a configuration as a table, but for those in `leave_out`."""
    fields = [field for field in dataclasses.fields(config) if field.name not in leave_out]
    rows = (Option(field.name, shown(field, field.default), limits_of(field), meaning(field)) for field in fields)
    return OptionTable(title, tuple(rows))
