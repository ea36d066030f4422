"""The roles of calls: which operations let a train through step by step, and which need its sum."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType

import torch
from torch import fx, nn
from torch.nn import functional as F

from sqnn.conversion.graph.trace import call_name, module_of
from sqnn.neurons import QCFS


class Role(Enum):
    """What a call does to a train of weighted spikes."""

    NEURON = "becomes a spiking neuron"
    ACTIVATION = "an activation without levels"
    WEIGHTS = "a linear layer"
    NORM = "a batch norm"
    ROUTE = "moves or averages spikes within an image"
    JOIN = "adds or concatenates"
    SCALE = "multiplies by a number"
    SHAPE = "asks for a size"
    PICK = "takes one of several results"
    ISLAND = "computes on values"
    MAX_POOL = "a max pool"
    UNKNOWN = "not known"


_MODULES: tuple[tuple[type[nn.Module] | tuple[type[nn.Module], ...], Role], ...] = (
    (QCFS, Role.NEURON),
    ((nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU), Role.ACTIVATION),
    ((nn.Mish, nn.Hardswish, nn.RReLU), Role.ACTIVATION),
    ((nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d), Role.WEIGHTS),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), Role.WEIGHTS),
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), Role.NORM),
    ((nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Flatten, nn.Unflatten), Role.ROUTE),
    ((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), Role.ROUTE),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), Role.ROUTE),
    ((nn.Upsample, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.PixelShuffle, nn.PixelUnshuffle), Role.ROUTE),
    ((nn.ChannelShuffle,), Role.ROUTE),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), Role.MAX_POOL),
    ((nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d), Role.MAX_POOL),
    ((nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.Tanh), Role.ISLAND),
)

_CALLS: Mapping[object, Role] = MappingProxyType(
    {
        **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, F.relu6, F.leaky_relu, F.elu), Role.ACTIVATION),
        **dict.fromkeys((F.gelu, F.silu, F.hardswish, F.mish, "relu", "relu_"), Role.ACTIVATION),
        **dict.fromkeys((torch.flatten, torch.permute, torch.transpose, torch.squeeze, torch.unsqueeze), Role.ROUTE),
        **dict.fromkeys((torch.mean, torch.sum, torch.chunk, torch.split, torch.unflatten, torch.reshape), Role.ROUTE),
        **dict.fromkeys((F.avg_pool1d, F.avg_pool2d, F.avg_pool3d, torch.swapaxes), Role.ROUTE),
        **dict.fromkeys((F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d), Role.ROUTE),
        **dict.fromkeys((F.interpolate, F.dropout, F.pixel_shuffle), Role.ROUTE),
        **dict.fromkeys(("flatten", "permute", "transpose", "squeeze", "unsqueeze", "mean", "sum"), Role.ROUTE),
        **dict.fromkeys(("chunk", "split", "unflatten", "view", "reshape", "contiguous", "swapaxes"), Role.ROUTE),
        **dict.fromkeys((operator.add, operator.iadd, torch.add, torch.cat, torch.concat, operator.sub), Role.JOIN),
        **dict.fromkeys((torch.sub, "add", "add_", "sub", "sub_"), Role.JOIN),
        **dict.fromkeys((operator.mul, operator.imul, operator.truediv, torch.mul, torch.div), Role.SCALE),
        **dict.fromkeys(("mul", "mul_", "div", "div_"), Role.SCALE),
        **dict.fromkeys(("size", getattr), Role.SHAPE),
        operator.getitem: Role.PICK,
        **dict.fromkeys((torch.matmul, torch.bmm, operator.matmul, "matmul", "bmm"), Role.ISLAND),
        **dict.fromkeys((F.softmax, torch.softmax, F.log_softmax, torch.log_softmax, "softmax"), Role.ISLAND),
        **dict.fromkeys(("log_softmax", F.scaled_dot_product_attention, F.layer_norm, F.group_norm), Role.ISLAND),
        **dict.fromkeys((torch.sigmoid, F.sigmoid, "sigmoid", torch.tanh, F.tanh, "tanh"), Role.ISLAND),
        **dict.fromkeys(("expand", "repeat"), Role.ISLAND),
        **dict.fromkeys((F.max_pool1d, F.max_pool2d, F.max_pool3d), Role.MAX_POOL),
        **dict.fromkeys((F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d), Role.MAX_POOL),
    }
)

_DIMENSIONS: Mapping[str, tuple[tuple[int, str, int | None], ...]] = MappingProxyType(
    {
        "flatten": ((1, "start_dim", 0),),
        "unflatten": ((1, "dim", None),),
        "transpose": ((1, "dim0", None), (2, "dim1", None)),
        "swapaxes": ((1, "axis0", None), (2, "axis1", None)),
        "squeeze": ((1, "dim", None),),
        "unsqueeze": ((1, "dim", None),),
        "mean": ((1, "dim", None),),
        "sum": ((1, "dim", None),),
        "chunk": ((2, "dim", 0),),
        "split": ((2, "dim", 0),),
        "cat": ((1, "dim", 0),),
        "concat": ((1, "dim", 0),),
        "softmax": ((1, "dim", None),),
        "log_softmax": ((1, "dim", None),),
    }
)
"""Where a call says which dimensions it is about: position, keyword, default; None stands for all of them."""


_MODULE_DIMENSIONS: Mapping[type[nn.Module], str] = MappingProxyType(
    {nn.Flatten: "start_dim", nn.Unflatten: "dim", nn.Softmax: "dim", nn.LogSoftmax: "dim"}
)
"""Attribute in which a module says which dimension it is about."""


def role_of(graph: fx.GraphModule, node: fx.Node) -> Role:
    """Return what a node that calls a module, a function or a method does."""
    module = module_of(graph, node)
    if module is not None:
        return next((role for kinds, role in _MODULES if isinstance(module, kinds)), Role.UNKNOWN)
    try:
        return _CALLS.get(node.target, Role.UNKNOWN)
    except TypeError:
        return Role.UNKNOWN


def scales(node: fx.Node) -> bool:
    """Say whether a product or quotient is a train times a number: x / 2, but not x y, x x, 2 / x or a rounded one."""
    sources = [item for item in (*node.args, *node.kwargs.values()) if isinstance(item, fx.Node)]
    first = node.args[0] if node.args else node.kwargs.get("input")
    return sources == [first] and node.kwargs.get("rounding_mode") is None


def _rest(node: fx.Node, keyword: str) -> Sequence[object]:
    """Return the sizes or dimensions that a call gives after the tensor, one by one, as a list or by keyword."""
    rest = node.args[1:] or (node.kwargs[keyword],)
    first = rest[0]
    return first if isinstance(first, list | tuple) else rest


def touches_batch(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Say whether a call of the roles ROUTE, JOIN or ISLAND acts across the images of a batch (dimension 0)."""
    module = module_of(graph, node)
    if module is not None:
        start = _MODULE_DIMENSIONS.get(type(module))
        return start is not None and vars(module)[start] == 0
    name = call_name(node)
    if name == "permute":
        return _rest(node, "dims")[0] != 0
    if name in ("view", "reshape"):
        first = _rest(node, "shape")[0]
        return not (isinstance(first, fx.Node) or first == -1)
    for place, keyword, default in _DIMENSIONS.get(name, ()):
        value = node.args[place] if len(node.args) > place else node.kwargs.get(keyword, default)
        dimensions = value if isinstance(value, list | tuple) else (value,)
        if None in dimensions or 0 in dimensions:
            return True
    return False
