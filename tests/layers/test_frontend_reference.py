"""The spiking front-end, layer by layer, against loops of plain operations written here."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sqnn.layers import SpikingCNN
from sqnn.neurons import LIF


def convolve(image: Tensor, kernel: Tensor) -> Tensor:
    """3x3 correlation of [in, h, w] with [out, in, 3, 3], zeros around the image, pixel by pixel."""
    _, height, width = image.shape
    padded = torch.zeros(image.shape[0], height + 2, width + 2, dtype=image.dtype)
    padded[:, 1:-1, 1:-1] = image
    out = torch.zeros(kernel.shape[0], height, width, dtype=image.dtype)
    for row, column in itertools.product(range(height), range(width)):
        out[:, row, column] = (kernel * padded[:, row : row + 3, column : column + 3]).sum((1, 2, 3))
    return out


def normalise(currents: Tensor, norm: torch.nn.BatchNorm2d, training: bool) -> Tensor:
    """Batch norm of [time, batch, channels, h, w], each channel over time, batch and pixels together."""
    out = torch.empty_like(currents)
    for channel in range(currents.shape[2]):
        values = currents[:, :, channel]
        mean = values.mean() if training else norm.running_mean[channel]
        variance = ((values - values.mean()) ** 2).mean() if training else norm.running_var[channel]
        scaled = (values - mean) / torch.sqrt(variance + norm.eps)
        out[:, :, channel] = scaled * norm.weight[channel] + norm.bias[channel]
    return out


def fire(currents: Tensor, beta: float, threshold: float, initial: float) -> Tensor:
    """Leaky integrate-and-fire with reset by subtraction, one neuron and step at a time."""
    flat = currents.reshape(len(currents), -1)
    spikes = torch.zeros_like(flat)
    for neuron in range(flat.shape[1]):
        v = initial * threshold
        for step in range(len(flat)):
            v = beta * v + flat[step, neuron].item()
            if v > threshold:
                spikes[step, neuron] = 1
                v -= threshold
    return spikes.reshape(currents.shape)


def pool(spikes: Tensor) -> Tensor:
    """2x2 maxima; an odd last row or column falls away."""
    height, width = spikes.shape[-2] // 2, spikes.shape[-1] // 2
    out = torch.empty(*spikes.shape[:-2], height, width, dtype=spikes.dtype)
    for row, column in itertools.product(range(height), range(width)):
        window = spikes[..., 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        out[..., row, column] = window.amax((-2, -1))
    return out


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("readout", ["spike", "membrane"])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9)])
def test_the_front_end_is_what_it_says(readout: str, training: bool, height: int, width: int) -> None:
    beta, threshold, initial = 0.8, 0.7, 0.5
    generator = torch.Generator().manual_seed(4)
    network = SpikingCNN(
        2, (3, 4), 6, lambda _: LIF(beta, threshold, initial_membrane=initial), readout=readout
    ).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        for block in network.blocks:
            block.norm.running_mean.copy_(torch.randn(block.norm.num_features, generator=generator) / 3)
            block.norm.running_var.copy_(0.5 + torch.rand(block.norm.num_features, generator=generator))
    network.train(training)
    trains = torch.rand(5, 3, 2, height, width, generator=generator, dtype=torch.float64)
    statistics = [(b.norm.running_mean.clone(), b.norm.running_var.clone()) for b in network.blocks]
    with torch.no_grad():
        found = network(trains)
        for block, (mean, variance) in zip(network.blocks, statistics, strict=True):
            block.norm.running_mean.copy_(mean)
            block.norm.running_var.copy_(variance)
        spikes = trains
        for block in network.blocks:
            currents = torch.stack([torch.stack([convolve(i, block.conv.weight) for i in step]) for step in spikes])
            fired = fire(normalise(currents, block.norm, training), beta, threshold, initial)
            assert 0.05 < fired.mean() < 0.95, "the comparison needs neurons that fire, but not always"
            spikes = pool(fired)
        z = spikes.mean((-2, -1)) @ network.linear.weight.T + network.linear.bias
        expected = fire(z, beta, threshold, initial) if readout == "spike" else z
    assert_close(found, expected.mean(0), atol=1e-12, rtol=0)


def test_an_unknown_readout_is_refused() -> None:
    with pytest.raises(ValueError, match="readout: got 'rate', expected one of spike, membrane"):
        SpikingCNN(1, (2,), 3, lambda _: LIF(), readout="rate")
