"""Parts of a noise as JSON holds them."""

from __future__ import annotations

import math

from noise_models import kinds
from noise_models.part import Part
from noise_models.records import reason


def read_part(fields: object) -> Part:
    """Return the part with these fields; ValueError where they make none."""
    fields = fields if isinstance(fields, dict) else {}
    kind = fields.get("kind")
    part = kinds.TABLE.pick(kind)
    try:
        return part.from_json({name: value for name, value in fields.items() if name != "kind"})
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"{kind}: got fields that do not make this kind of noise ({reason(error)})") from None


def finite(value: object) -> object:
    """Return a value for JSON, which has no infinity: null stands for it, as an infinite relaxation time."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if value == math.inf else value
