"""What the nodes of a graph call, and where."""

from __future__ import annotations

from torch import fx, nn

from sqnn.conversion.errors import ConversionError
from sqnn.neurons import QCFS

ACROSS, DATA, PLACE, PATH, SHAPE = "across", "data", "place", "module", "shape"
"""What a node notes: whether it mixes images, depends on them, the file and line that call it, the path of the module
there, and the shape that it gives."""
AXIS, MOVED, DRAWS = "axis", "moved", "draws"
"""And: the dimension of the images in what it gives, whether it gives or takes any where they are not the first, and
whether it draws random numbers."""


def module_of(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """Return the module that a node calls, None where it calls none."""
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def activation_of(graph: fx.GraphModule, node: fx.Node) -> QCFS:
    """Return the QCFS activation that a node calls; ConversionError where it calls something else."""
    module = module_of(graph, node)
    if not isinstance(module, QCFS):
        raise ConversionError([f"{describe(graph, node)} is no QCFS activation; use prepare(model, timesteps)"])
    return module


def call_name(node: fx.Node) -> str:
    """Return the bare name of the function or method that a node calls."""
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return str(name).split(".")[0]


def describe(graph: fx.GraphModule, node: fx.Node) -> str:
    """Say where a node is and what it calls: `features.3: MaxPool2d`, or `block.1: relu (net.py:12)` for a function."""
    module = module_of(graph, node)
    if module is not None:
        return f"{node.target}: {type(module).__name__}"
    place = node.meta.get(PLACE)
    return f"{node.meta.get(PATH) or node.name}: {call_name(node)}{f' ({place})' if place else ''}"


def site_name(source: fx.GraphModule, node: fx.Node) -> str:
    """Return the path of the activation that a node calls; from the second call of it on with its number, `act#2`."""
    if node.op != "call_module":
        return node.name
    calls = [other for other in source.graph.nodes if other.op == "call_module" and other.target == node.target]
    number = calls.index(node) + 1
    return str(node.target) if number == 1 else f"{node.target}#{number}"
