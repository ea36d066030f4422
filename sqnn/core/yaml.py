"""A reader of YAML in which 1e-3 is a number and 1:30 is text, unlike in YAML 1.1."""

from __future__ import annotations

import re

import yaml


class _Loader(yaml.SafeLoader):
    """Plain values only; 0:2:0.5 is text, which YAML 1.1 reads as a number of base sixty.

    Aliases are refused: a few lines of them unfold to more values than a memory holds.
    """

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read; write the value out", mark)
        return super().compose_node(parent, index)


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


def read_yaml(text: str) -> object:
    """Return the plain values that YAML text stands for; yaml.YAMLError where it is none."""
    return yaml.load(text, _Loader)
