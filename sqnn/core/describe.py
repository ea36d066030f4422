"""Fields of configurations in words: what they mean, what they may be, and what they are where nobody says."""

from __future__ import annotations

import dataclasses
from typing import Any

Field = dataclasses.Field[Any]


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
        return ("," if "..." in str(field.type) else "x").join(shown(field, item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
