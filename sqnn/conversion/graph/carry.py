"""The signals of a spiking network, node by node, and the reasons why some networks cannot be converted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from torch import fx

from sqnn.conversion.graph.roles import Role, role_of, scales, touches_batch
from sqnn.conversion.graph.trace import ConversionError, call_name, describe, module_of


class Signal(Enum):
    """What a node of the graph gives in the spiking network.

    A VALUE is what the source network has there, [batch, ...]. SPIKES and CURRENT are trains [timesteps * batch, ...]
    whose sum over time is that value: SPIKES are sums and averages of weighted spikes, CURRENT has passed a linear
    layer. CONSTANT does not depend on the images. VALUE_SIZE and TRAIN_SIZE are sizes of a tensor.
    """

    VALUE = "value"
    SPIKES = "spikes"
    CURRENT = "current"
    CONSTANT = "constant"
    VALUE_SIZE = "size of a value"
    TRAIN_SIZE = "size of a train"

    @property
    def is_train(self) -> bool:
        """Whether time steps stand one after the other."""
        return self in (Signal.SPIKES, Signal.CURRENT)


@dataclass
class Plan:
    """The signal of every node, and the nodes whose trains have to be summed before a call can use them.

    `decoded` has the callers whose trains are summed first: layer norms, products, softmax, and linear layers fed by
    currents, which integrate them in one membrane instead of being computed once per step.
    """

    signals: dict[fx.Node, Signal] = field(default_factory=dict)
    decoded: set[fx.Node] = field(default_factory=set)
    neurons: list[fx.Node] = field(default_factory=list)


def plan(graph: fx.GraphModule, *, integrate: bool, activations: bool = False, pools: bool = False) -> Plan:
    """Infer the signals of all nodes; ConversionError with one line for every call that cannot be converted.

    `integrate`: currents that reach a linear layer are summed before it. `activations`: ReLUs become neurons too, as
    the conversions by rate have it. `pools`: max pools are taken for the average pools that they are to become.
    """
    layout, problems = Plan(), []
    neurons = (Role.NEURON, Role.ACTIVATION) if activations else (Role.NEURON,)
    for node in graph.graph.nodes:
        if node.op == "output":
            continue
        if node.op in ("placeholder", "get_attr"):
            layout.signals[node] = Signal.VALUE if node.op == "placeholder" else Signal.CONSTANT
            continue
        role = role_of(graph, node)
        role = Role.ROUTE if pools and role is Role.MAX_POOL else role
        incoming = [layout.signals[source] for source in node.all_input_nodes]
        problem = _problem(graph, node, role, incoming, role in neurons)
        if problem:
            problems.append(f"{describe(graph, node)} {problem}")
        if role in neurons:
            layout.neurons.append(node)
        if role in (Role.NEURON, Role.ACTIVATION):
            layout.signals[node] = Signal.SPIKES
        else:
            layout.signals[node] = _signal(node, role, incoming, integrate, layout)
    if not layout.neurons and not problems:
        lacks = "activation" if activations else "qcfs activation"
        mend = "put a ReLU between its layers" if activations else "prepare(model, timesteps)"
        problems.append(f"model: has no {lacks}, so it has nothing that could spike; {mend}")
    if problems:
        raise ConversionError(list(dict.fromkeys(problems)))
    return layout


def _signal(node: fx.Node, role: Role, incoming: list[Signal], integrate: bool, layout: Plan) -> Signal:
    """Return what a node gives, from what comes in; notes in `layout` where trains must be summed first."""
    trains = any(signal.is_train for signal in incoming)
    if role is Role.SHAPE:
        return Signal.TRAIN_SIZE if trains else Signal.VALUE_SIZE
    if role is Role.PICK:
        return incoming[0]
    if incoming and all(signal in (Signal.TRAIN_SIZE, Signal.VALUE_SIZE) for signal in incoming):
        return Signal.TRAIN_SIZE if Signal.TRAIN_SIZE in incoming else Signal.VALUE_SIZE
    if not trains:
        constant = bool(incoming) and all(signal is Signal.CONSTANT for signal in incoming)
        return Signal.CONSTANT if constant else Signal.VALUE
    if role in (Role.WEIGHTS, Role.NORM, Role.SCALE):
        if (role is Role.SCALE and not scales(node)) or (
            role is Role.WEIGHTS and integrate and Signal.CURRENT in incoming
        ):
            layout.decoded.add(node)
            return Signal.VALUE
        return Signal.CURRENT
    if role is Role.ROUTE:
        return next(signal for signal in incoming if signal.is_train)
    if role is Role.JOIN and all(signal.is_train for signal in incoming) and len(incoming) > 1:
        signed = call_name(node).startswith("sub") or any(signal is Signal.CURRENT for signal in incoming)
        return Signal.CURRENT if signed else Signal.SPIKES
    layout.decoded.add(node)
    return Signal.VALUE


def _problem(graph: fx.GraphModule, node: fx.Node, role: Role, incoming: list[Signal], spikes: bool) -> str | None:
    """Say why a call cannot be converted and how to mend it; None where it can."""
    trains = any(signal.is_train for signal in incoming)
    module = module_of(graph, node)
    if call_name(node) == "dropout" and module is None and _always_drops(node):
        return "drops in evaluation too, so that no two passes agree; use training=self.training, or nn.Dropout"
    if role is Role.UNKNOWN:
        return "is not known to the conversion; replace it by layers that are, or keep it outside of the network"
    if role is Role.ACTIVATION and not spikes:
        return "has no levels that spikes could count; prepare(model, timesteps) puts a QCFS there, then fine-tune"
    if role is Role.MAX_POOL and trains:
        return "does not commute with spikes; prepare(model, timesteps) puts an average pool there, then fine-tune"
    if role is Role.NORM and module is not None and module.running_mean is None:
        return "has no running statistics to convert; train it with track_running_stats=True"
    if role is Role.SHAPE and call_name(node) == "getattr" and node.args[1] != "shape":
        return f"asks for {node.args[1]}, which the conversion does not know; use permute or flatten"
    if role is Role.ROUTE and (Signal.VALUE_SIZE if trains else Signal.TRAIN_SIZE) in incoming:
        return "reshapes by the size of another tensor, which has other time steps; use flatten(1)"
    if role is Role.ISLAND and Signal.TRAIN_SIZE in incoming:
        return "takes a size that has the time steps in it; use a number, or the size of what comes before all spikes"
    sized = [
        source for source, signal in zip(node.all_input_nodes, incoming, strict=True) if signal is Signal.TRAIN_SIZE
    ]
    if role in (Role.SCALE, Role.JOIN) and len(sized) < len(incoming) and not all(map(_is_of_one_image, sized)):
        return "computes with a size that has the time steps in it; use a number, or mean over the dimensions"
    constant = all(signal is Signal.CONSTANT for signal in incoming)
    if role in (Role.ROUTE, Role.JOIN, Role.ISLAND) and not constant and touches_batch(graph, node):
        return "acts on the batch dimension, where spikes have their time steps; use flatten(1), or sizes that begin -1"
    if not trains:
        return None
    if role is Role.PICK and Signal.TRAIN_SIZE not in incoming and not _keeps_batch(node):
        return "picks from the batch dimension, where spikes have their time steps; keep that dimension whole"
    return None


def _always_drops(node: fx.Node) -> bool:
    """Say whether a call of F.dropout drops although the network was traced in evaluation."""
    return bool(node.args[2] if len(node.args) > 2 else node.kwargs.get("training", True))


def _is_of_one_image(size: fx.Node) -> bool:
    """Say whether a size is that of dimensions within an image, as x.shape[1] and x.size(1) * 2 are."""
    if call_name(size) in ("getitem", "size"):
        place = size.args[1] if len(size.args) > 1 else None
        return isinstance(place, int) and place > 0
    return call_name(size) != "getattr" and all(map(_is_of_one_image, size.all_input_nodes))


def _keeps_batch(node: fx.Node) -> bool:
    """Say whether an index leaves dimension 0 whole, or picks one of the parts that a call gave."""
    source, index = node.args[0], node.args[1]
    if isinstance(source, fx.Node) and call_name(source) in ("chunk", "split"):
        return True
    first = index[0] if isinstance(index, tuple) else index
    return first == slice(None)
