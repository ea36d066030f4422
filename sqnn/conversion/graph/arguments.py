"""The arguments of a call: what is nested in tuples, lists, dictionaries and slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqnn.conversion.graph.sizes import BatchSize, ImageSize


def mapped(item: Any, change: Callable[[Any], Any]) -> Any:
    """Return nested tuples, lists, dictionaries and slices with `change` applied to all that is in them."""
    if isinstance(item, tuple) and not hasattr(item, "_fields"):
        return tuple(mapped(part, change) for part in item)
    if isinstance(item, tuple):
        return type(item)(*(mapped(part, change) for part in item))
    if isinstance(item, list):
        return [mapped(part, change) for part in item]
    if isinstance(item, dict):
        return {key: mapped(value, change) for key, value in item.items()}
    if isinstance(item, slice):
        return slice(*(mapped(part, change) for part in (item.start, item.stop, item.step)))
    return change(item)


def leaves(item: Any) -> Iterator[Any]:
    """Give all that is in nested tuples, lists, dictionaries and slices."""
    if isinstance(item, tuple | list):
        for part in item:
            yield from leaves(part)
    elif isinstance(item, dict):
        yield from leaves(list(item.values()))
    elif isinstance(item, slice):
        yield from (item.start, item.stop, item.step)
    else:
        yield item


def plain(item: object) -> object:
    """Return the number for a size that is followed, anything else as it is."""
    return int.__int__(item) if isinstance(item, BatchSize | ImageSize) else item
