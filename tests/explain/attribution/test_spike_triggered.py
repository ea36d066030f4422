"""The spike-triggered average of white noise, and of images against loops."""

from __future__ import annotations

import math

import pytest
import torch
from explained import images, sqdr

from sqnn.core import ConfigError
from sqnn.explain.attribution import attribute, spike_triggered_average
from sqnn.explain.recording import record


def test_white_noise_shows_the_weights_of_a_threshold_with_slope_minus_one_half() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(6, generator=generator, dtype=torch.float64)
    weights /= weights.norm()
    factor = math.exp(-0.5 * 0.5**2) / math.sqrt(2 * math.pi) / (0.5 * math.erfc(0.5 / math.sqrt(2)))
    errors, counts = [], [2**8, 2**11, 2**14]
    for count in counts:
        trials = []
        for _ in range(12):
            noise = torch.randn(count, 2, 6, generator=generator, dtype=torch.float64)
            spikes = (noise @ weights > 0.5).double()[..., None]
            average = spike_triggered_average(noise, spikes)[0, 0]
            trials.append((average - factor * weights).square().mean())
        errors.append(torch.stack(trials).mean().sqrt().item())
    slope = math.log(errors[2] / errors[0]) / math.log(counts[2] / counts[0])
    assert slope == pytest.approx(-0.5, abs=0.06)


def test_each_lag_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(5, 2, 3, 2, generator=generator)
    spikes = (torch.rand(5, 2, 4, generator=generator) > 0.5).float()
    spikes[:, :, 3] = 0
    found = spike_triggered_average(inputs, spikes, lags=3)
    assert found.shape == (4, 3, 3, 2)
    for neuron in range(4):
        for lag in range(3):
            before = [inputs[t - lag, b] for t in range(lag, 5) for b in range(2) if spikes[t, b, neuron]]
            expected = torch.stack(before).mean(0) if before else torch.zeros(3, 2)
            assert torch.allclose(found[neuron, lag], expected, atol=1e-6)


@pytest.mark.parametrize("lags", [1, 3])
def test_the_map_of_an_image_is_the_mean_input_before_all_spikes(lags: int) -> None:
    model, batch = sqdr(), images(2)
    found = attribute(model, batch, method="spike-triggered", at="spikes", layer="frontend.blocks.0", lags=lags).values
    seen = record(model, batch)
    spikes = seen["frontend.blocks.0"].spikes.flatten(2).sum(2)
    expected = torch.zeros_like(found)
    for image in range(2):
        for step in range(8):
            for lag in range(min(lags, step + 1)):
                share = spikes[step, image] / spikes[:, image].sum()
                expected[image, step - lag] += share * seen.input[step - lag, image]
    assert expected.any()
    assert torch.allclose(found, expected, atol=1e-12)
    pixels = attribute(model, batch, method="spike-triggered", layer="frontend.blocks.0", lags=lags).values
    assert torch.allclose(pixels, expected.sum(1), atol=1e-12)


def test_bad_input_gets_one_line() -> None:
    with pytest.raises(ConfigError, match="lags: got 9, expected a whole number from 1 to 5"):
        spike_triggered_average(torch.zeros(5, 1, 2), torch.zeros(5, 1, 2), lags=9)
    with pytest.raises(ConfigError, match="spikes: got"):
        spike_triggered_average(torch.zeros(5, 1, 2), torch.zeros(4, 1, 2))
    with pytest.raises(ConfigError, match="layers: got 'nowhere'"):
        attribute(sqdr(), images(1), method="spike-triggered", layer="nowhere")
