"""A run of a graph that hands on what passes through some of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import fx


class Watcher(fx.Interpreter):
    """Run a graph; hand the output of each node with one of the names to `see(name, output)`. No hooks are set."""

    def __init__(self, graph: fx.GraphModule, names: Iterable[str], see: Callable[[str, Any], None]) -> None:
        super().__init__(graph, garbage_collect_values=True)
        self.names, self.see = frozenset(names), see

    def run_node(self, n: fx.Node) -> object:
        output = super().run_node(n)
        if n.name in self.names:
            self.see(n.name, output)
        return output
