"""Networks of the libraries themselves, where they are installed, against the loops that their users write."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.layers import FrontEnd

STEPS = 8
IMAGES = torch.rand(3, 1, 2, 3, generator=torch.Generator().manual_seed(0))
FLAT = IMAGES.flatten(1)


def layer(outputs: int = 4, scale: float = 1.5) -> nn.Linear:
    made = nn.Linear(6, outputs)
    with torch.no_grad():
        made.weight.copy_(scale * torch.linspace(-0.4, 1, 6 * outputs).view(outputs, 6))
        made.bias.zero_()
    return made


def twice(front: FrontEnd, wanted: Tensor) -> None:
    """The same after other images, and neither silent nor saturated."""
    assert 0 < wanted.mean() < wanted.max()
    assert_close(front(IMAGES), wanted)
    front(1 - IMAGES[:2])
    assert_close(front(IMAGES), wanted)


@pytest.mark.parametrize("kind", ["Leaky", "Synaptic"])
def test_snntorch_with_hidden_state_even_within_other_modules(kind: str) -> None:
    snntorch = pytest.importorskip("snntorch")
    decays: dict[str, Any] = {"alpha": 0.5, "beta": 0.8} if kind == "Synaptic" else {"beta": 0.8}
    theirs, linear = vars(snntorch)[kind](**decays), layer()
    states: tuple[Tensor, ...] = (torch.zeros(3, 4),) * len(decays)
    steps = []
    for _ in range(STEPS):
        spikes, *states = theirs(linear(FLAT), *states)
        steps.append((spikes, states[-1]))
    hidden = vars(snntorch)[kind](**decays, init_hidden=True, output=True)
    nested = nn.Sequential(nn.Flatten(), nn.Sequential(layer(), hidden))
    twice(FrontEnd(nested, timesteps=STEPS), torch.stack([spikes for spikes, _ in steps]).mean(0))
    twice(FrontEnd(nested, timesteps=STEPS, pool="membrane"), steps[-1][1])


@pytest.mark.parametrize("mode", ["s", "m"])
def test_spikingjelly_in_both_step_modes(mode: str) -> None:
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import functional, neuron
    from spikingjelly.activation_based import layer as layers

    single = neuron.LIFNode()
    linear = layer()
    wanted = torch.stack([single(linear(FLAT)) for _ in range(STEPS)]).mean(0)
    inner = layers.Linear(6, 4)
    inner.load_state_dict(linear.state_dict())
    network = nn.Sequential(layers.Flatten(), inner, neuron.LIFNode())
    functional.set_step_mode(network, mode)
    twice(FrontEnd(network, timesteps=STEPS), wanted)


@pytest.mark.parametrize("with_time", [False, True])
def test_norse_with_explicit_state(with_time: bool) -> None:
    norse = pytest.importorskip("norse.torch")
    linear, cell, state, spikes = layer(scale=6), norse.LIFCell(), None, []
    for _ in range(STEPS):
        spike, state = cell(linear(FLAT), state)
        spikes.append(spike)
    neurons = norse.LIF() if with_time else norse.LIFCell()
    network = norse.SequentialState(nn.Flatten(2 if with_time else 1), layer(scale=6), neurons)
    twice(FrontEnd(network, timesteps=STEPS), torch.stack(spikes).mean(0))


@pytest.mark.parametrize("squeezed", [False, True])
def test_sinabs_batch_first(squeezed: bool) -> None:
    sinabs = pytest.importorskip("sinabs.layers")
    theirs = sinabs.LIF(tau_mem=5.0)
    currents = layer(scale=4)(FLAT)
    wanted = theirs(currents[:, None].expand(-1, STEPS, -1)).mean(1)
    neurons = sinabs.LIFSqueeze(tau_mem=5.0, batch_size=2) if squeezed else sinabs.LIF(tau_mem=5.0)
    network = nn.Sequential(nn.Flatten(1 if squeezed else 2), layer(scale=4), neurons)
    twice(FrontEnd(network, timesteps=STEPS), wanted)
