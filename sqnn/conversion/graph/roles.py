"""The roles of calls: which operations let a train through step by step, and which need its sum."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from torch import fx, nn

from sqnn.conversion.graph.nodes import DATA, SHAPE, call_name, module_of
from sqnn.conversion.graph.sizes import batch_of, size_of
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
    SIZE = "a size, or a multiple of the batch"
    PICK = "takes one of several results, or a part of one"
    ISLAND = "computes on values"
    MAX_POOL = "a max pool"


_MODULES: tuple[tuple[tuple[type[nn.Module], ...], Role], ...] = (
    ((QCFS,), Role.NEURON),
    ((nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU), Role.ACTIVATION),
    ((nn.Mish, nn.Hardswish, nn.RReLU, nn.Softplus, nn.Hardtanh, nn.Threshold), Role.ACTIVATION),
    ((nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d), Role.WEIGHTS),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), Role.WEIGHTS),
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), Role.NORM),
    ((nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Flatten, nn.Unflatten), Role.ROUTE),
    ((nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Unfold, nn.Fold), Role.ROUTE),
    ((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), Role.ROUTE),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), Role.ROUTE),
    ((nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d, nn.PixelShuffle, nn.PixelUnshuffle), Role.ROUTE),
    ((nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d), Role.ROUTE),
    ((nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d, nn.ChannelShuffle), Role.ROUTE),
    ((nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d), Role.ROUTE),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), Role.MAX_POOL),
    ((nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d), Role.MAX_POOL),
    ((nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), Role.ISLAND),
    ((nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.Tanh, nn.Hardsigmoid, nn.LocalResponseNorm), Role.ISLAND),
)
LEAVES: tuple[type[nn.Module], ...] = tuple(kind for kinds, _ in _MODULES for kind in kinds)
"""Layers that are single nodes of a graph; all others are followed into what they call."""

_ACTIVATIONS = "relu relu6 leaky_relu elu celu selu gelu silu mish hardswish prelu rrelu softplus threshold _threshold"
_WEIGHTS = "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"
_ROUTES = (
    "flatten unflatten permute transpose swapaxes swapdims movedim moveaxis squeeze unsqueeze mean sum view reshape "
    "contiguous chunk split tensor_split unbind narrow select index_select roll flip fliplr flipud rot90 clone detach "
    "alias avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d interpolate "
    "upsample dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout pixel_shuffle pixel_unshuffle "
    "channel_shuffle unfold fold expand repeat tile repeat_interleave broadcast_to diagonal triu tril"
)
_JOINS = "add sub cat concat concatenate stack rsub"
_SCALES = "mul multiply div divide truediv true_divide neg negative"
_MAX_POOLS = "max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"
_MAX_POOLS += " max_pool2d_with_indices boolean_dispatch"
_CALLS: Mapping[str, Role] = MappingProxyType(
    {
        **dict.fromkeys(_ACTIVATIONS.split(), Role.ACTIVATION),
        **dict.fromkeys(_WEIGHTS.split(), Role.WEIGHTS),
        **dict.fromkeys(_ROUTES.split(), Role.ROUTE),
        **dict.fromkeys(_JOINS.split(), Role.JOIN),
        **dict.fromkeys(_SCALES.split(), Role.SCALE),
        **dict.fromkeys(_MAX_POOLS.split(), Role.MAX_POOL),
        "getitem": Role.PICK,
        **dict.fromkeys((batch_of.__name__, size_of.__name__), Role.SIZE),
    }
)
"""Roles of functions and methods, which have the same names; all others are computed on values."""
_BOUNDED = frozenset({"clamp", "clip", "clamp_min", "hardtanh"})


def role_of(graph: fx.GraphModule, node: fx.Node) -> Role:
    """Return what a node that calls a module, a function or a method does."""
    role = _role(graph, node)
    # What keeps a learned number above 0 is no activation of images.
    number = role is Role.ACTIVATION and not node.meta.get(DATA) and node.meta.get(SHAPE) == ()
    return Role.ISLAND if number else role


def _role(graph: fx.GraphModule, node: fx.Node) -> Role:
    module = module_of(graph, node)
    if isinstance(module, nn.Hardtanh | nn.Threshold):
        lower = module.min_val if isinstance(module, nn.Hardtanh) else module.threshold or module.value
        return Role.ACTIVATION if lower == 0 else Role.ISLAND
    if module is not None:
        return next((role for kinds, role in _MODULES if isinstance(module, kinds)), Role.ISLAND)
    name = call_name(node)
    role = _CALLS.get(name, Role.ISLAND)
    if name in _BOUNDED:
        return Role.ACTIVATION if bounds(node)[0] == 0 else Role.ISLAND
    if name in ("threshold", "_threshold"):
        return Role.ACTIVATION if list(node.args[1:3]) == [0, 0] else Role.ISLAND
    if role is Role.WEIGHTS:
        # Weights and biases that are computed from the images make products and sums of two values.
        others = (argument(node, 1, "weight", None), argument(node, 2, "bias", None))
        return Role.ISLAND if any(isinstance(item, fx.Node) and item.meta.get(DATA) for item in others) else role
    if name == "pad" and not _adds_values(node):
        return Role.ROUTE
    return role


def replace_swish(graph: fx.GraphModule) -> None:
    """Put, in place, F.silu where a graph has x * sigmoid(x), which is the same activation."""
    for node in list(graph.graph.nodes):
        sources = node.all_input_nodes if call_name(node) in ("mul", "multiply") and len(node.args) == 2 else []
        for gate in sources:
            sigmoid = call_name(gate) == "sigmoid" or isinstance(module_of(graph, gate), nn.Sigmoid)
            if sigmoid and set(sources) == {gate, *gate.all_input_nodes} and len(sources) == 2:
                with graph.graph.inserting_before(node):
                    silu = graph.graph.call_function(nn.functional.silu, tuple(gate.all_input_nodes))
                silu.meta = node.meta
                node.replace_all_uses_with(silu)
                graph.graph.erase_node(node)
                if not gate.users:
                    graph.graph.erase_node(gate)
                break
    graph.delete_all_unused_submodules()
    graph.recompile()


def bounds(node: fx.Node) -> tuple[object, object]:
    """Return the lower and upper bound of a call of clamp or hardtanh; None for none."""
    name = call_name(node)
    if name == "clamp_min":
        return argument(node, 1, "min", None), None
    low, high = (-1.0, 1.0) if name == "hardtanh" else (None, None)
    keys = ("min_val", "max_val") if name == "hardtanh" else ("min", "max")
    return argument(node, 1, keys[0], low), argument(node, 2, keys[1], high)


def upper_bound(graph: fx.GraphModule, node: fx.Node) -> float | None:
    """Return the largest value that an activation gives; None where it has none, or none that is a number."""
    module = module_of(graph, node)
    if isinstance(module, nn.Hardtanh):
        high: object = module.max_val
    else:
        high = 6.0 if call_name(node) == "relu6" else bounds(node)[1] if call_name(node) in _BOUNDED else None
    return float(high) if isinstance(high, int | float) and high > 0 else None


def argument(node: fx.Node, place: int, name: str, default: Any) -> Any:
    """Return an argument of a call, by its place or its name."""
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def _adds_values(node: fx.Node) -> bool:
    """Say whether a padding puts numbers other than 0 or those of the image around it."""
    return argument(node, 2, "mode", "constant") == "constant" and bool(argument(node, 3, "value", 0))


def scales(node: fx.Node) -> bool:
    """Say whether a product or quotient is a train times a number: x / 2, but not x y, x x, 2 / x or a rounded one."""
    sources = [item for item in (*node.args, *node.kwargs.values()) if isinstance(item, fx.Node)]
    first = node.args[0] if node.args else node.kwargs.get("input")
    return sources == [first] and node.kwargs.get("rounding_mode") is None
