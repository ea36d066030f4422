"""A reader of YAML in which 1e-3 is a number and 1:30 is text, unlike in YAML 1.1."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Plain values only; 0:2:0.5 is text, which YAML 1.1 reads as a number of base sixty."""


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


MOST_VALUES = 100_000
"""Most values that a text may stand for, aliases written out: a hundred times the largest settings."""


def read_yaml(text: str) -> Any:
    """Return the plain values that YAML text stands for; yaml.YAMLError where it is none, or stands for too many."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        # An alias is one node in many places: nested ones unfold to more values than a memory holds.
        if _unfolded(node, {}) > MOST_VALUES:
            raise yaml.YAMLError(f"it stands for more than {MOST_VALUES:,} values")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _unfolded(node: yaml.Node, sizes: dict[yaml.Node, float]) -> float:
    """Return how many values a node stands for; infinitely many where it contains itself."""
    if node not in sizes:
        sizes[node] = math.inf
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        sizes[node] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(_unfolded(part, sizes) for part in parts))
    return sizes[node]
