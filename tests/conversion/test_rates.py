"""Conversion by rates: it approaches the network it came from, is exact where a current is constant, and no further."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from convertible import draw_images, plain, randomise
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from sqnn.conversion import ConversionError, SpikingNetwork, SpikingNeuron, convert, convert_rate, verify
from sqnn.core import ConfigError
from sqnn.neurons import QCFS


def relu_network(seed: int = 0) -> nn.Module:
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten()]
    return randomise(nn.Sequential(*layers, nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)), seed)


def images() -> Tensor:
    return draw_images(8, 1, 6, 6)


def thresholds(spiking: SpikingNetwork) -> list[Tensor]:
    return [layer.threshold for layer in spiking.spiking.modules() if isinstance(layer, SpikingNeuron)]


@pytest.mark.parametrize("initial", [None, 0.5])
@pytest.mark.parametrize("chosen", ["max", "percentile"])
def test_rates_approach_the_relu_network(chosen: str, initial: float | None) -> None:
    """All activations of these images lie below the thresholds, so that nothing is clipped."""
    model = relu_network()
    expected = model(images())
    errors = []
    for timesteps in (16, 128, 1024):
        spiking = convert_rate(model, timesteps, thresholds=chosen, images=images(), percentile=100.0, initial=initial)
        errors.append((spiking(images()) - expected).abs().max().item())
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.01 * expected.abs().max().item()


@pytest.mark.parametrize("initial", [0.0, 0.3, 0.5])
def test_a_first_layer_counts_what_its_constant_current_fills(initial: float) -> None:
    """Its spikes are floor(v_0 + T z / lambda), between none and T."""
    model = nn.Sequential(*list(relu_network())[:3], nn.Flatten(), nn.Linear(64, 2)).double().eval()
    spiking = convert_rate(model, 20, thresholds="percentile", percentile=90.0, images=images(), initial=initial)
    _, trains = spiking.record(images())
    currents = nn.Sequential(*list(model)[:2])(images()).detach().numpy()
    (threshold,) = thresholds(spiking)
    expected = np.clip(np.floor(initial + currents * 20 / threshold.item()), 0, 20)
    assert np.array_equal(trains["2"].sum(0).numpy(), expected)
    assert expected.max() == 20
    assert expected.min() == 0


def test_charge_that_arrives_is_spiked_or_left() -> None:
    """Behind the first layer, v_T = v_0 + T sum_t z_t / lambda - spikes: silent neurons owe, none keeps much."""
    model = plain(3)
    T = 15
    spiking = convert_rate(model, T)
    _, trains = spiking.record(draw_images(4, 1, 4, 4))
    for index in (2, 4):
        threshold, before = model[index + 1].threshold, model[index - 1].threshold
        rates = trains[str(index - 1)].double().sum(0) * before / T
        charge = 0.5 + model[index](rates) * T / threshold
        left = charge - trains[str(index + 1)].sum(0)
        fewer = trains[str(index + 1)].sum(0) < T
        assert left.min() < 0 < left.max()
        # At the last step a neuron that holds a threshold fires: it can keep one only where it fired there.
        quiet = ~trains[str(index + 1)][-1]
        assert (left[quiet & fewer] < 1 + 1e-9).all()


@pytest.mark.parametrize("bits", [2, 4])
def test_rates_equal_the_source_for_one_layer_of_constant_current(bits: int) -> None:
    """A step for every level: Q = 2^T - 1 of them."""
    one, two = plain(bits, hidden=1), plain(bits, hidden=2)
    given = draw_images(4, 1, 4, 4)
    assert_close(convert_rate(one, 2**bits - 1)(given), one(given), atol=1e-12, rtol=0)
    assert (convert_rate(two, 2**bits - 1)(given) - two(given)).abs().max() > 0.01


def test_thresholds_are_the_largest_activations() -> None:
    model = relu_network()
    found = thresholds(convert_rate(model, 8, thresholds="max", images=images()))
    received = activation_inputs(model)
    assert [value.item() for value in found] == pytest.approx([values.max() for values in received], rel=1e-12)


@pytest.mark.parametrize("percentile", [0.5, 50.0, 90.0, 99.0, 99.9, 100.0])
def test_thresholds_are_percentiles(percentile: float) -> None:
    model = relu_network()
    found = thresholds(convert_rate(model, 8, thresholds="percentile", images=images(), percentile=percentile))
    expected = [
        max(np.quantile(np.maximum(values, 0), percentile / 100, method="inverted_cdf"), 0.01)
        for values in activation_inputs(model)
    ]
    assert [value.item() for value in found] == pytest.approx(expected, rel=1e-12)


def activation_inputs(model: nn.Sequential) -> list[np.ndarray]:
    received, values = [], images()
    for layer in model:
        if isinstance(layer, nn.ReLU):
            received.append(values.detach().numpy().ravel())
        values = layer(values)
    return received


def test_learned_thresholds_are_those_of_the_network() -> None:
    model = plain(3)
    found = thresholds(convert_rate(model, 8))
    assert torch.equal(torch.stack(found), torch.stack([layer.threshold for layer in model if isinstance(layer, QCFS)]))


def test_images_of_single_precision_calibrate_a_double_network() -> None:
    model = relu_network()
    found, expected = (
        thresholds(convert_rate(model, 8, thresholds="max", images=given)) for given in (images().float(), images())
    )
    assert_close(found, expected, rtol=1e-6, atol=0)


class Functional(nn.Module):
    def __init__(self, activation) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)
        self.activation = activation

    def forward(self, values: Tensor) -> Tensor:
        return self.last(self.activation(self.first(values)))


@pytest.mark.parametrize(
    "activation", [F.relu, torch.relu, lambda values: values.relu(), F.relu6, nn.ReLU(), nn.ReLU6(), nn.ReLU(True)]
)
def test_every_way_to_write_a_relu_counts(activation) -> None:
    model = randomise(Functional(activation))
    given = draw_images(6, 3) * 2 - 1
    spiking = convert_rate(model, 1024, thresholds="max", images=given)
    assert_close(spiking(given), model(given), atol=0.02, rtol=0)


@pytest.mark.parametrize("activation", [F.gelu, nn.GELU(), nn.LeakyReLU(), nn.SiLU(), F.leaky_relu])
def test_rates_follow_no_other_activation(activation) -> None:
    model = randomise(Functional(activation))
    with pytest.raises(ConversionError, match=r"is not what firing rates follow; put a ReLU there, or a QCFS with pre"):
        convert_rate(model, 8, thresholds="max", images=draw_images(6, 3))


def test_a_relu_has_no_learned_threshold() -> None:
    with pytest.raises(ConversionError) as caught:
        convert_rate(relu_network(), 8)
    assert caught.value.problems == tuple(
        f"{index}: ReLU has no learned threshold; take max or percentile" for index in (2, 4, 7)
    )


MISTAKES = [
    ({"thresholds": "mean"}, "thresholds: got 'mean', expected one of learned, max, percentile"),
    ({"thresholds": "max"}, r"images: got none, expected a tensor of images to read thresholds from"),
    (
        {"thresholds": "max", "images": torch.rand(0, 1, 6, 6)},
        "images: got shape .0, 1, 6, 6., expected a tensor of images",
    ),
    (
        {"thresholds": "percentile", "images": torch.rand(2, 1, 6, 6), "percentile": 0},
        "percentile: got 0, expected above",
    ),
    (
        {"thresholds": "percentile", "images": torch.rand(2, 1, 6, 6), "percentile": 101},
        "percentile: got 101, expected",
    ),
    ({"initial": 1.0}, "initial: got 1.0, expected a share of the threshold, at least 0 and below 1"),
    ({"initial": -0.1}, "initial: got -0.1, expected a share of the threshold"),
    ({"timesteps": 0}, "timesteps: got 0, expected a whole number from 1 to 4,096"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_mistakes_are_named(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        convert_rate(relu_network(), **{"timesteps": 8, **options})


def test_rates_are_never_called_exact() -> None:
    model = plain(2)
    for spiking in (convert_rate(model, 3), convert(model, plane_weights=False)):
        assert not spiking.how.exact
        with pytest.raises(ConfigError, match="spiking: got 'rate', expected a code of bit planes"):
            verify(model, spiking, draw_images(2, 1, 4, 4))
