"""Laws of stages that are trained by their rates: factors, norms, limits, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sqnn.layers import PlaceReadout, RateTrainedStage, SeparableCNN, SeparableConv, sides_after
from sqnn.layers.separable import Activity


def front_end(timesteps: int = 4) -> SeparableCNN:
    """A front-end of 9 x 9 pixels in double precision with weights of its own."""
    network = SeparableCNN(1, (9, 9), (3, 4, 6), (3, 3, 2), (1, 2, 1), timesteps).double()
    network.reset_parameters(torch.Generator().manual_seed(3))
    return network


def images(number: int = 5) -> torch.Tensor:
    return torch.rand(number, 1, 9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.double)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2), (2, 3)])
def test_a_separable_convolution_is_a_depthwise_and_a_pointwise_one(kernel: int, stride: int) -> None:
    conv = SeparableConv(3, 5, kernel, stride).double()
    generator = torch.Generator().manual_seed(0)
    for weight in conv.parameters():
        nn.init.normal_(weight, generator=generator)
    x = torch.randn(2, 3, 11, 9, generator=generator, dtype=torch.double)
    between = F.conv2d(x, conv.depthwise[:, None], stride=stride, groups=3)
    torch.testing.assert_close(conv(x), F.conv2d(between, conv.pointwise[:, :, None, None]), rtol=0, atol=1e-12)
    assert sum(weight.numel() for weight in conv.parameters()) == 3 * (kernel**2 + 5)


def test_rates_are_the_means_of_spikes_and_tend_to_the_clipped_currents() -> None:
    errors = {}
    for timesteps in (8, 1024):
        stage = RateTrainedStage(nn.Conv2d(1, 2, 3, bias=False), 2, timesteps).double()
        nn.init.normal_(stage.conv.weight, generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
        wanted = stage(Activity(images()), spiking=False).rates
        fired = stage(Activity(images()), spiking=True)
        assert fired.trains is not None
        assert set(fired.trains.unique().tolist()) == {0.0, 1.0}
        torch.testing.assert_close(fired.rates, fired.trains.mean(0), rtol=0, atol=0)
        errors[timesteps] = float((fired.rates - wanted).detach().abs().max())
    # From half a threshold a constant current is rounded to the nearest step.
    assert errors[8] <= 0.5 / 8 + 1e-9
    assert errors[1024] <= 0.5 / 1024 + 1e-9
    assert errors[8] > errors[1024]


def test_currents_of_the_steps_have_the_mean_that_the_gradient_is_taken_at() -> None:
    network = front_end()
    network.train()
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    for stage in network.stages:
        stage.neuron.register_forward_pre_hook(lambda neuron, inputs: seen.append((inputs[0].mean(0), inputs[0][0])))
        stage.norm.register_forward_hook(lambda norm, inputs, output: seen.append((output, inputs[0])))
    network(images())
    norms = [pair[0] for pair in seen[0::2]]
    currents = [pair[0] for pair in seen[1::2]]
    assert len(norms) == len(currents) == 3
    for means, given in zip(norms, currents, strict=True):
        torch.testing.assert_close(means.detach(), given, rtol=0, atol=1e-10)


def test_the_gradient_of_spikes_is_that_of_clipped_currents_at_the_measured_rates() -> None:
    network = front_end()
    network.train()
    target = torch.randn(5, 6, generator=torch.Generator().manual_seed(2), dtype=torch.double)
    (network(images()) * target).sum().backward()
    found = {name: weight.grad.clone() for name, weight in network.named_parameters() if weight.grad is not None}
    assert found.keys() == dict(network.named_parameters()).keys()
    # By hand: the same network on rates, each replaced by the measured one without touching the slope.
    other = front_end()
    other.train()
    measured: list[torch.Tensor] = []
    with torch.no_grad():
        activity = Activity(images())
        for stage in other.stages:
            activity = stage(activity, True)
            measured.append(activity.rates)
    rates = images()
    for stage, value in zip(other.stages, measured, strict=True):
        mean = stage.conv(rates)
        deviation = torch.sqrt(mean.var((0, 2, 3), unbiased=False, keepdim=True) + stage.norm.eps)
        centred = (mean - mean.mean((0, 2, 3), keepdim=True)) / deviation
        clipped = (centred * stage.norm.weight[:, None, None] + stage.norm.bias[:, None, None]).clamp(0, 1)
        rates = clipped + (value - clipped).detach()
    (other.readout(rates) * target).sum().backward()
    for name, weight in other.named_parameters():
        torch.testing.assert_close(found[name], weight.grad, rtol=1e-9, atol=1e-12)


def test_images_of_a_batch_do_not_touch_each_other_in_evaluation() -> None:
    network = front_end()
    network.train()
    network(images(16))
    network.eval()
    together = network(images())
    alone = torch.cat([network(image[None]) for image in images()])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


def test_a_place_readout_is_a_sum_over_pixels() -> None:
    readout = PlaceReadout(2, (3, 4)).double()
    for weight in readout.parameters():
        nn.init.normal_(weight, generator=torch.Generator().manual_seed(4))
    rates = torch.rand(2, 2, 3, 4, generator=torch.Generator().manual_seed(5), dtype=torch.double)
    found = readout(rates)
    for image in range(2):
        for channel in range(2):
            wanted = readout.bias[channel] + sum(
                rates[image, channel, y, x] * readout.rows[channel, y] * readout.columns[channel, x]
                for y in range(3)
                for x in range(4)
            )
            torch.testing.assert_close(found[image, channel], wanted, rtol=0, atol=1e-12)


def test_sides_are_those_of_unpadded_convolutions() -> None:
    assert sides_after(28, (3, 4, 4, 3), (1, 2, 2, 1)) == [26, 12, 5, 3]
    assert sides_after(5, (3, 4), (1, 1))[-1] == 0
