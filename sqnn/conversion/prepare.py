"""Preparation of an ordinary network for conversion: activations with levels, pools that average where asked for."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, fx, nn

from sqnn.conversion.calibration import PERCENTILE, check_calibration, observed_thresholds
from sqnn.conversion.codes import plane_code
from sqnn.conversion.errors import ConversionError
from sqnn.conversion.graph import (
    EXAMPLE,
    Role,
    argument,
    call_name,
    describe,
    example_of,
    gives_indices,
    module_of,
    other_reading,
    plan,
    role_of,
    same,
    trace,
    unwrapped,
    upper_bound,
)
from sqnn.conversion.pools import make_pool
from sqnn.core import RAISED, Choices, ConfigError, is_whole, require
from sqnn.models import HasNetwork, config_of, network_of
from sqnn.neurons import INITIAL_THRESHOLD, QCFS, THRESHOLDS

DROPPED = 0.5
"""Share that F.dropout drops by default."""
KEEP = 'leave it a max pool with pools="keep"'
POOLS: Choices[str] = Choices("pools", {"keep": "max pools stay", "average": "max pools become average pools"})
"""What becomes of max pools."""
CHANNELS, LAST = 1, -1
"""Dimension of the channels of images, and of the features that a linear layer gives."""

_OF_IMAGES = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm),
)
_FEATURES = frozenset({"matmul", "bmm", "layer_norm", "group_norm", "scaled_dot_product_attention"})
_MOVES = frozenset({"permute", "transpose", "swapaxes", "unflatten", "view", "reshape"})
_POOLS: dict[type[nn.Module], type[nn.Module]] = {
    nn.MaxPool1d: nn.AvgPool1d,
    nn.MaxPool2d: nn.AvgPool2d,
    nn.MaxPool3d: nn.AvgPool3d,
    nn.AdaptiveMaxPool1d: nn.AdaptiveAvgPool1d,
    nn.AdaptiveMaxPool2d: nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool3d: nn.AdaptiveAvgPool3d,
}
_HOOKS = tuple(name for name in vars(nn.Module()) if re.fullmatch(r"_forward(_pre)?_hooks(_\w+)?", name))
_DROPOUTS: Mapping[str, Callable[[float], nn.Module]] = MappingProxyType(
    {
        "dropout": nn.Dropout,
        "dropout1d": nn.Dropout1d,
        "dropout2d": nn.Dropout2d,
        "dropout3d": nn.Dropout3d,
        "alpha_dropout": nn.AlphaDropout,
        "feature_alpha_dropout": nn.FeatureAlphaDropout,
    }
)


def prepare(
    model: nn.Module | HasNetwork,
    timesteps: int = 4,
    *,
    thresholds: str = "layer",
    images: Tensor | None = None,
    percentile: float = PERCENTILE,
    channel_axis: int | None = None,
    pools: str = "keep",
) -> nn.Module:
    """Return a copy of `model` with QCFS activations of `timesteps` bits; all weights are kept.

    Every ReLU, and every activation like it (leaky ReLU, ReLU6, GELU, SiLU, ...), becomes a QCFS; a QCFS that is there
    keeps its threshold, unless images calibrate. The copy is of the same class where all that is replaced are modules
    that are called once, and a graph module otherwise. It answers differently from `model`: fine-tune it.

    `pools` says what becomes of max pools: with `keep` they stay, and `convert` makes spiking max pools of them; with
    `average` they become average pools, which conversions by rate need and which change what the network computes.

    `images` [batch, ...] calibrate: thresholds start at the percentile of what each activation receives instead of at
    4. `thresholds` is `layer` or `channel`, one threshold for each channel, which takes images. Channels are
    counted along `channel_axis`; left out, along dimension 1 after convolutions and batch norms, and along the last
    one after linear layers, layer norms and products.

    `F.dropout` becomes a module, so that the copy drops in training; other branches on `self.training` of a network
    that has to be traced stay as they are in evaluation.

    Raises ConversionError with one line for every layer that stays in the way, and ConfigError on other arguments.

    Source: Datta et al., "When SNN meets ANN", sections A.1 and A.10.
    """
    model = network_of(model)
    plane_code(timesteps)
    fits = channel_axis is None or (is_whole(channel_axis) and channel_axis != 0)
    require(fits, "channel_axis", channel_axis, "a dimension after 0, that of the batch, or none")
    THRESHOLDS.pick(thresholds, error=ConfigError)
    POOLS.pick(pools, error=ConfigError)
    if images is not None or thresholds == "channel":
        check_calibration(images, percentile, config_of(model))
    model = unwrapped(model)
    graph = trace(model, images)
    sites = _nodes(graph, Role.NEURON, Role.ACTIVATION)
    averaged = _nodes(graph, Role.MAX_POOL) if pools == "average" else []
    _check(graph, averaged)
    each = {site: _axis(graph, site, channel_axis) for site in sites} if thresholds == "channel" else None
    observed = {} if images is None else observed_thresholds(graph, sites, images, percentile, each)
    new: dict[fx.Node, nn.Module] = {
        site: _activation(graph, site, timesteps, observed.get(site), each[site] if each else CHANNELS)
        for site in sites
    }
    new |= {pool: _average_pool(graph, pool) for pool in averaged}
    new |= {node: drop for node in graph.graph.nodes if (drop := _dropout(node)) is not None}
    shape = tuple(example_of(graph).shape[1:])
    parameter = next(model.parameters(), None)
    if parameter is not None:
        new = {node: module.to(parameter.device, parameter.dtype) for node, module in new.items()}
    prepared = _of_the_same_class(model, graph, new)
    if prepared is None:
        other = other_reading(graph) if images is None and config_of(model) is None else None
        require(
            other is None, "images", None, f"some images: on shape {other} the model computes otherwise than on {shape}"
        )
        prepared = _rewritten(graph, new)
    notes = prepared.meta if isinstance(prepared, fx.GraphModule) else vars(prepared)
    notes[EXAMPLE] = shape
    _follow(prepared, model, timesteps, averaged=pools == "average")
    modes = {path: module.training for path, module in model.named_modules()}
    for path, module in prepared.named_modules():
        module.training = modes.get(path, model.training)
    return prepared


def _nodes(graph: fx.GraphModule, *roles: Role) -> list[fx.Node]:
    called = [n for n in graph.graph.nodes if n.op in ("call_module", "call_function", "call_method")]
    return [node for node in called if role_of(graph, node) in roles]


def _check(graph: fx.GraphModule, averaged: list[fx.Node]) -> None:
    problems: list[str] = []
    try:
        plan(graph, integrate=True, activations=True)
    except ConversionError as error:
        problems += error.problems
    for node in averaged:
        if len(node.all_input_nodes) > 1:
            problems.append(f"{describe(graph, node)} has windows of a size that is computed; {KEEP}")
            continue
        layer = module_of(graph, node) or make_pool(node, call_name(node))
        dilation = vars(layer).get("dilation", 1)
        if dilation not in (1, (1,), (1, 1), (1, 1, 1)):
            problems.append(f"{describe(graph, node)} has dilation {dilation}, which an average pool has not; {KEEP}")
        elif gives_indices(graph, node):
            problems.append(f"{describe(graph, node)} returns indices, which an average pool has not; {KEEP}")
    if problems:
        raise ConversionError(list(dict.fromkeys(problems)))


def _axis(graph: fx.GraphModule, site: fx.Node, wanted: int | None) -> int:
    """Return the dimension that an activation counts its channels along; ConfigError where its place is not plain."""
    module = module_of(graph, site)
    if isinstance(module, QCFS):
        return module.channel_axis
    if wanted is not None:
        return int(wanted)
    moves: list[str] = []
    node = site
    while node.op != "placeholder" and node.all_input_nodes and not _gives_channels(graph, node):
        moves += [call_name(node)] if call_name(node) in _MOVES else []
        node = node.all_input_nodes[0]
    of_images = node.op == "placeholder" or isinstance(module_of(graph, node), _OF_IMAGES)
    of_images |= call_name(node) == "group_norm"
    if of_images and moves:
        where = f"the dimension of the channels at {describe(graph, site)}, after {moves[-1]}"
        raise ConfigError(f"channel_axis: got None, expected {where}")
    return CHANNELS if of_images else LAST


def _gives_channels(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Say whether a call, rather than what comes before it, says where channels or features are."""
    norm = isinstance(module_of(graph, node), nn.LayerNorm | nn.GroupNorm | nn.RMSNorm)
    return norm or call_name(node) in _FEATURES or role_of(graph, node) in (Role.WEIGHTS, Role.NORM)


def _activation(
    graph: fx.GraphModule, site: fx.Node, timesteps: int, observed: Tensor | None, channel_axis: int
) -> QCFS:
    """Return the QCFS that takes the place of an activation; the bound of one that has any is its first threshold."""
    old = module_of(graph, site)
    if isinstance(old, QCFS):
        channels = old.channels if observed is None or observed.ndim == 0 else len(observed)
        new = QCFS(timesteps, channels=channels, channel_axis=old.channel_axis).to(old.raw_threshold.dtype)
        if observed is None:
            new.raw_threshold.data.copy_(old.raw_threshold.detach())
        else:
            new.set_threshold(observed)
        return new
    channels = len(observed) if observed is not None and observed.ndim else None
    new = QCFS(timesteps, upper_bound(graph, site) or INITIAL_THRESHOLD, channels=channels, channel_axis=channel_axis)
    if observed is not None:
        new.set_threshold(observed)
    return new


def _dropout(node: fx.Node) -> nn.Module | None:
    """Return the module for a call of F.dropout and its like, which drops in training; None for other calls."""
    kind = _DROPOUTS.get(call_name(node)) if node.op == "call_function" else None
    return None if kind is None else kind(float(argument(node, 1, "p", DROPPED)))


def _of_the_same_class(model: nn.Module, graph: fx.GraphModule, new: dict[fx.Node, nn.Module]) -> nn.Module | None:
    """Return a copy of the model with its modules replaced; None where only a graph can do what is wanted.

    That is so where a call is no module's, or one of several of the same module, where the model has no copy, where its
    code needs something of the old modules, and where it does not read what a module that works in place returns.
    """
    calls = Counter(str(node.target) for node in graph.graph.nodes if node.op == "call_module")
    if not all(node.op == "call_module" and calls[str(node.target)] == 1 for node in new):
        return None
    try:
        prepared = copy.deepcopy(model)
    except Exception:  # whatever an attribute raises that has no copy
        return None
    for node, module in new.items():
        old = prepared.get_submodule(str(node.target))
        twin = copy.deepcopy(module)  # the graph has the hooks of its modules as calls
        vars(twin).update({hooks: vars(old)[hooks] for hooks in _HOOKS})
        prepared.set_submodule(str(node.target), twin)
    images = example_of(graph)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        wanted = _Replaced(graph, new).run(images)
        try:
            given = copy.deepcopy(prepared).eval()(images.clone())
        except RAISED:  # whatever its code raises that reads or names what only the old modules have
            return None
    return prepared if same(given, wanted) else None


class _Replaced(fx.Interpreter):
    """A run of a graph in which other modules answer some of the calls."""

    def __init__(self, graph: fx.GraphModule, new: dict[fx.Node, nn.Module]) -> None:
        super().__init__(graph)
        self.new = new

    def run_node(self, n: fx.Node) -> object:
        return self.new[n](self.env[n.all_input_nodes[0]]) if n in self.new else super().run_node(n)


def _average_pool(graph: fx.GraphModule, node: fx.Node) -> nn.Module:
    """Return the average pool over the same windows; what lies outside of the image does not count."""
    layer = module_of(graph, node) or make_pool(node, call_name(node))
    average: Callable[..., nn.Module] = _POOLS[type(layer)]
    if hasattr(layer, "output_size"):
        return average(layer.output_size)
    windows = (layer.kernel_size, layer.stride, layer.padding)
    return average(*windows, ceil_mode=layer.ceil_mode, count_include_pad=False)


def _rewritten(graph: fx.GraphModule, new: dict[fx.Node, nn.Module]) -> fx.GraphModule:
    """Return the graph with the calls replaced by calls of the new modules."""
    for node, module in new.items():
        name = f"{type(module).__name__.lower()}_{node.name}"
        graph.add_submodule(name, module)
        with graph.graph.inserting_after(node):
            node.replace_all_uses_with(graph.graph.call_module(name, (node.all_input_nodes[0],)))
        graph.graph.erase_node(node)
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph


def _follow(prepared: nn.Module, model: nn.Module, timesteps: int, averaged: bool) -> None:
    """Let the configuration of one of the package's networks tell what became of it."""
    config = config_of(model)
    if config is None:
        return
    each = any(isinstance(module, QCFS) and module.channels is not None for module in prepared.modules())
    consequences: dict[str, Any] = {
        "activation": "qcfs",
        "timesteps": timesteps,
        "thresholds": "channel" if each else "layer",
    }
    consequences |= {"pooling": "average"} if averaged else {}
    known = {field.name for field in dataclasses.fields(config)}
    changed = {name: value for name, value in consequences.items() if name in known} if "activation" in known else {}
    followed: Any = dataclasses.replace(config, **changed)
    prepared.config = followed
