"""A network as a graph of calls, in which activations and layers are single nodes."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from sqnn.core import ConfigError, channels_last_is_safe
from sqnn.models import MODELS, VARIANTS, HAS8Config, SourceNetwork, config_of, require_network
from sqnn.neurons import QCFS

GENERATOR = "generator"
"""Second argument of the package's networks; the ordinary ones draw nothing from it."""
CHANNELS_LAST = "channels_last"
"""What a graph notes of the package's own networks: they lay images out as channels-last memory where that is safe."""
NONE_CHECK = "_assert_is_none"
"""Name of the call that tracing leaves where an argument was left out."""

UNTRACEABLE = (
    *(fx.proxy.TraceError, ArithmeticError, AssertionError, AttributeError, LookupError, NameError),
    *(RuntimeError, TypeError, ValueError),
)
"""What a forward pass raises that needs to know the numbers of the images."""


class ConversionError(ConfigError):
    """A network that cannot be converted: `problems` has one line for each layer, naming it and the mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, QCFS) or super().is_leaf_module(m, module_qualified_name)


def trace(model: nn.Module) -> fx.GraphModule:
    """Return a copy of `model` in evaluation mode as a graph module; ConversionError where it cannot be traced."""
    try:
        require_network(model)
    except ConfigError as error:
        raise ConversionError([str(error)]) from error
    config = config_of(model)
    if config is not None and not isinstance(model, SourceNetwork | fx.GraphModule):
        names = ", ".join(name for name, known in MODELS.items() if issubclass(known, SourceNetwork))
        plain = isinstance(config, HAS8Config) and not VARIANTS[config.variant].snn
        spikes = "which spikes already; take an ordinary network"
        why = f"which is no source network; take one of {names}" if plain else spikes
        raise ConversionError([f"model: got {type(model).__name__}, {why}"])
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ConversionError([f"{name}: has NaN or infinite values, expected finite ones"])
    model = copy.deepcopy(model).eval()
    left_out = {GENERATOR: None} if GENERATOR in inspect.signature(model.forward).parameters else None
    try:
        graph = _Tracer().trace(model, left_out)
    except UNTRACEABLE as error:
        raise _untraceable(model, error) from error
    for node in reversed(list(graph.nodes)):
        absent = node.op == "placeholder" and str(node.target).startswith(GENERATOR)
        if call_name(node) == NONE_CHECK or (absent and left_out):
            graph.erase_node(node)
    inputs = [str(node.target) for node in graph.nodes if node.op == "placeholder" and not node.args]
    if len(inputs) != 1:
        names = ", ".join(inputs) or "none"
        raise ConversionError([f"model: {type(model).__name__} takes as inputs {names}; expected the images alone"])
    traced = fx.GraphModule(model, graph, type(model).__name__)
    traced.meta[CHANNELS_LAST] = isinstance(model, SourceNetwork) and channels_last_is_safe(model)
    return traced


def _untraceable(model: nn.Module, error: Exception) -> ConversionError:
    why = next(iter(str(error).splitlines()), type(error).__name__)
    mend = "numbers that depend on the images out of forward, or convert the part that holds the layers"
    return ConversionError([f"model: {type(model).__name__} cannot be traced ({why}); keep branches and {mend}"])


def laid_out(graph: fx.GraphModule, images: Tensor) -> Tensor:
    """Return images in the order of memory that the traced network computes on, on which the last bit can depend."""
    return images.contiguous(memory_format=torch.channels_last) if graph.meta.get(CHANNELS_LAST) else images


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
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def describe(graph: fx.GraphModule, node: fx.Node) -> str:
    """Say where a node is and what it calls: `features.3: MaxPool2d`, or `relu_1: relu` for a function."""
    module = module_of(graph, node)
    if module is not None:
        return f"{node.target}: {type(module).__name__}"
    return f"{node.name}: {call_name(node)}"


def site_name(source: fx.GraphModule, node: fx.Node) -> str:
    """Return the path of the activation that a node calls; from the second call of it on with its number, `act#2`."""
    if node.op != "call_module":
        return node.name
    calls = [other for other in source.graph.nodes if other.op == "call_module" and other.target == node.target]
    number = calls.index(node) + 1
    return str(node.target) if number == 1 else f"{node.target}#{number}"
