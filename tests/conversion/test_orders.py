"""Orders of execution agree, and no image and no call leaves a trace in another."""

from __future__ import annotations

import pytest
import torch
from convertible import draw_images, plain, randomise
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.conversion import SpikingNetwork, convert, convert_rate
from sqnn.core import ConfigError
from sqnn.neurons import QCFS


class Branches(nn.Module):
    """A skip, a concatenation, norms, a pool, two outputs and one activation that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.one, self.two = QCFS(3), QCFS(3, channels=3)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(24, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        spikes = self.one(self.first(images))
        again = self.two(self.norm(self.second(spikes)) + spikes)
        again = self.two(self.second(again))
        both = self.pool(torch.cat([spikes, again], 1))
        return self.head(both.view(both.size(0), -1)), again.mean((2, 3)) - spikes.mean((2, 3))


IMMEDIATE = {
    "rate": lambda model: convert_rate(model, 12),
    "rate-7": lambda model: convert(model, plane_weights=False, postponed=False),
    "max": lambda model: convert_rate(model, 9, thresholds="max", images=images()),
    "planes": lambda model: convert(model, postponed=False),
    "planes-2": lambda model: convert(model, planes=2, postponed=False),
    "whole-bias": lambda model: convert(model, bias_shift=False, postponed=False),
}
POSTPONED = {
    "exact": convert,
    "planes-2": lambda model: convert(model, planes=2),
    "rate-7": lambda model: convert(model, plane_weights=False),
    "fused": lambda model: convert(model).using("fused"),
}


def images() -> Tensor:
    return draw_images(5, 1, 4, 4, seed=3)


def outputs(given: Tensor | tuple[Tensor, ...]) -> Tensor:
    return torch.cat(given, 1) if isinstance(given, tuple) else given


@pytest.mark.parametrize("how", IMMEDIATE)
@pytest.mark.parametrize("network", [plain, lambda: randomise(Branches(), seed=1)], ids=["plain", "branches"])
def test_step_by_step_is_layer_by_layer(network, how: str) -> None:
    """The same spikes bit by bit; sums are taken in another order."""
    spiking: SpikingNetwork = IMMEDIATE[how](network())
    results = [spiking.using(order).record(images()) for order in ("layer", "step")]
    (one, trains), (other, steps) = results
    assert trains.keys() == steps.keys()
    for path, train in trains.items():
        assert torch.equal(train, steps[path]), path
        assert 0.01 < train.double().mean() < 0.99
    assert_close(outputs(other), outputs(one), atol=1e-12, rtol=0)
    assert torch.equal(outputs(spiking.using("step")(images())), outputs(other))


@pytest.mark.parametrize("how", [*IMMEDIATE, *POSTPONED])
def test_batch_mates_and_earlier_calls_do_not_matter(how: str) -> None:
    spiking: SpikingNetwork = {**IMMEDIATE, **POSTPONED}[how](randomise(Branches(), seed=1))
    orders = ("layer", "step") if not spiking.how.postponed else (spiking.order,)
    for order in orders:
        ordered = spiking.using(order)
        together = outputs(ordered(images()))
        alone = torch.cat([outputs(ordered(image[None])) for image in images()])
        assert_close(alone, together, atol=1e-12, rtol=0)
        assert torch.equal(outputs(ordered(images())), together)
        assert together.std(0).min() > 0


def test_recording_gives_the_same_output() -> None:
    spiking = convert(plain())
    output, trains = spiking.record(images())
    assert torch.equal(output, spiking(images()))
    assert [(*train.shape,) for train in trains.values()] == [(3, 5, 3, 4, 4)] * 3
    assert list(trains) == ["1", "3", "5"]


def test_a_second_call_of_an_activation_has_a_number() -> None:
    assert list(convert(randomise(Branches())).record(images())[1]) == ["one", "two", "two#2"]


def test_spikes_have_no_gradient() -> None:
    given = images().requires_grad_()
    spiking = convert(plain())
    assert not spiking(given).requires_grad
    assert not any(parameter.requires_grad for parameter in spiking.parameters())


def test_a_postponed_neuron_cannot_go_step_by_step() -> None:
    message = (
        r"order: got 'step', but postponed neurons fire only when all their input is there; use 'layer', or convert"
    )
    with pytest.raises(ConfigError, match=message):
        convert(plain()).using("step")


@pytest.mark.parametrize("how", ["planes-2", "rate-7"])
def test_only_whole_plane_codes_fuse(how: str) -> None:
    message = "order: got 'fused', which needs the exact conversion with all its planes; use 'layer'"
    with pytest.raises(ConfigError, match=message):
        POSTPONED[how](plain()).using("fused")
    with pytest.raises(ConfigError, match=message):
        IMMEDIATE["planes"](plain()).using("fused")


def test_an_unknown_order_is_refused() -> None:
    spiking = convert(plain())
    with pytest.raises(ConfigError, match="order: got 'time', expected one of layer, step, fused"):
        spiking.using("time")
    assert spiking.order == "layer"


def test_a_network_with_a_sum_inside_cannot_go_step_by_step() -> None:
    model = randomise(
        nn.Sequential(nn.Linear(3, 4), QCFS(3), nn.LayerNorm(4), nn.Linear(4, 4), QCFS(3), nn.Linear(4, 2))
    )
    spiking = convert_rate(model, 5)
    with pytest.raises(ConfigError, match="order: got 'step', but _2 needs the sum over all time steps of what comes"):
        spiking.using("step")
    assert torch.isfinite(spiking(draw_images(2, 3))).all()


def test_an_order_is_a_network_of_its_own() -> None:
    spiking = convert(plain())
    fused = spiking.using("fused")
    assert (spiking.order, fused.order) == ("layer", "fused")
    assert fused.spiking is spiking.spiking
