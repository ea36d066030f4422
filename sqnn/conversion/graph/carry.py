"""The signals of a spiking network, node by node, and the reasons why some networks cannot be converted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from torch import fx

from sqnn.conversion.errors import ConversionError
from sqnn.conversion.graph.nodes import ACROSS, AXIS, DATA, DRAWS, MOVED, SHAPE, call_name, describe, module_of
from sqnn.conversion.graph.planes import compares_planes, keeps_planes, sends_planes
from sqnn.conversion.graph.roles import Role, argument, role_of, scales

FRONT = "has its images in another dimension than the first; put them there before an activation and at the end"


class Signal(Enum):
    """What a node of the graph gives in the spiking network.

    A VALUE is what the source network has there, [batch, ...]. SPIKES and CURRENT are trains [timesteps * batch, ...]
    whose sum over time is that value: PLANES are what neurons sent, moved but not added, with one threshold in each
    channel; SPIKES are sums and averages of weighted spikes; CURRENT has passed a linear layer. CONSTANT does not
    depend on the images. A SIZE is a number.
    """

    VALUE = "value"
    PLANES = "bit planes"
    SPIKES = "spikes"
    CURRENT = "current"
    CONSTANT = "constant"
    SIZE = "a size"

    @property
    def is_train(self) -> bool:
        """Whether time steps stand one after the other."""
        return self in (Signal.PLANES, Signal.SPIKES, Signal.CURRENT)


@dataclass
class Plan:
    """The signal of every node, and the nodes whose trains have to be summed before a call can use them.

    `decoded` has the callers whose trains are summed first: layer norms, products, softmax, max pools of what is no bit
    planes, and linear layers fed by currents, which integrate them in one membrane instead of being computed once per
    step. `pools` has the max pools of bit planes.
    """

    signals: dict[fx.Node, Signal] = field(default_factory=dict)
    decoded: set[fx.Node] = field(default_factory=set)
    neurons: list[fx.Node] = field(default_factory=list)
    pools: set[fx.Node] = field(default_factory=set)

    @property
    def planes(self) -> set[fx.Node]:
        """The nodes that give bit planes."""
        return {node for node, signal in self.signals.items() if signal is Signal.PLANES}


def plan(graph: fx.GraphModule, *, integrate: bool, activations: bool = False, rates: bool = False) -> Plan:
    """Infer the signals of all nodes; ConversionError with one line for every call that cannot be converted.

    `integrate`: currents that reach a linear layer are summed before it. `activations`: ReLUs become neurons too, as
    the conversions by rate have it. `rates`: spikes are counted, not weighed, so that no train is bit planes.
    """
    layout, problems = Plan(), []
    neurons = (Role.NEURON, Role.ACTIVATION) if activations else (Role.NEURON,)
    for node in graph.graph.nodes:
        if node.op == "output":
            problems += [f"{describe(graph, n)} {FRONT}" for n in node.all_input_nodes if n.meta.get(AXIS)]
            continue
        if node.op in ("placeholder", "get_attr"):
            layout.signals[node] = Signal.VALUE if node.op == "placeholder" else Signal.CONSTANT
            continue
        role = role_of(graph, node)
        if node.meta.get(MOVED) and role not in (Role.NEURON, Role.ACTIVATION, Role.SIZE):
            role = Role.ISLAND  # time steps are in the first dimension
        elif role not in neurons and any(
            source in layout.neurons and not source.meta.get(DATA) for source in node.all_input_nodes
        ):
            role = Role.ISLAND  # spikes of a constant do not stand for images
        incoming = [layout.signals[source] for source in node.all_input_nodes]
        problem = _problem(graph, node, role, incoming, role in neurons, rates)
        if problem:
            problems.append(f"{describe(graph, node)} {problem}")
        if role in neurons and node.all_input_nodes:
            layout.neurons.append(node)
        if role in (Role.NEURON, Role.ACTIVATION):
            layout.signals[node] = Signal.PLANES if sends_planes(graph, node) else Signal.SPIKES
        else:
            signal = _signal(graph, node, role, incoming, integrate, layout)
            moved = signal is not Signal.PLANES or keeps_planes(graph, node, layout.planes)
            layout.signals[node] = signal if moved else Signal.SPIKES
    # A size is told by what its call is given: by the sum over time where that is what the call gets.
    layout.decoded |= {
        node for node, signal in layout.signals.items() if signal is Signal.SIZE and layout.decoded & set(node.users)
    }
    if not layout.neurons and not problems:
        lacks = "activation" if activations else "qcfs activation"
        mend = "put a ReLU between its layers" if activations else "prepare(model, timesteps)"
        problems.append(f"model: has no {lacks}, so it has nothing that could spike; {mend}")
    if problems:
        raise ConversionError(list(dict.fromkeys(problems)))
    return layout


def _signal(
    graph: fx.GraphModule, node: fx.Node, role: Role, incoming: list[Signal], integrate: bool, layout: Plan
) -> Signal:
    """Return what a node gives, from what comes in; notes in `layout` where trains must be summed first."""
    trains = any(signal.is_train for signal in incoming)
    if role is Role.SIZE or (incoming and all(signal is Signal.SIZE for signal in incoming)):
        return Signal.SIZE
    if role is Role.PICK and len(node.all_input_nodes) == 1:
        return incoming[0]
    if not trains:
        constant = all(signal is Signal.CONSTANT for signal in incoming)
        return Signal.CONSTANT if constant else Signal.VALUE
    if role in (Role.WEIGHTS, Role.NORM, Role.SCALE):
        if (role is Role.SCALE and not scales(node)) or (
            role is Role.WEIGHTS and integrate and Signal.CURRENT in incoming
        ):
            layout.decoded.add(node)
            return Signal.VALUE
        return Signal.CURRENT
    if role is Role.MAX_POOL and compares_planes(graph, node, layout.planes):
        layout.pools.add(node)
        return Signal.PLANES
    if role is Role.ROUTE:
        return next(signal for signal in incoming if signal.is_train)
    if role is Role.JOIN and all(signal.is_train for signal in incoming) and len(incoming) > 1:
        if call_name(node) in ("cat", "concat", "concatenate") and set(incoming) == {Signal.PLANES}:
            return Signal.PLANES
        signed = call_name(node).startswith("sub") or any(signal is Signal.CURRENT for signal in incoming)
        return Signal.CURRENT if signed else Signal.SPIKES
    layout.decoded.add(node)
    return Signal.VALUE


def _problem(
    graph: fx.GraphModule, node: fx.Node, role: Role, incoming: list[Signal], spikes: bool, rates: bool
) -> str | None:
    """Say why a call cannot be converted and how to mend it; None where it can."""
    module = module_of(graph, node)
    if node.meta.get(DRAWS):
        if "dropout" in call_name(node):
            return "drops in evaluation too, so that no two passes agree; use training=self.training, or nn.Dropout"
        return "draws random numbers in evaluation too, so no two passes agree; draw where self.training is set"
    if role is Role.NORM and module is not None and module.running_mean is None:
        return "has no running statistics to convert; train it with track_running_stats=True"
    if node.meta.get(ACROSS) and call_name(node) == "squeeze" and argument(node, 1, "dim", None) is None:
        return "takes the dimension of the images too where there is one image; name dimensions, as in squeeze(-1)"
    if node.meta.get(ACROSS):
        return "acts on the batch dimension, where spikes have their time steps; use flatten(1), or sizes that begin -1"
    if role in (Role.NEURON, Role.ACTIVATION) and any(source.meta.get(AXIS) for source in node.all_input_nodes):
        return FRONT
    if role in (Role.NEURON, Role.ACTIVATION) and any(n.meta.get(SHAPE) == () for n in node.all_input_nodes):
        return "acts on a single number, not on images; compute that number outside of forward"
    if role is Role.ACTIVATION and not spikes:
        return "has no levels that spikes could count; prepare(model, timesteps) puts a QCFS there, then fine-tune"
    if role is Role.MAX_POOL and rates and any(signal.is_train for signal in incoming):
        mend = 'prepare(model, timesteps, pools="average") puts an average pool there, then fine-tune'
        return f"takes a maximum, which spikes that are counted have not before their last step; {mend}"
    norms = call_name(node) == "batch_norm" and module is None and node.meta.get(DATA)
    if norms and argument(node, 5, "training", False):
        return "takes the statistics of the batch in evaluation too; use training=self.training, or nn.BatchNorm2d"
    return None
