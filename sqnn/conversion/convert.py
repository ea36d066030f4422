"""Conversion of a trained network into a spiking one."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sqnn.conversion.codes import Conversion, plane_code, rate_code
from sqnn.conversion.errors import ConversionError
from sqnn.conversion.graph import (
    Plan,
    Role,
    Signal,
    activation_of,
    argument,
    call_name,
    describe,
    module_of,
    plan,
    role_of,
    site_name,
    trace,
)
from sqnn.conversion.max_pool import SpikingMaxPool
from sqnn.conversion.network import SpikingNetwork
from sqnn.conversion.neuron import Decode, SpikingNeuron
from sqnn.conversion.pools import make_pool
from sqnn.core import require
from sqnn.models import HasNetwork, config_of, known_name, network_of
from sqnn.neurons import QCFS

BIAS = 2
"""Place of the bias among the arguments of F.linear and F.conv."""
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def convert(
    model: nn.Module | HasNetwork,
    *,
    images: Tensor | None = None,
    planes: int | None = None,
    fold_batch_norm: bool = False,
    plane_weights: bool = True,
    bias_shift: bool = True,
    postponed: bool = True,
) -> SpikingNetwork:
    """Convert a network of QCFS activations into a spiking one with the same activations, without any error.

    `model` is the network, or the run that trained it.

    An activation of T bits becomes neurons that send its binary digits as spikes in T time steps, most significant
    first: a^l = (lambda / Q) sum_t 2^(T-t) s_t. Linear layers act on every step, their biases spread over the steps;
    the first ones, which see the image itself, act once. A max pool of such digits compares them from the front (see
    `SpikingMaxPool`). What else is not linear (softmax, layer norms, products, max pools of sums) acts on sums over
    time. The model itself is left as it is.

    - `images` [batch, ...]: some of the images that the network takes, of which a few go through it to show what it
      does; the package's own networks, and those prepared with images, need none; for others a size is guessed.
    - `planes`: stop after so many of the T most significant planes, for fewer time steps than the network has bits.
    - `fold_batch_norm`: merge each batch norm into the convolution before it, in place of a shifted bias.
    - `plane_weights`, `bias_shift`, `postponed`: the three parts of the method, each of which can be left out to see
      what it is worth (the paper's Table 4). Without `plane_weights` a spike is one of T levels, and biases average out
      of themselves; without `bias_shift` every step of a plane code has the whole bias; without `postponed` neurons
      fire while they integrate.

    Raises ConversionError with one line for every layer that cannot be converted, and ConfigError on other arguments.

    Source: Datta et al., "When SNN meets ANN", section 5.1, with Q = 2^T - 1.
    """
    switches = {
        "fold_batch_norm": fold_batch_norm,
        "plane_weights": plane_weights,
        "bias_shift": bias_shift,
        "postponed": postponed,
    }
    for name, value in switches.items():
        require(isinstance(value, bool), name, value, "True or False")
    require(not isinstance(planes, bool), "planes", planes, "a whole number, or none for all")
    model = network_of(model)
    graph = trace(model, images)
    layout = plan(graph, integrate=postponed, rates=not plane_weights)
    timesteps = common_timesteps(graph, layout)
    require(bias_shift or plane_weights, "bias_shift", bias_shift, "true where plane_weights is off: rates need none")
    require(planes is None or plane_weights, "planes", planes, "none where plane_weights is off")
    code = plane_code(timesteps, planes) if plane_weights else rate_code(timesteps)
    if fold_batch_norm:
        fold(graph)
        layout = plan(graph, integrate=postponed, rates=not plane_weights)
    how = Conversion(code, postponed, bias_shift, fold_batch_norm)
    return build(model, graph, layout, learned_thresholds(graph, layout), how)


def learned_thresholds(graph: fx.GraphModule, layout: Plan) -> dict[fx.Node, Tensor]:
    """Return the thresholds of the QCFS activations."""
    return {node: activation_of(graph, node).threshold for node in layout.neurons}


def common_timesteps(graph: fx.GraphModule, layout: Plan) -> int:
    """Return the bits that all QCFS activations have; ConversionError naming those that differ from the first."""
    bits = {node: activation_of(graph, node).timesteps for node in layout.neurons}
    first = next(iter(bits.values()))
    wrong = [
        f"{describe(graph, node)} has {number} bits, expected {first} as the first one has; prepare(model, {first})"
        for node, number in bits.items()
        if number != first
    ]
    if wrong:
        raise ConversionError(wrong)
    return int(first)


def build(
    model: nn.Module,
    source: fx.GraphModule,
    layout: Plan,
    thresholds: Mapping[fx.Node, Tensor],
    how: Conversion,
) -> SpikingNetwork:
    """Make the spiking network: a copy of the source's graph with neurons, spread biases and sums over time."""
    T = how.code.timesteps
    root, graph = nn.Module(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    sums: dict[fx.Node, fx.Node] = {}
    sites: dict[str, str] = {}
    made: dict[tuple[str, bool], str] = {}
    taken = {node.name for node in source.graph.nodes}

    def fresh(name: str) -> str:
        """Return a name that no other node has, so that those of the source keep theirs."""
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    def value_of(node: fx.Node) -> fx.Node:
        """Return the node's value, its train summed where it is one."""
        if not layout.signals[node].is_train:
            return copies[node]
        if node not in sums:
            with graph.inserting_after(copies[node]):
                sums[node] = graph.call_module(_add(root, fresh(f"decode_{node.name}"), Decode(T)), (copies[node],))
        return sums[node]

    for node in source.graph.nodes:
        if node.op == "output":
            graph.output(fx.map_arg(node.args[0], value_of))
            continue
        copied = graph.node_copy(node, value_of if node in layout.decoded else copies.__getitem__)
        copies[node] = copied
        if node.op == "get_attr":
            constant: Tensor = operator.attrgetter(str(node.target))(source)
            copied.target = _add(root, fresh(f"constant_{node.name}"), constant)
        if node in layout.neurons:
            takes_train = layout.signals[node.all_input_nodes[0]].is_train
            activation = module_of(source, node)
            axis = activation.channel_axis if isinstance(activation, QCFS) else 1
            neuron = SpikingNeuron(
                how.code, thresholds[node], postponed=how.postponed, takes_train=takes_train, channel_axis=axis
            )
            copied.op, copied.kwargs = "call_module", {}
            copied.args = (copied.all_input_nodes[0],)
            copied.target = _add(root, fresh(f"neuron_{node.name}"), neuron)
            sites[copied.name] = site_name(source, node)
        elif node in layout.pools:
            pool = module_of(source, node) or make_pool(node, call_name(node))
            copied.op, copied.args, copied.kwargs = "call_module", (copied.all_input_nodes[0],), {}
            copied.target = _add(root, fresh(f"pool_{node.name}"), SpikingMaxPool(T, pool))
        elif node.op == "call_function" and role_of(source, node) is Role.WEIGHTS:
            if layout.signals[node] is Signal.CURRENT and (how.bias_shift or how.code.name == "rate"):
                _share_bias(graph, copied, T)
        elif node.op == "call_module":
            train = layout.signals[node] is Signal.CURRENT
            key = (str(node.target), train)
            if key not in made:
                layer = source.get_submodule(str(node.target))
                spread = how.bias_shift or how.code.name == "rate"
                if train and spread and isinstance(layer, BatchNorm):
                    layer = spread_batch_norm(layer, T)
                elif train and spread and role_of(source, node) is Role.WEIGHTS:
                    layer = spread_linear(layer, T)
                made[key] = _add(root, node.name, layer)
            copied.target = made[key]
    graph.lint()
    spiking = fx.GraphModule(root, graph, "Spiking")
    return SpikingNetwork(spiking, source, how, sites, config_of(model), known_name(model))


def fold(graph: fx.GraphModule) -> None:
    """Merge, in place, every batch norm into the convolution that alone feeds it, where both are called once."""
    calls = [str(node.target) for node in graph.graph.nodes if node.op == "call_module"]
    for node in list(graph.graph.nodes):
        if node.op != "call_module" or role_of(graph, node) is not Role.NORM:
            continue
        (before,) = node.all_input_nodes
        layer, norm = module_of(graph, before), module_of(graph, node)
        alone = len(before.users) == 1 and calls.count(str(before.target)) == calls.count(str(node.target)) == 1
        if alone and isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and isinstance(norm, BatchNorm):
            graph.set_submodule(str(before.target), fuse_conv_bn_eval(layer, norm))
            node.replace_all_uses_with(before)
            graph.graph.erase_node(node)
    graph.delete_all_unused_submodules()
    graph.recompile()


def spread_linear(layer: nn.Module, timesteps: int) -> nn.Module:
    """Return a layer with the same weight tensor and a T-th of the bias: sum_t f_c(x_t) = f(sum_t x_t)."""
    spread = copy.copy(layer)
    spread._parameters = dict(layer._parameters)
    bias = layer._parameters["bias"]
    if bias is not None:
        spread.bias = nn.Parameter(bias.detach() / timesteps, requires_grad=False)
    return spread


def spread_batch_norm(norm: BatchNorm, timesteps: int) -> nn.Module:
    """Return a batch norm with the shifted bias beta_c = beta / T + (1 - 1/T) gamma mu / sqrt(var + eps).

    Then sum_t BN_c(z_t) = BN(sum_t z_t) with the running statistics mu and var.

    Source: Datta et al., "When SNN meets ANN", Proposition I as its proof has it (the printed statement divides by
    beta instead of the deviation).
    """
    spread = copy.deepcopy(norm)
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    gamma = torch.ones_like(mean) if norm.weight is None else norm.weight.detach()
    beta = torch.zeros_like(mean) if norm.bias is None else norm.bias.detach()
    mean_share = gamma * mean / torch.sqrt(variance + norm.eps)
    spread.affine = True
    spread.weight = nn.Parameter(gamma.clone(), requires_grad=False)
    spread.bias = nn.Parameter(beta / timesteps + (1 - 1 / timesteps) * mean_share, requires_grad=False)
    return spread


def _share_bias(graph: fx.Graph, call: fx.Node, timesteps: int) -> None:
    """Give a call of F.linear or F.conv a T-th of its bias."""
    bias = argument(call, BIAS, "bias", None)
    if isinstance(bias, fx.Node):
        with graph.inserting_before(call):
            share = graph.call_function(operator.truediv, (bias, timesteps))
        call.replace_input_with(bias, share)


def _add(root: nn.Module, name: str, item: nn.Module | Tensor) -> str:
    """Give `root` a module, parameter or tensor under a name; return the name."""
    if isinstance(item, Tensor) and not isinstance(item, nn.Parameter):
        root.register_buffer(name, item)
    else:
        setattr(root, name, item)
    return name
