"""Networks that follow the convention of each library give what a loop over time gives that is written here."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable

import pytest
import torch
from peers import SNN, IAFSqueeze, IFNode, Leaky, LIFCell, SequentialState, run
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.core import ConfigError
from sqnn.encoding import Rate, make_encoder
from sqnn.layers import CONVENTIONS, FrontEnd, convention_of, libraries_of

STEPS = 5


def linear() -> nn.Linear:
    layer = nn.Linear(6, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(-0.6, 1.2, 24).view(4, 6))
        layer.bias.fill_(0.1)
    return layer


class Looping(nn.Module):
    """A network that makes its own steps, and gives (spikes, membranes), time first."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.neuron = linear(), Leaky(output=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        steps = [self.neuron(self.linear(images.flatten(1))) for _ in range(STEPS)]
        return torch.stack([spikes for spikes, _ in steps]), torch.stack([membrane for _, membrane in steps])


class Lists(Looping):
    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        spikes, membranes = super().forward(images)
        return list(spikes), list(membranes)


class NorseLoop(nn.Module):
    """A network that is given all steps, and keeps the states itself."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.neuron = linear(), LIFCell()

    def forward(self, trains: Tensor) -> Tensor:
        state, spikes = None, []
        for images in trains:
            spike, state = self.neuron(self.linear(images.flatten(1)), state)
            spikes.append(spike)
        return torch.stack(spikes)


class Whole(nn.Module):
    """A module of no library, which takes all steps at once."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = linear()

    def forward(self, trains: Tensor) -> tuple[Tensor, Tensor]:
        return run(self.linear(trains.flatten(2)))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int | None]] = {
    "snntorch, one step": (lambda: nn.Sequential(nn.Flatten(), linear(), Leaky(output=True)), STEPS),
    "snntorch, spikes alone": (lambda: nn.Sequential(nn.Flatten(), nn.Sequential(linear(), Leaky())), STEPS),
    "snntorch, looping": (Looping, None),
    "snntorch, lists": (Lists, None),
    "spikingjelly, s": (lambda: nn.Sequential(nn.Flatten(), linear(), IFNode()), STEPS),
    "spikingjelly, m": (lambda: nn.Sequential(nn.Flatten(2), linear(), IFNode("m")), STEPS),
    "norse, cell": (lambda: SequentialState(nn.Flatten(), linear(), LIFCell()), STEPS),
    "norse, with time": (lambda: SequentialState(nn.Flatten(2), linear(), SNN()), STEPS),
    "norse, looping": (NorseLoop, STEPS),
    "sinabs, squeezed": (lambda: nn.Sequential(nn.Flatten(), linear(), IAFSqueeze(2)), STEPS),
    "plain, all steps": (Whole, STEPS),
}
PAIRS = [
    name for name in NETWORKS if name.endswith(("one step", "looping", "lists", "all steps")) and "norse" not in name
]


def images(seed: int = 0, batch: int = 3) -> Tensor:
    return torch.rand(batch, 1, 2, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def expected(given: Tensor) -> tuple[Tensor, Tensor]:
    return run(linear()(given.flatten(1)).expand(STEPS, -1, -1))


@pytest.mark.parametrize("name", NETWORKS)
def test_features_and_gradients_are_those_of_the_loop_whatever_came_before(name: str) -> None:
    make, timesteps = NETWORKS[name]
    front = FrontEnd(make(), timesteps=timesteps)
    assert libraries_of(front) == [name.partition(",")[0]] * (not name.startswith("plain"))
    given = images()
    wanted = expected(given)[0].mean(0)
    assert 0.1 < wanted.mean() < 0.9
    front(images(1))
    front(images(2, batch=2)).sum().backward()
    features = front(given)
    assert_close(features, wanted)
    weights = torch.arange(12.0).view(3, 4)
    gradients = [torch.autograd.grad((weights * value).sum(), given)[0] for value in (features, wanted)]
    assert gradients[0].abs().max() > 0
    assert_close(*gradients)
    copy.deepcopy(front)  # which a graph that is left in a neuron forbids


@pytest.mark.parametrize("name", PAIRS)
def test_a_membrane_is_the_second_of_a_pair(name: str) -> None:
    make, timesteps = NETWORKS[name]
    membranes = expected(images())[1]
    assert_close(FrontEnd(make(), timesteps=timesteps, pool="membrane")(images()), membranes[-1])
    assert_close(FrontEnd(make(), timesteps=timesteps, pool="mean-membrane")(images()), membranes.mean(0))


def test_no_library_is_imported_to_be_recognised() -> None:
    before = set(sys.modules)
    for make, _ in NETWORKS.values():
        convention_of(make())
    new = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not new & {"spikingjelly", "norse", "sinabs", "snntorch"}


def test_a_network_of_two_libraries_needs_a_name() -> None:
    both = nn.Sequential(nn.Flatten(), linear(), Leaky(), IFNode())
    with pytest.raises(ConfigError, match=r"convention: got None for .* parts of snntorch and spikingjelly"):
        FrontEnd(both, timesteps=2)
    with pytest.raises(ConfigError, match=r"convention: got 'snnTorch', expected one of plain, .*did you mean"):
        FrontEnd(both, timesteps=2, convention="snnTorch")
    FrontEnd(both, timesteps=2, convention="snntorch")


def test_encoders_make_the_trains_and_draw_from_the_generator_alone() -> None:
    network = nn.Sequential(nn.Flatten(), linear(), Leaky())
    front = FrontEnd(network, encoding="rate", timesteps=7)
    trains = Rate(7).encode(images(), torch.Generator().manual_seed(5))
    wanted = run(linear()(trains.flatten(2)))[0].mean(0)
    assert_close(front(images(), torch.Generator().manual_seed(5)), wanted)
    assert_close(FrontEnd(network, encoding=Rate(7))(images(), torch.Generator().manual_seed(5)), wanted)
    assert not torch.equal(front(images(), torch.Generator().manual_seed(6)), wanted)


class Gives(nn.Module):
    """Returns what a function makes of the number of images."""

    def __init__(self, make: Callable[[int], object]) -> None:
        super().__init__()
        self.make = make

    def forward(self, given: Tensor) -> object:
        return self.make(given.shape[0])


REFUSED: dict[str, tuple[Callable[[], FrontEnd], str]] = {
    "batch first": (
        lambda: FrontEnd(Gives(lambda batch: torch.rand(batch, 5, 4))),
        r"output \[3, 5, 4\] for 3 images, expected .*time comes first, the batch second: return output\.transpose",
    ),
    "batch first among as many": (
        lambda: FrontEnd(Gives(lambda steps: torch.rand(3, steps, 4)), timesteps=5),
        r"output \[3, 5, 4\] for 3 images and 5 steps, .*time comes first",
    ),
    "other steps": (lambda: FrontEnd(Gives(lambda _: torch.rand(4, 3, 2)), timesteps=5), r"for 3 images and 5 steps"),
    "maps": (lambda: FrontEnd(Gives(lambda batch: torch.rand(batch, 2, 2, 2))), r"nn\.Flatten\(\)"),
    "one number": (lambda: FrontEnd(Gives(lambda batch: torch.rand(batch))), "keep the number of images, 3 here"),
    "mapping": (lambda: FrontEnd(Gives(lambda _: {})), "frontend: got an output of dict, expected features"),
    "levels": (lambda: FrontEnd(Gives(lambda batch: torch.ones(batch, 2, dtype=torch.int64))), "output of torch.int64"),
    "spikes alone": (
        lambda: FrontEnd(nn.Sequential(nn.Flatten(), linear(), IFNode()), timesteps=4, pool="membrane"),
        "pool: got 'membrane' for a network that gives spikes alone, expected pool='rate'",
    ),
    "one step of a pair": (
        lambda: FrontEnd(nn.Sequential(nn.Sequential(nn.Flatten(), linear(), Leaky(output=True)))),
        "timesteps: got None for a network of snnTorch that makes one step",
    ),
    "one step of spikes": (
        lambda: FrontEnd(nn.Sequential(nn.Flatten(), linear(), Leaky())),
        "timesteps: got None for a network of snnTorch that makes one step",
    ),
    "no steps for a state": (
        lambda: FrontEnd(SequentialState(nn.Flatten(), linear(), LIFCell())),
        "timesteps: got None for a network of Norse that takes a state",
    ),
    "two step modes": (
        lambda: FrontEnd(nn.Sequential(nn.Flatten(2), IFNode("m"), IFNode("s")), timesteps=4),
        r"got neurons of step modes m and s, expected one mode: functional\.set_step_mode",
    ),
    "pool": (lambda: FrontEnd(Looping(), pool="max"), "pool: got 'max', expected one of rate, membrane"),
    "encoding": (lambda: FrontEnd(Looping(), encoding="rate"), "encoding: got 'rate' without timesteps"),
    "two lengths": (
        lambda: FrontEnd(Looping(), encoding=make_encoder("rate", 4), timesteps=5),
        "timesteps: got 5 beside Rate",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_told_with_the_mend(kind: str) -> None:
    make, message = REFUSED[kind]
    with pytest.raises(ConfigError, match=message) as told:
        make()(images())
    assert "\n" not in str(told.value)


def test_every_library_says_how_it_is_reset() -> None:
    assert all(bool(kind.library) == bool(kind.mend) for kind in CONVENTIONS.values())
