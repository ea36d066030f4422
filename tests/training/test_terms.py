"""The penalty on bits: its value counted by hand, the slope that is stated, and no hook left behind."""

from __future__ import annotations

import pytest
import torch
from convertible import draw_images, plain, randomise
from torch import Tensor, nn
from torch.testing import assert_close

import sqnn
from sqnn.conversion import convert, verify
from sqnn.core import ConfigError
from sqnn.neurons import QCFS
from sqnn.training import BitPenalty, RatePenalty


def hooks(model: nn.Module) -> int:
    return sum(len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in model.modules())


def penalty_of(model: nn.Module, images: Tensor) -> Tensor:
    with BitPenalty().attach(model) as spikes:
        model(images)
    return spikes()


def ones_by_hand(model: nn.Sequential, images: Tensor) -> float:
    """Ones in the binary writing of every level, over all activations."""
    ones, neurons, values = 0, 0, images
    for layer in model:
        values = layer(values)
        if isinstance(layer, QCFS):
            levels = (values * layer.steps / layer.threshold_for(values)).round().int().flatten().tolist()
            ones += sum(bin(level).count("1") for level in levels)
            neurons += len(levels)
    return ones / neurons


@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("timesteps", [1, 4, 8])
def test_the_value_is_the_spikes_per_neuron(timesteps: int, channels: int | None) -> None:
    model = randomise(
        nn.Sequential(
            nn.Conv2d(1, 3, 3),
            QCFS(timesteps, channels=channels),
            nn.Conv2d(3, 3, 3),
            QCFS(timesteps, channels=channels),
            nn.Flatten(),
        ),
        seed=4,
    )
    images = draw_images(6, 1, 8, 8)
    value = penalty_of(model, images).item()
    assert value == pytest.approx(ones_by_hand(model, images), rel=1e-12)
    assert value == pytest.approx(verify(model, convert(model), images).spikes, rel=1e-12)
    assert 0 < value < timesteps


def test_an_activation_called_twice_counts_twice() -> None:
    layer = QCFS(3, 1.0).double()
    penalty = BitPenalty()
    values = torch.tensor([1.0, 3.0, 7.0], dtype=torch.float64) * layer.threshold / 7
    with penalty.attach(layer) as spikes:
        layer(values)
        layer(values[:1])
    assert spikes().item() == (1 + 2 + 3 + 1) / 4
    with penalty.attach(layer) as others:
        layer(values[2:])
    assert (spikes().item(), others().item()) == (7 / 4, 3)


@pytest.mark.parametrize("channels", [None, 5])
def test_the_slope_is_that_of_the_line_through_both_ends(channels: int | None) -> None:
    layer = QCFS(4, 1.5, channels=channels).double()
    if channels:
        layer.set_threshold(torch.linspace(0.5, 2.5, channels))
    values = (draw_images(40, 5) * 4 - 1).requires_grad_()
    threshold = layer.threshold_for(values)
    (3 * penalty_of(layer, values)).backward()
    # Levels 1 .. Q - 1 begin half a step above 0 and end half a step below the threshold.
    inside = (values >= threshold / 30) & (values < threshold * 29 / 30)
    assert_close(values.grad, (3 * inside * 4 / threshold / values.numel()).detach(), rtol=1e-12, atol=0)
    assert 0.1 < inside.double().mean() < 0.9
    assert layer.raw_threshold.grad is None


@pytest.mark.parametrize("threshold", [0.96, 1.94, 3.79, 4.0])
def test_saturated_activations_pay_nothing(threshold: float) -> None:
    """Also where Q (lambda / Q) rounds to less than lambda, as it does for the first of these in single precision."""
    for timesteps in (2, 4, 8):
        layer = QCFS(timesteps, threshold)
        values = torch.tensor([-1.0, 1.5, 40.0], requires_grad=True)
        penalty_of(layer, values * threshold).backward()
        assert values.grad.tolist() == [0, 0, 0]


def test_no_activation_pays_with_its_own_threshold() -> None:
    """That of an earlier layer follows what later ones cost, as all weights before them do."""
    model = plain(3, hidden=2)
    penalty_of(model, draw_images(8, 1, 4, 4)).backward()
    assert model[3].raw_threshold.grad is None
    for index in (0, 2):
        assert model[index].weight.grad.abs().max() > 0
    assert model[1].raw_threshold.grad != 0
    assert model[5].weight.grad is None


def test_no_hook_survives() -> None:
    model = plain(3)
    penalty = BitPenalty()
    with penalty.attach(model):
        assert hooks(model) == 3
        model(draw_images(2, 1, 4, 4))
    assert hooks(model) == 0
    with pytest.raises(RuntimeError, match="channels"), penalty.attach(model):
        model(draw_images(2, 5, 4, 4))
    assert hooks(model) == 0
    with pytest.raises(KeyboardInterrupt), penalty.attach(model):
        raise KeyboardInterrupt
    assert hooks(model) == 0
    model(draw_images(2, 1, 4, 4))
    with (
        penalty.attach(model) as spikes,
        pytest.raises(ConfigError, match="bit_penalty: got no activations, expected a call"),
    ):
        spikes()


def test_it_does_not_change_the_output() -> None:
    model = plain(3)
    images = draw_images(4, 1, 4, 4)
    expected = model(images)
    with BitPenalty().attach(model):
        assert torch.equal(model(images), expected)


def test_steps_against_it_make_spikes_rare() -> None:
    model = randomise(nn.Sequential(nn.Linear(6, 20), QCFS(4, 2.0), nn.Linear(20, 20), QCFS(4, 2.0), nn.Linear(20, 2)))
    images = draw_images(64, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = penalty_of(model, images)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.5 * values[0]
    spikes = verify(model, convert(model), images).spikes
    assert spikes == pytest.approx(penalty_of(model, images).item(), rel=1e-12)


def test_a_network_without_levels_has_no_bits() -> None:
    with pytest.raises(ConfigError, match="bit_penalty: got a network without qcfs activations, expected some"):
        BitPenalty().check(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))


def test_the_price_on_firing_is_the_mean_rate_of_the_hidden_neurons() -> None:
    model = sqnn.create_model("snn-mlp", hidden=(7, 5), timesteps=4, image_size=(3, 3), seed=1)
    images, fired = draw_images(6, 1, 3, 3).abs().clamp(max=1).float(), []
    handles = [
        layer.neuron.register_forward_hook(lambda module, given, output: fired.append(output[0].detach()))
        for layer in model.hidden
    ]
    with RatePenalty().attach(model) as rate:
        model(images, torch.Generator().manual_seed(0))
    for handle in handles:
        handle.remove()
    spikes = sum(float(layer.sum()) for layer in fired)
    assert rate().item() == pytest.approx(spikes / (4 * 6 * 12))
    assert 0 < rate().item() < 1
    rate().backward()
    assert all(float(layer.linear.weight.grad.abs().sum()) > 0 for layer in model.hidden)
    assert model.output.linear.weight.grad is None
    assert hooks(model) == 0


def test_a_price_on_firing_needs_neurons() -> None:
    with pytest.raises(ConfigError, match="rate_penalty: VGG11 has no spiking layer, which is a linear or"):
        RatePenalty().check(sqnn.create_model("vgg11", width_multiplier=0.0625))
