"""Operations per image of any network, counted in its products of inputs with weights while it runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from sqnn.conversion import SpikingNetwork, images_of
from sqnn.core import ConfigError, is_whole, require
from sqnn.data import ImageData, Split
from sqnn.metrics.accuracy import EVALUATION_BATCH, EVALUATION_SEED, run_batches
from sqnn.metrics.operation_counts import LayerOperations, OperationCount, count_operations
from sqnn.metrics.parameters import is_circuit
from sqnn.models import HasNetwork, logits_of, network_of, require_network
from sqnn.neurons import Neuron

CONVERTED_BATCH = 64
"""Most images per batch of a converted network, whose steps are in the batch."""
COUNTED = 1_000
"""Most images of a data set; means change little beyond."""
Stored = Callable[[Tensor], bool]
"""Says whether a tensor belongs to the network."""


class Kind(IntEnum):
    """What inputs are that weights are accumulated for; the first that fits."""

    BINARY = 0
    HEIGHTS = 1
    COUNTS = 2


class Spent(NamedTuple):
    """Operations of one product, whose inputs are spikes or numbers.

    `dense` are its multiply-accumulates where they are numbers; `accumulates` and `shifts` those where they are spikes.
    """

    dense: float = 0.0
    accumulates: float = 0.0
    shifts: float = 0.0
    spikes: bool = True


def operations(
    model: nn.Module | HasNetwork, data: Tensor | Split | ImageData, *, batch_size: int = EVALUATION_BATCH
) -> OperationCount:
    """Count the mean operations per image of any network, or of that of a run, by layer, in evaluation mode.

    `data` are images [batch, ...], a part of a data set, or a data set, of which the first 1,000 test images are taken.
    Every convolution and every product of matrices that torch computes is counted, by the layer within which it stands,
    padding left out:

    - inputs that are all 0 or 1 are spikes, and each accumulates one weight for each output that reads it; sums of
      spikes (all inputs whole numbers) count as so many;
    - spikes of heights 2^-k, such as the planes of a phase encoding, accumulate as well, and each output of a step is
      shifted once;
    - all other inputs multiply and accumulate with each weight, zeros too.

    Whether the inputs of a product are spikes or numbers is settled over all images together, not batch by batch.

    Not counted: biases, norms, pools, activations, updates of neurons, comparisons and memory. The gates of quantum
    circuits stand apart in `gates`, for one run of each circuit per evaluation, and are in no energy: what a gate costs
    depends on the machine, and expectations take many runs. `spikes` is the mean per neuron of this package and image.
    Random encoders draw from a generator of the same seed in every call. For a converted network the count is that of
    `count_operations`, which has its neurons too. Raises ConfigError where there are no images.

    Source: synaptic operations as in NeuroBench (Yik et al., Nat. Commun. 16, 1545, 2025), its dense MACs.
    """
    model = require_network(network_of(model))
    require(is_whole(batch_size) and batch_size >= 1, "batch_size", batch_size, "a whole number of at least 1")
    if isinstance(data, ImageData):
        data = data.test.floats(slice(COUNTED))
    if isinstance(model, SpikingNetwork):
        return count_operations(model, data, batch_size=min(batch_size, CONVERTED_BATCH)).spiking
    images = images_of(data, batch_size)
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    counter = _Counter(model)

    def call(part: Tensor) -> Tensor:
        counter.begin()
        with counter:
            return logits_of(model, part, generator)

    with counter.watching(), _products_apart():
        run_batches(model, images, call, batch_size)
    return counter.count(len(images))


class _Counter(TorchDispatchMode):
    """Count the products that are computed while the mode is on, by the module that is at work."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.spent: dict[tuple[str, int], list[Spent]] = {}
        self.gates = 0.0
        self.fired = 0.0
        self.cells: dict[nn.Module, int] = {}
        tensors = (*model.parameters(), *model.buffers())
        self.stored = {tensor.untyped_storage().data_ptr() for tensor in tensors}
        self._path: list[str] = []
        self._circuits = 0
        self._met: Counter[str] = Counter()

    def begin(self) -> None:
        """Begin a batch: the first product within a layer is the same one as in the batch before."""
        self._met = Counter()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within the block, the modules say which of them is at work; no hook outlives it."""
        with ExitStack() as hooks:
            for path, part in self.model.named_modules():
                circuit, neuron = is_circuit(part), isinstance(part, Neuron)
                enter, leave = self._hooks(path or type(part).__name__, circuit, neuron)
                hooks.callback(part.register_forward_pre_hook(enter, with_kwargs=True).remove)
                hooks.callback(part.register_forward_hook(leave).remove)
            yield

    def count(self, images: int) -> OperationCount:
        """Return the means per image."""
        totals: dict[str, dict[str, float]] = {}
        for (path, _), spent in self.spent.items():
            kinds = ("accumulates", "shifts") if all(one.spikes for one in spent) else ("dense",)
            total = totals.setdefault(path, {})
            for kind in kinds:
                name = "multiply_accumulates" if kind == "dense" else kind
                total[name] = math.fsum([total.get(name, 0.0), *(getattr(one, kind) / images for one in spent)])
        layers = tuple(LayerOperations(path, **total) for path, total in totals.items())
        cells = sum(self.cells.values())
        return OperationCount(layers, self.fired / (cells * images) if cells else 0.0, self.gates / images)

    def _hooks(self, path: str, circuit: bool, neuron: bool) -> tuple[Callable[..., None], Callable[..., None]]:
        def enter(part: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
            self._path.append(path)
            self._circuits += circuit
            if circuit and self._circuits == 1:
                self.gates += _gates(part, *inputs, **named)

        def leave(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            self._path.pop()
            self._circuits -= circuit
            if neuron:
                spikes = output[0] if isinstance(output, tuple) else output
                self.fired += float(spikes.count_nonzero())
                self.cells[part] = spikes[0, 0].numel()

        return enter, leave

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise torch loads its compiler, which takes seconds, before the first product.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        counted = PRODUCTS.get(func.overloadpacket.__name__)
        if counted is not None and not self._circuits:
            path = self._path[-1] if self._path else type(self.model).__name__
            place = (path, self._met[path])
            self._met[path] += 1
            self.spent.setdefault(place, []).append(counted(self._is_stored, output, *args))
        return output

    def _is_stored(self, values: Tensor) -> bool:
        """Say whether a tensor is a parameter or buffer of the network, or a view of one."""
        return values.untyped_storage().data_ptr() in self.stored


@contextmanager
def _products_apart() -> Iterator[None]:
    """Within the block, attention computes its products one by one."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _gates(circuit: nn.Module, inputs: Tensor, *rest: object, **named: object) -> float:
    """Return the gates of a call of a circuit; nan where a circuit is not one of this package's layers."""
    from circuits import QuantumLayer, ReuploadLayer

    if not isinstance(circuit, QuantumLayer | ReuploadLayer):
        return math.nan
    return float(circuit.n_gates * (inputs.numel() // circuit.n_inputs))


def _spikes(values: Tensor) -> tuple[Tensor, Kind] | None:
    """Return how many spikes each place holds, in double, and of which kind; None where values are none."""
    values = values.detach().abs()
    if bool((values == values.round()).all()):
        return values.double(), Kind.BINARY if bool((values <= 1).all()) else Kind.COUNTS
    halves, _ = torch.frexp(values)
    if bool(((halves == 0.5) | (values == 0)).all() & (values <= 1).all()):
        return (values != 0).double(), Kind.HEIGHTS
    return None


def _convolution(
    stored: Stored, output: Tensor, values: Tensor, weight: Tensor, bias: Tensor | None, *shape: Any
) -> Spent:
    """Count a convolution: one of weights that are all 1 adds up what reaches each output."""
    transposed, groups = shape[3], shape[5]
    # All outputs of a group read the same places: one of them stands for all.
    ones = weight.new_ones(
        (len(weight), 1, *weight.shape[2:]) if transposed else (groups, *weight.shape[1:]), dtype=torch.float64
    )
    alike = weight.shape[1] if transposed else len(weight) // groups

    def read(places: Tensor) -> float:
        return alike * float(torch.ops.aten.convolution(places, ones, None, *shape).sum())

    dense = read(torch.ones_like(values[:1], dtype=torch.float64)) * len(values)
    spikes = _spikes(values)
    if spikes is None:
        return _numbers(dense)
    return _accumulated(dense, read(spikes[0]), spikes[1], output)


def _product(stored: Stored, output: Tensor, first: Tensor, second: Tensor) -> Spent:
    """Count a product of matrices [..., n, k] and [..., k, m], or of a matrix and a vector [k]."""
    columns = second.shape[-1] if second.ndim > 1 else 1
    # A weight that happens to be whole, such as a layer that starts at zero, is no spike.
    trains = [
        (spikes[1], float(spikes[0].sum()) * readers)
        for values, readers in ((first, columns), (second, first.shape[-2]))
        if not stored(values) and (spikes := _spikes(values)) is not None
    ]
    dense = float(first.numel() * columns)
    if not trains:
        return _numbers(dense)
    # Of two that look like spikes one holds the weights of a decoder, which are no plain spikes.
    kind, accumulates = min(trains, key=lambda train: train[0])
    return _accumulated(dense, accumulates, kind, output)


def _numbers(dense: float) -> Spent:
    return Spent(dense, spikes=False)


def _accumulated(dense: float, accumulates: float, kind: Kind, output: Tensor) -> Spent:
    return Spent(dense, accumulates, output.numel() if kind is Kind.HEIGHTS else 0.0)


def _added(stored: Stored, output: Tensor, bias: Tensor, first: Tensor, second: Tensor) -> Spent:
    return _product(stored, output, first, second)


def _bag(stored: Stored, output: Sequence[Tensor], weight: Tensor, rows: Tensor, *rest: Any) -> Spent:
    """Count sums of rows of a matrix, each of which a spike points to."""
    return Spent(0.0, float(rows.numel() * weight.shape[1]))


def _attention(
    stored: Stored, output: Sequence[Tensor], queries: Tensor, keys: Tensor, values: Tensor, *rest: Any
) -> Spent:
    """Count the scores of all pairs of queries and keys, and the sums of values that they weigh."""
    scores = queries.numel() // queries.shape[-1] * keys.shape[-2]
    return _numbers(float(scores * (queries.shape[-1] + values.shape[-1])))


def _recurrent(stored: Stored, output: Any, values: Tensor, inner: Tensor, fed: Tensor, *rest: Any) -> Spent:
    """Count a recurrent layer on values [time, batch, features], whose weights all act at every step."""
    return _numbers(float(values.numel() // values.shape[-1] * (inner.numel() + fed.numel())))


def _refused(stored: Stored, output: object, *rest: object) -> Spent:
    raise ConfigError("model: got a recurrent layer of torch on a GPU, expected the network on the CPU: model.cpu()")


PRODUCTS: Mapping[str, Callable[..., Spent]] = MappingProxyType(
    {
        "convolution": _convolution,
        **dict.fromkeys(("mm", "bmm", "mv"), _product),
        **dict.fromkeys(("addmm", "baddbmm", "addmv"), _added),
        "mkldnn_rnn_layer": _recurrent,
        "_cudnn_rnn": _refused,
        **dict.fromkeys(("_embedding_bag", "_embedding_bag_forward_only"), _bag),
        **dict.fromkeys(
            ("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention"), _attention
        ),
        **dict.fromkeys(("_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention"), _attention),
    }
)
"""The products of torch by the names of their operators, and what counts each."""
