"""YAML of plain values, read within bounds, in which 1e-3 is a number and 1:30 is text, unlike in YAML 1.1."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from noise_models import brief, whole_number

MOST_VALUES = 100_000
"""Most values that a text may stand for, aliases written out: a hundred times the largest settings."""
MOST_WRITTEN = 20_000
"""Most values that a text may spell: PyYAML takes a second for them."""
MOST_LEVELS = 64
"""How deep lists and mappings may lie in each other, aliases written out."""
MOST_CHARACTERS = 2**18
"""Longest text that is read."""

_REPLACED = (":int", ":float", ":timestamp")
_RESOLVERS: tuple[tuple[str, re.Pattern[str], list[str]], ...] = (
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(
            r"""^[-+]?( ([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)? | [0-9]+[eE][-+]?[0-9]+ | \.(inf|Inf|INF) )$
            | ^\.(nan|NaN|NAN)$""",
            re.VERBOSE,
        ),
        list("-+0123456789."),
    ),
)
_PLAIN = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")
)


class _Loader(yaml.SafeLoader):
    """Plain values only, and no more of them than the bounds say; 0:2:0.5 and 2026-01-31 are text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.level = 0
        # An alias is one node in many places: how many values a node stands for, and how deep they lie.
        self.sizes: dict[yaml.Node, tuple[float, float]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        again = self.check_event(yaml.AliasEvent)
        self.level += 1
        if self.level > MOST_LEVELS:
            raise yaml.YAMLError(f"it is nested more than {MOST_LEVELS} deep")
        node = super().compose_node(parent, index)
        self.level -= 1
        if node is not None and not again:
            self._measure(node)
        return node

    def _measure(self, node: yaml.Node) -> None:
        """Note the size of a node whose parts are measured, but for those that contain it."""
        if node.tag not in _PLAIN:
            raise yaml.YAMLError(
                f"it holds a value of kind {brief(node.tag)}, expected numbers, texts, lists, mappings"
            )
        parts: list[yaml.Node] = [] if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            names = [(name.tag, name.value) for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
            if len(set(names)) < len(names):
                ((_, twice), _), *_ = Counter(names).most_common(1)
                raise yaml.YAMLError(f"{brief(twice)} is given twice")
            parts = [part for pair in node.value for part in pair]
        inner = [self.sizes.get(part, (math.inf, math.inf)) for part in parts]
        values, levels = 1 + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)
        if len(self.sizes) > MOST_WRITTEN:
            raise yaml.YAMLError(f"it holds more than {MOST_WRITTEN:,} values")
        if values > MOST_VALUES:
            raise yaml.YAMLError(f"it stands for more than {MOST_VALUES:,} values")
        if levels > MOST_LEVELS:
            raise yaml.YAMLError(f"it is nested more than {MOST_LEVELS} deep")
        self.sizes[node] = values, levels

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        return whole_number(str(self.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


class _Dumper(yaml.SafeDumper):
    """Writes texts so that the loader above, and one of YAML 1.1, read them as texts; no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# The loader's own table: that of the safe loader stays.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(_REPLACED)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind in (_Loader, _Dumper):
    for _tag, _pattern, _firsts in _RESOLVERS:
        _kind.add_implicit_resolver(_tag, _pattern, _firsts)


def read_yaml(text: str) -> Any:
    """Return the plain values that YAML text stands for; yaml.YAMLError where it is none, or exceeds the bounds."""
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(f"it has more than {MOST_CHARACTERS:,} characters")
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except (ValueError, TypeError, OverflowError) as error:
        raise yaml.YAMLError(str(error)) from error


def write_yaml(values: Mapping[str, object]) -> str:
    """Return plain values as YAML text that `read_yaml` reads back, in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False)
