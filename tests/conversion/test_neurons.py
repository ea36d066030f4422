"""Neurons of converted networks: digits, plain loops, peers, and the charge that is neither lost nor made."""

from __future__ import annotations

import numpy as np
import pytest
import snntorch
import torch
from convertible import digits_by_hand, generator, levels_by_hand
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from sqnn.conversion import SpikeCode, SpikingNeuron, decode, digits, levels_of, plane_code, rate_code
from sqnn.core import ConfigError
from sqnn.neurons import IF, qcfs

THRESHOLD = 1.7


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def neuron(code: SpikeCode, *, postponed: bool, takes_train: bool, threshold: float = THRESHOLD) -> SpikingNeuron:
    return SpikingNeuron(code, scalar(threshold), postponed=postponed, takes_train=takes_train)


def fired(train: Tensor, code: SpikeCode, threshold: float = THRESHOLD) -> np.ndarray:
    """0 and 1, [timesteps, batch]; every spike has the height w_t lambda / Q."""
    heights = np.array(code.weights)[:, None] * threshold / code.steps
    spikes = train.unflatten(0, (code.timesteps, -1)).numpy() / heights
    assert np.abs(spikes - np.round(spikes)).max() < 1e-12
    return np.round(spikes).astype(int)


@pytest.mark.parametrize("takes_train", [False, True])
@pytest.mark.parametrize("timesteps", range(1, 17))
def test_a_postponed_neuron_fires_the_digits_of_every_level(timesteps: int, takes_train: bool) -> None:
    code = plane_code(timesteps)
    levels = torch.arange(2**timesteps, dtype=torch.float64)
    off = 0.49 * (2 * torch.rand(len(levels), generator=generator(), dtype=torch.float64) - 1)
    currents = (levels + off) * THRESHOLD / code.steps
    if takes_train:
        parts = torch.randn(timesteps, len(levels), generator=generator(1), dtype=torch.float64)
        currents = (parts + (currents - parts.sum(0)) / timesteps).flatten(0, 1)
    train = neuron(code, postponed=True, takes_train=takes_train)(currents)
    expected = (np.arange(2**timesteps)[None] >> np.arange(timesteps)[::-1, None]) & 1
    assert np.array_equal(fired(train, code), expected)


@given(timesteps=st.integers(1, 12), takes_train=st.booleans(), seed=st.integers(0, 10**6))
def test_random_currents_fire_the_digits_of_the_nearest_level(timesteps: int, takes_train: bool, seed: int) -> None:
    code = plane_code(timesteps)
    shape = (timesteps, 50) if takes_train else (1, 50)
    currents = 2 * torch.randn(shape, generator=generator(seed), dtype=torch.float64)
    train = neuron(code, postponed=True, takes_train=takes_train)(currents.flatten(0, 1))
    levels = levels_by_hand(currents.sum(0).numpy(), THRESHOLD, code.steps)
    assert np.array_equal(fired(train, code), digits_by_hand(levels, timesteps))
    quantised = qcfs(currents.sum(0), scalar(THRESHOLD), code.steps)
    assert_close(decode(train, timesteps), quantised, atol=1e-12, rtol=0)
    found = digits(levels_of(quantised, scalar(THRESHOLD), code.steps), timesteps)
    assert np.array_equal(found.numpy(), digits_by_hand(levels, timesteps))


@given(timesteps=st.integers(1, 10), data=st.data(), seed=st.integers(0, 10**6))
def test_an_early_exit_rounds_to_the_last_plane(timesteps: int, data, seed: int) -> None:
    planes = data.draw(st.integers(1, timesteps))
    code = plane_code(timesteps, planes)
    currents = 2 * torch.randn(60, generator=generator(seed), dtype=torch.float64)
    emitted = decode(neuron(code, postponed=True, takes_train=False)(currents), planes).numpy()
    last = 2 ** (timesteps - planes)
    counts = np.clip(np.floor(currents.numpy() * code.steps / THRESHOLD / last + 0.5), 0, 2**planes - 1)
    assert np.allclose(emitted, counts * last * THRESHOLD / code.steps, atol=1e-12, rtol=0)


def plain_loop(currents: list[float], weights: tuple[int, ...], gain: float, membrane: float) -> list[int]:
    """Integrate, compare, subtract, in Python's own numbers."""
    spikes = []
    for current, weight in zip(currents, weights, strict=True):
        membrane += current * gain
        spikes.append(int(membrane >= weight))
        membrane -= weight * spikes[-1]
    return spikes


CODES = [rate_code(20), rate_code(20, 0.0), rate_code(7, 0.9), plane_code(5), plane_code(6, 3)]


@pytest.mark.parametrize("takes_train", [False, True])
@pytest.mark.parametrize("code", CODES, ids=lambda code: f"{code.name}-{code.timesteps}-{code.initial}")
def test_an_immediate_neuron_is_a_plain_loop(code: SpikeCode, takes_train: bool) -> None:
    T, batch = code.timesteps, 40
    scale = THRESHOLD / code.steps * max(code.weights) if takes_train else THRESHOLD
    draws = scale * (0.4 + torch.randn(T if takes_train else 1, batch, generator=generator(), dtype=torch.float64))
    layer = neuron(code, postponed=False, takes_train=takes_train)
    found = fired(layer(draws.flatten(0, 1)), code)
    assert 0.1 < found.mean() < 0.9
    for column in range(batch):
        shares = [weight / sum(code.weights) for weight in code.weights]
        values = draws[:, column].tolist() if takes_train else [draws[0, column].item() * share for share in shares]
        expected = plain_loop(values, code.weights, code.steps / THRESHOLD, code.initial)
        assert found[:, column].tolist() == expected


@pytest.mark.parametrize("initial", [0.0, 0.5])
def test_with_a_rate_code_it_is_the_ordinary_neuron(initial: float) -> None:
    """Ours fire at >=, the others at >: the same for currents that never land on the threshold."""
    T = 30
    code = rate_code(T, initial)
    currents = torch.randn(T, 50, generator=generator(), dtype=torch.float64) * 0.1 + 0.03
    found = fired(neuron(code, postponed=False, takes_train=True)(currents.flatten(0, 1)), code)
    units = currents * T / THRESHOLD
    ours = IF(1.0, initial_membrane=initial)(units)
    assert np.array_equal(found, ours.numpy())
    peer = snntorch.Leaky(1.0, threshold=1.0, reset_mechanism="subtract").double()
    membrane = torch.full((50,), initial, dtype=torch.float64)
    spikes = []
    for current in units:
        spike, membrane = peer(current, membrane)
        spikes.append(spike)
    assert np.array_equal(found, torch.stack(spikes).numpy())
    assert 0.1 < found.mean() < 0.9


@pytest.mark.parametrize("code", CODES, ids=lambda code: f"{code.name}-{code.timesteps}-{code.initial}")
def test_charge_is_conserved(code: SpikeCode) -> None:
    """v_T = v_0 + (Q / lambda) sum_t z_t - sum_t w_t s_t, and steps by hand are the whole run."""
    T = code.timesteps
    currents = torch.randn(T, 40, generator=generator(2), dtype=torch.float64) * 0.5 + 0.2
    layer = neuron(code, postponed=False, takes_train=True)
    membrane, trains = layer.initial(currents[0]), []
    for t, current in enumerate(currents):
        weighted, membrane = layer.step(current, membrane, t)
        trains.append(weighted)
    train = torch.cat(trains)
    assert torch.equal(train, layer(currents.flatten(0, 1)))
    spent = (fired(train, code) * np.array(code.weights)[:, None]).sum(0)
    arrived = code.initial + code.steps / THRESHOLD * currents.sum(0).numpy()
    assert np.allclose(membrane.numpy(), arrived - spent, atol=1e-11, rtol=0)
    assert spent.max() > 0


def test_a_postponed_neuron_keeps_less_than_a_level() -> None:
    code = plane_code(6)
    currents = THRESHOLD * torch.rand(200, generator=generator(), dtype=torch.float64)
    spent = decode(neuron(code, postponed=True, takes_train=False)(currents), 6) * code.steps / THRESHOLD
    left = 0.5 + currents * code.steps / THRESHOLD - spent
    top = spent.round() == code.steps
    assert (left >= -1e-9).all()
    assert (left[~top] < 1 + 1e-9).all()
    assert (left[top] <= 0.5 + 1 + 1e-9).all()


def test_channels_are_counted_along_their_axis() -> None:
    code, thresholds = plane_code(4), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    currents = torch.rand(5, 2, 3, generator=generator(), dtype=torch.float64) * 2
    last = SpikingNeuron(code, thresholds, postponed=True, takes_train=False, channel_axis=-1)
    found = decode(last(currents), 4)
    for channel, threshold in enumerate(thresholds):
        levels = levels_by_hand(currents[..., channel].numpy(), threshold.item(), 15)
        assert np.allclose(found[..., channel].numpy(), levels * threshold.item() / 15, atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match=r"values: got shape \[5, 3, 2\], expected 3 channels along dimension -1"):
        last(currents.transpose(1, 2))


MISTAKES = [
    (lambda: plane_code(0), "timesteps: got 0, expected a whole number from 1 to 16"),
    (lambda: plane_code(17), "timesteps: got 17, expected a whole number from 1 to 16"),
    (lambda: plane_code(4, 5), "planes: got 5, expected a whole number from 1 to the network's 4"),
    (lambda: plane_code(4, 0), "planes: got 0, expected a whole number from 1 to the network's 4"),
    (lambda: rate_code(0), "timesteps: got 0, expected a whole number from 1 to 4,096"),
    (lambda: rate_code(4097), "timesteps: got 4097, expected"),
    (lambda: rate_code(2.5), "timesteps: got 2.5, expected"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes_are_named(mistake, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        mistake()
