"""Operations per image of a spiking network and of its source, and their energy."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from noise_models import Choices
from sqnn.conversion import (
    Decode,
    Role,
    SpikingMaxPool,
    SpikingNetwork,
    SpikingNeuron,
    call_name,
    images_of,
    make_pool,
    module_of,
    role_of,
    site_name,
    spatial_dimensions,
    windows,
    windows_summed,
)
from sqnn.core import ConfigError, require, require_one_of
from sqnn.data import Split

if TYPE_CHECKING:
    import pandas as pd

OPERATIONS: tuple[str, ...] = ("multiply_accumulates", "accumulates", "shifts", "comparisons")


@dataclass(frozen=True)
class EnergyModel:
    """What one operation costs, in pJ, and where the figures come from."""

    multiply_accumulates: float
    accumulates: float
    shifts: float
    comparisons: float
    source: str


ENERGY_MODELS: Choices[EnergyModel] = Choices(
    "model",
    {
        "mac-ac": EnergyModel(4.6, 0.9, 0.0, 0.0, "Horowitz, ISSCC 2014: 32-bit floating point, 45 nm"),
        "int32": EnergyModel(3.1 + 0.1, 0.1, 0.13, 0.08, "Datta et al., Table 6: 32-bit integers, 45 nm"),
        "int8": EnergyModel(0.2 + 0.03, 0.03, 0.024, 0.03, "Datta et al., Table 6: 8-bit integers, 45 nm"),
    },
)


@dataclass(frozen=True)
class LayerOperations:
    """Mean operations per image of one layer.

    `layer` is its path in the network, `sum of` the path where its currents are added up over time. Reads and writes of
    memory are not among the operations.

    `accumulates` are additions of a weight for a spike, or of a current to a membrane; `shifts` weigh a step's current
    by its plane; a reset is an addition; `comparisons` are those of neurons with thresholds and those of max pools.
    """

    layer: str
    multiply_accumulates: float = 0.0
    accumulates: float = 0.0
    shifts: float = 0.0
    comparisons: float = 0.0


@dataclass(frozen=True, repr=False)
class OperationCount:
    """Mean operations per image of a network, by layer.

    `spikes` is the mean number of spikes per neuron and image. `gates` are those of quantum circuits, which are among
    no layer's operations and in no energy.
    """

    layers: tuple[LayerOperations, ...]
    spikes: float = 0.0
    gates: float = 0.0

    def total(self, operation: str) -> float:
        """Return the number of one kind of operation per image."""
        require_one_of("operation", operation, OPERATIONS)
        return math.fsum(asdict(layer)[operation] for layer in self.layers)

    def energy(self, model: str = "mac-ac") -> float:
        """Return the energy of the operations in pJ per image; ConfigError lists the models."""
        costs = asdict(ENERGY_MODELS.pick(model, error=ConfigError))
        return math.fsum(self.total(name) * costs[name] for name in OPERATIONS)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per layer."""
        import pandas as pd

        return pd.DataFrame([asdict(layer) for layer in self.layers])

    def to_dict(self) -> dict[str, float]:
        """Return the sums, the energies, spikes and gates as plain values."""
        energies = {f"energy_{name}": self.energy(name) for name in ENERGY_MODELS}
        return {
            **{name: self.total(name) for name in OPERATIONS},
            **energies,
            "spikes": self.spikes,
            "gates": self.gates,
        }

    def __str__(self) -> str:
        counted = ", ".join(f"{self.total(name):,.0f} {name.replace('_', '-')}" for name in OPERATIONS)
        gates = f", {self.gates:,.0f} quantum gates (in no energy)" if self.gates else ""
        return (
            f"per image: {counted}, {self.energy() / 1e3:,.1f} nJ (mac-ac), {self.spikes:.3f} spikes per neuron{gates}"
        )

    def __repr__(self) -> str:
        return f"OperationCount({self})"

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.frame.to_html(index=False)}"


class OperationCounts(NamedTuple):
    """The operations of a source network and of the spiking one that it became."""

    source: OperationCount
    spiking: OperationCount

    @property
    def frame(self) -> pd.DataFrame:
        """Operations per image, energies in pJ per image and spikes per neuron, one column per network."""
        import pandas as pd

        return pd.DataFrame({name: count.to_dict() for name, count in self._asdict().items()})

    def __repr__(self) -> str:
        return f"OperationCounts(source {self.source}; spiking {self.spiking})"

    def _repr_html_(self) -> str:
        return self.frame.to_html(float_format="{:,.3f}".format)


@torch.no_grad()
def count_operations(spiking: SpikingNetwork, data: Tensor | Split, *, batch_size: int = 64) -> OperationCounts:
    """Count the operations per image of the source network and of the spiking one, in this order.

    `data` are images [batch, ...] or a part of a data set.

    Padding with zeros is not counted; average pools, norms, softmax and their like are ignored. The source multiplies
    and accumulates once for each weight and position. In the spiking network

    - a linear layer fed by spikes accumulates once for each spike and synapse: a pool or a sum before it hands every
      spike on; the plane's weight is a shift of each current and step (none with a rate code);
    - a linear layer fed by values (the image, a sum of currents) and a product of values multiply and accumulate;
    - a neuron adds each step's current, compares at each step and, when it fires, subtracts; a sum over time adds;
    - a max pool of spikes compares once for each step and candidate that is left in a window. One of values, in either
      network, compares once for each place of a window but the first. A comparison of one bit is charged as one of
      numbers, so that the energy of spiking max pools is an upper bound.

    Sums of two branches, biases and memory traffic are in neither count.

    Source: the counts of NeuroBench (Yik et al. 2025), spikes in a pool counted one by one.
    """
    require(isinstance(spiking, SpikingNetwork), "spiking", type(spiking).__name__, "a network that convert made")
    images = images_of(data, batch_size)
    parameter = next(spiking.parameters())
    spent, ordinary = _Counter(spiking.spiking, spiking), _Counter(spiking.source, spiking)
    for part in images.split(batch_size):
        part = spiking.fitted(part.to(parameter.device))
        spent.add(part)
        ordinary.add(part)
    return OperationCounts(ordinary.count(len(images)), spent.count(len(images)))


class _Counter(fx.Interpreter):
    """Run a graph and count; `spikes` holds, for nodes that carry spikes, how many arrive in each place."""

    def __init__(self, graph: fx.GraphModule, network: SpikingNetwork) -> None:
        super().__init__(graph, garbage_collect_values=False)
        self.graph_module, self.network = graph, network
        self.paths = {node.name: site_name(network.source, node) for node in network.source.graph.nodes}
        self.spikes: dict[fx.Node, Tensor] = {}
        self.totals: dict[str, dict[str, float]] = {}
        self.fans: dict[tuple[str, torch.Size], Tensor] = {}
        self.fired = 0.0
        self.cells = 0

    def add(self, images: Tensor) -> None:
        """Count one batch."""
        self.spikes = {}
        self.cells = 0
        self.run(images)

    def count(self, images: int) -> OperationCount:
        """Return the means per image."""
        layers = tuple(
            LayerOperations(name, **{kind: total / images for kind, total in totals.items()})
            for name, totals in self.totals.items()
        )
        return OperationCount(layers, self.fired / (self.cells * images) if self.cells else 0.0)

    def run_node(self, n: fx.Node) -> object:
        output = super().run_node(n)
        if n.op in ("placeholder", "get_attr", "output"):
            return output
        module = module_of(self.graph_module, n)
        arriving = [self.spikes[source] for source in n.all_input_nodes if source in self.spikes]
        if isinstance(module, SpikingNeuron):
            self._neuron(n, module, output)
            return output
        if isinstance(module, Decode):
            self._sum(n, module, output)
            return output
        if isinstance(module, SpikingMaxPool):
            self._spiking_max_pool(n, module, output)
            return output
        role = role_of(self.graph_module, n)
        if role is Role.MAX_POOL:
            self._max_pool(n, module, output[0] if isinstance(output, tuple) else output)
        elif role is Role.WEIGHTS and module is not None:
            self._linear(n, module, arriving)
        elif role in (Role.ROUTE, Role.JOIN, Role.PICK) and arriving:
            # Sizes belong to such a call; spikes added to values are not counted here.
            others = [self.env[source] for source in n.all_input_nodes if source not in self.spikes]
            if all(isinstance(other, int | torch.Size) for other in others):
                self.spikes[n] = self._routed(n, module, role)
        elif role is Role.ISLAND and call_name(n) in ("matmul", "bmm"):
            inner = self.env[n.all_input_nodes[0]].shape[-1]
            self._add(self._path(n), multiply_accumulates=output.numel() * inner)
        elif call_name(n) == "scaled_dot_product_attention":
            queries, keys = (self.env[source] for source in n.all_input_nodes[:2])
            products = queries.numel() * keys.shape[-2] + output.numel() * keys.shape[-2]
            self._add(self._path(n), multiply_accumulates=products)
        return output

    def _sum(self, node: fx.Node, layer: Decode, output: Tensor) -> None:
        T = layer.timesteps
        currents = node.all_input_nodes[0] not in self.spikes
        shifted = output.numel() * T if currents and self.network.how.code.name == "planes" else 0
        self._add(f"sum of {self._path(node.all_input_nodes[0])}", accumulates=output.numel() * (T - 1), shifts=shifted)

    def _neuron(self, node: fx.Node, neuron: SpikingNeuron, train: Tensor) -> None:
        T = neuron.code.timesteps
        fired = (train != 0).to(train.dtype)
        self.spikes[node] = fired
        cells = train.numel() / T
        ones = float(fired.sum())
        # A postponed neuron takes a whole current at once; one that fires as it integrates a share at every step.
        steps = 1 if neuron.postponed and not neuron.takes_train else T
        shifted = cells * T if neuron.takes_train and neuron.code.name == "planes" else 0.0
        self._add(self._path(node), accumulates=cells * steps + ones, comparisons=cells * T, shifts=shifted)
        self.fired += ones
        self.cells += train[0].numel()

    def _spiking_max_pool(self, node: fx.Node, pool: SpikingMaxPool, train: Tensor) -> None:
        self.spikes[node] = (train != 0).to(train.dtype)
        steps: Tensor = self.env[node.all_input_nodes[0]].unflatten(0, (pool.timesteps, -1))
        candidates, compared = pool.initial(steps[0]), 0.0
        for t, spikes in enumerate(steps):
            compared += float(candidates.sum())
            _, candidates = pool.step(spikes, candidates, t)
        self._add(self._path(node), comparisons=compared)

    def _max_pool(self, node: fx.Node, module: nn.Module | None, largest: Tensor) -> None:
        pool = make_pool(node, call_name(node), self.env) if module is None else module
        sides = spatial_dimensions(pool)
        values: Tensor = self.env[node.all_input_nodes[0]]
        _, inside = windows(pool, values.shape[-sides:], largest.shape[-sides:])
        maps = largest.numel() / len(inside)
        self._add(self._path(node), comparisons=maps * (float(inside.sum()) - len(inside)))

    def _linear(self, node: fx.Node, layer: nn.Module, spikes: list[Tensor]) -> None:
        values: Tensor = self.env[node.all_input_nodes[0]]
        fan = self._fan_out(node, layer, values)
        if spikes:
            self._add(self._path(node), accumulates=float((spikes[0] * fan).sum()))
        else:
            self._add(self._path(node), multiply_accumulates=float(fan.sum()) * len(values))

    def _fan_out(self, node: fx.Node, layer: nn.Module, arriving: Tensor) -> Tensor:
        """Return, for every place of one image, how many outputs read it: [1, ...]."""
        key = (str(node.target), arriving.shape[1:])
        if key not in self.fans:
            ones = copy.deepcopy(layer)
            ones.requires_grad_(False)
            for name, parameter in ones.named_parameters():
                parameter.fill_(1.0 if name == "weight" else 0.0)
            with torch.enable_grad():
                place = torch.ones_like(arriving[:1], requires_grad=True)
                (self.fans[key],) = torch.autograd.grad(ones(place).sum(), place)
        return self.fans[key]

    def _routed(self, node: fx.Node, module: nn.Module | None, role: Role) -> Tensor:
        """Return how many spikes a routing node hands on to each place: it sums where it averages or subtracts."""
        seen = {**self.env, **self.spikes}
        inputs: Any = fx.map_arg((node.args, node.kwargs), seen.__getitem__)
        args, kwargs = inputs
        name = call_name(node) if module is None else type(module).__name__.lower()
        if role is Role.JOIN and "cat" not in name:
            added: Tensor = sum(self.spikes[source] for source in node.all_input_nodes)  # type: ignore[assignment]
            return added
        if name == "mean":
            return torch.sum(*args, **kwargs)
        if "pool" in name:
            layer = module if module is not None else make_pool(node, name, self.env)
            return windows_summed(layer, args[0])
        calls = {"call_method": self.call_method, "call_function": self.call_function, "call_module": self.call_module}
        return calls[node.op](node.target, args, kwargs)

    def _path(self, node: fx.Node) -> str:
        """Return the path of the layer or activation that a node stands for; from its second call on with a number."""
        return self.network.sites.get(node.name) or self.paths.get(node.name, node.name)

    def _add(self, name: str, **counts: float) -> None:
        totals = self.totals.setdefault(name, {})
        for kind, number in counts.items():
            totals[kind] = totals.get(kind, 0.0) + number
