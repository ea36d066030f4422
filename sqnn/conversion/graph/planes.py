"""Which trains are bit planes, and where the thresholds of their spikes may differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

import torch
from torch import fx, nn

from sqnn.conversion.graph.nodes import SHAPE, call_name, module_of
from sqnn.conversion.graph.roles import argument
from sqnn.conversion.pools import make_pool, spatial_dimensions
from sqnn.neurons import QCFS

CHANNELS = 1
"""Dimension of the channels, each of which may have its own threshold."""

_KEEPING = (
    *(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Flatten, nn.ChannelShuffle),
    *(nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d),
    *(nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
    *(nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
"""Modules that move spikes, and leave those of one channel together."""
_MOVING = (nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle)
"""Modules that move spikes and may put those of several channels side by side."""


def _always(node: fx.Node) -> bool:
    return True


def _joins_channels(node: fx.Node) -> bool:
    return bool(argument(node, 1, "dim", 0) == CHANNELS)


def _picks(node: fx.Node) -> bool:
    """Say whether an index adds no dimension."""
    index = argument(node, 1, "index", None)
    items = index if isinstance(index, tuple) else (index,)
    return all(isinstance(item, int | slice) or item is Ellipsis for item in items)


def _after_channels(node: fx.Node) -> bool:
    """Say whether all dimensions that a call names come after that of the channels."""
    named = [*node.args[1:], *(value for name, value in node.kwargs.items() if name != "input")]
    return all(isinstance(dimension, int) and dimension > CHANNELS for dimension in named)


def _permutes(node: fx.Node) -> bool:
    dims = node.args[1] if len(node.args) == 2 else node.kwargs.get("dims", node.args[1:])
    return isinstance(dims, list | tuple) and tuple(dims[: CHANNELS + 1]) == (0, CHANNELS)


_CALLS: Mapping[str, Callable[[fx.Node], bool]] = MappingProxyType(
    {
        **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "contiguous", "clone", "detach"), _always),
        **dict.fromkeys(("flatten", "squeeze", "pad", "channel_shuffle", "flip", "fliplr", "roll", "alias"), _always),
        **dict.fromkeys(("chunk", "split", "tensor_split", "unbind", "narrow", "select", "index_select"), _always),
        **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _always),
        **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"), _always),
        **dict.fromkeys(("cat", "concat", "concatenate"), _joins_channels),
        "getitem": _picks,
        **dict.fromkeys(("transpose", "swapaxes", "swapdims", "unsqueeze"), _after_channels),
        "permute": _permutes,
        **dict.fromkeys(("view", "reshape", "unflatten", "movedim", "moveaxis", "rot90"), lambda node: False),
        **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), lambda node: False),
    }
)
"""Calls that move spikes, and what says of a call whether it leaves the spikes of one channel together."""


def sends_planes(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Say whether a neuron's thresholds are one, or one for each channel."""
    module = module_of(graph, node)
    return not isinstance(module, QCFS) or module.channels is None or module.channel_axis == CHANNELS


def one_threshold(graph: fx.GraphModule, node: fx.Node, planes: Collection[fx.Node]) -> bool:
    """Say whether all spikes of a node have one threshold; `planes` are the nodes that give bit planes."""
    neurons, seen, waiting = set(), {node}, [node]
    while waiting:
        module = module_of(graph, current := waiting.pop())
        if isinstance(module, QCFS):
            neurons.add(module if module.channels is None else None)
            continue
        before = {source for source in current.all_input_nodes if source in planes} - seen
        seen |= before
        waiting += before
    return len(neurons) == 1 and None not in neurons


def keeps_planes(graph: fx.GraphModule, node: fx.Node, planes: Collection[fx.Node]) -> bool:
    """Say whether a call moves bit planes and nothing else, with one threshold in each channel afterwards."""
    module = module_of(graph, node)
    keeps = isinstance(module, _KEEPING) if module is not None else False
    if module is None and call_name(node) in _CALLS:
        keeps = _CALLS[call_name(node)](node)
    moves = isinstance(module, _MOVING) if module is not None else call_name(node) in _CALLS
    return keeps or (moves and one_threshold(graph, node, planes))


def gives_indices(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Say whether a max pool gives, beside the largest values, their places."""
    module = module_of(graph, node)
    if module is not None:
        return bool(vars(module).get("return_indices", False))
    name = call_name(node)
    if node.target is torch.adaptive_max_pool1d or name.endswith("_with_indices"):
        return True
    return bool(argument(node, 2 if name.startswith("adaptive") else 6, "return_indices", False))


def compares_planes(graph: fx.GraphModule, node: fx.Node, planes: Collection[fx.Node]) -> bool:
    """Say whether a max pool compares spikes of one threshold in windows of a size that is given as a number."""
    if gives_indices(graph, node) or len(node.all_input_nodes) > 1 or node.all_input_nodes[0] not in planes:
        return False
    shape = node.all_input_nodes[0].meta[SHAPE]
    sides = spatial_dimensions(module_of(graph, node) or make_pool(node, call_name(node)))
    return len(shape) > sides + CHANNELS or one_threshold(graph, node, planes)
