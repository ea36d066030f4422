"""Small networks whose code is apt to make a graph of them differ, and an oracle that runs that code itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from types import ModuleType

import torch
from convertible import draw_images, randomise
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

BITS = 4
STEPS = 2**BITS - 1


class Verdict(Enum):
    """What a user may expect of a conversion: exact or refused, or that it is one of the two."""

    EXACT = "exact"
    REFUSED = "refused"
    EITHER = "either"


class Net(nn.Module):
    """Two convolutions with ReLUs and a linear layer, for 2 x 8 x 8 images; `forward` is what differs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.inplace, self.dropout = nn.ReLU(), nn.ReLU(inplace=True), nn.Dropout(0.5, inplace=True)
        self.norm, self.last = nn.BatchNorm2d(4), nn.Linear(4, 3)
        self.gain = nn.Parameter(torch.ones(4, 1, 1))

    def begin(self, x: Tensor) -> Tensor:
        return self.relu(self.first(x))

    def end(self, y: Tensor) -> Tensor:
        return self.last(F.relu(self.norm(self.second(y))).mean((2, 3)))


class Ordinary(Net):
    """What most planted networks are but for their fault."""

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.begin(x))


class OrdinaryFeatures(Net):
    """What those with a fault among features are but for it."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.begin(x).mean((2, 3)))


@dataclass(frozen=True)
class Planted:
    """A network of a class of its own and what may become of it.

    `setup` changes a new one, `sound` is the class of an ordinary network that has the same weights.
    """

    name: str
    verdict: Verdict
    network: type[Net]
    setup: Callable[[Net], object] | None = None
    tolerance: float = 1e-9
    sound: type[Net] = Ordinary

    def make(self) -> Net:
        """Return a new network with random weights, in double precision and in evaluation."""
        net = self.network()
        randomise(net)
        with torch.no_grad():
            # Half of what a norm gives is above 0, so that what comes before it shows in the output.
            net.norm.weight.abs_().add_(0.5)
            net.norm.running_mean.mul_(0.1)
        if self.setup is not None:
            self.setup(net)
        return net.double()


def planted(
    verdict: Verdict, setup: Callable[[Net], object] | None = None, tolerance: float = 1e-9
) -> Callable[[Callable], Planted]:
    """Make a function the `forward` of a network of its own."""

    def plant(forward: Callable) -> Planted:
        network = type(forward.__name__, (Net,), {"forward": forward})
        return Planted(forward.__name__, verdict, network, setup, tolerance)

    return plant


exact, refused, either = (planted(verdict) for verdict in (Verdict.EXACT, Verdict.REFUSED, Verdict.EITHER))


def on_maps(verdict: Verdict, calls: dict[str, Callable]) -> list[Planted]:
    """Plant functions of (network, [batch, 4, 8, 8] after a ReLU, images) before the second convolution."""

    def forward_of(call: Callable) -> Callable:
        return lambda self, x: self.end(call(self, self.begin(x), x))

    return [Planted(name, verdict, type("Maps", (Net,), {"forward": forward_of(f)})) for name, f in calls.items()]


def on_features(verdict: Verdict, calls: dict[str, Callable]) -> list[Planted]:
    """Plant functions of (network, [batch, 4] after a ReLU and a mean, images) before the linear layer."""

    def forward_of(call: Callable) -> Callable:
        return lambda self, x: self.last(call(self, self.begin(x).mean((2, 3)), x))

    return [
        Planted(name, verdict, type("Features", (Net,), {"forward": forward_of(call)}), sound=OrdinaryFeatures)
        for name, call in calls.items()
    ]


def changed(verdict: Verdict, setups: dict[str, Callable[[Net], object]]) -> list[Planted]:
    """Plant networks of an ordinary `forward` of which a function of the new network has changed a part."""
    return [Planted(name, verdict, Ordinary, setup) for name, setup in setups.items()]


def planted_in(module: ModuleType) -> list[Planted]:
    """Return all networks that a file plants, one by one or in lists."""
    rows = [value if isinstance(value, list) else [value] for value in vars(module).values()]
    return [one for row in rows for one in row if isinstance(one, Planted)]


_RELUS = frozenset({torch.ops.aten.relu.default, torch.ops.aten.relu_.default})
_CLAMPS = frozenset(
    {
        *(torch.ops.aten.clamp.default, torch.ops.aten.clamp_.default, torch.ops.aten.clamp_min.default),
        *(torch.ops.aten.clamp_min_.default, torch.ops.aten.threshold.default, torch.ops.aten.hardtanh.default),
    }
)


class Quantised(TorchDispatchMode):
    """Round what each activation gives to its levels: a = (lambda / Q) clip(floor(z Q / lambda + 1/2), 0, Q).

    Activations are the calls of ATen that compute them, in the order in which they run.
    """

    def __init__(self, thresholds: Iterable[Tensor], activations: frozenset) -> None:
        super().__init__()
        self.thresholds, self.activations, self.calls = list(thresholds), activations, 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Say no, as torch asks here whether to import its compiler before the first call."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func not in self.activations:
            return func(*args, **(kwargs or {}))
        self.calls += 1
        if self.calls > len(self.thresholds):
            return func(*args, **(kwargs or {}))
        threshold, values = self.thresholds[self.calls - 1], args[0]
        levels = torch.floor(values * (STEPS / threshold) + 0.5).clamp(0, STEPS) * (threshold / STEPS)
        return values.copy_(levels) if func.__name__.split(".")[0].endswith("_") else levels.to(values.dtype)


class OtherActivationsError(AssertionError):
    """A network that runs other activations than there are thresholds for."""


@torch.no_grad()
def oracle(model: nn.Module, thresholds: Iterable[Tensor], images: Tensor) -> object:
    """Run the network's own code on a copy of the images, with activations of these thresholds.

    Where there are more thresholds than ReLUs, calls that clamp are activations, too.
    """
    known = list(thresholds)
    for activations in (_RELUS, _RELUS | _CLAMPS):
        with Quantised(known, activations) as mode:
            output = model(images.clone())
        if mode.calls == len(known):
            return output
    raise OtherActivationsError(f"{len(known)} thresholds for {mode.calls} activations")


def plain(output: object) -> object:
    """Return an output with the sizes of tensors as the tuples that they are."""
    if isinstance(output, torch.Size):
        return tuple(output)
    return tuple(map(plain, output)) if type(output) is tuple else output


def distance(output: object, wanted: object) -> float:
    """Return the largest difference of two outputs as a share of the largest number; infinity for other kinds."""
    (ours, shape), (theirs, expected) = (tree_flatten(plain(item)) for item in (output, wanted))
    if shape != expected or [type(item) for item in ours] != [type(item) for item in theirs]:
        return float("inf")
    largest = 0.0
    for one, other in zip(ours, theirs, strict=True):
        if not isinstance(one, Tensor):
            largest = largest if one == other else float("inf")
        elif one.shape != other.shape or one.dtype != other.dtype or bool((one.isnan() != other.isnan()).any()):
            return float("inf")
        elif one.numel():
            scale = max(1.0, float(other.detach().abs().nan_to_num().max()))
            largest = max(largest, float((one.detach() * 1.0 - other.detach()).abs().nan_to_num().max()) / scale)
    return largest


def example_images() -> Tensor:
    """As many images as a convolution has channels, so that sizes taken for one another show."""
    return 2 * draw_images(4, 2, 8, 8, seed=1) - 1


def other_images() -> list[Tensor]:
    """Batches of 1, 2, 3 and 7 other images, and 7 once more, of a batch's size before."""
    return [2 * draw_images(count, 2, 8, 8, seed=10 + place) - 1 for place, count in enumerate((1, 2, 3, 7, 7))]
