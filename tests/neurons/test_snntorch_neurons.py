"""Neurons of snnTorch in this package's networks: its own loop to the bit, and `LIF` wherever the dynamics agree."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.neurons import LIF, NEURONS, SURROGATES, NeuronConfig, make_neuron, make_surrogate

NAMES = [name for name in NEURONS if name.startswith("snntorch:")]
SEEDS = st.integers(0, 10_000)


def currents(seed: int = 0, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> Tensor:
    draws = torch.rand(12, 2, 5, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return (scale * (1.6 * draws - 0.3)).requires_grad_()


def made(name: str, **options: object) -> torch.nn.Module:
    needed = {"synapse": 0.85} if "synapse" in NEURONS[name].options else {}
    return make_neuron(name, **{**needed, **options})


def same(ours: Tensor, theirs: Tensor, leaf: Tensor, atol: float = 1e-6) -> None:
    assert torch.equal(ours, theirs)
    weights = torch.linspace(-1, 1, leaf.numel(), dtype=leaf.dtype).view_as(leaf)
    gradients = [torch.autograd.grad((weights * spikes).sum(), leaf)[0] for spikes in (ours, theirs)]
    assert gradients[0].abs().max() > 0
    assert_close(*gradients, rtol=0, atol=atol)


@settings(max_examples=20)
@given(
    SEEDS,
    st.sampled_from([("zero", 0.9), ("zero", 0.4), ("none", 0.7), ("subtract", 1.0)]),
    st.sampled_from(list(SURROGATES)),
    st.floats(0.3, 2.0),
    st.floats(-1.0, 1.0),
)
def test_leaky_is_lif_where_the_reset_of_one_step_later_makes_no_difference(
    seed: int, rule: tuple[str, float], surrogate: str, threshold: float, initial: float
) -> None:
    reset, beta = rule
    options = {"threshold": threshold, "reset": reset, "surrogate": surrogate, "initial_membrane": initial}
    leaf = currents(seed)
    ours = LIF(beta, detach_reset=True, **options)(leaf)
    same(made("snntorch:Leaky", beta=beta, **options)(leaf), ours, leaf)


def test_those_spikes_come_and_stay_away_and_a_leak_with_subtraction_differs() -> None:
    leaf = currents()
    for reset in ("zero", "none", "subtract"):
        rate = made("snntorch:Leaky", beta=0.7, reset=reset)(leaf).mean().item()
        assert 0.1 < rate < 0.9
    ours = LIF(0.7, detach_reset=True)(leaf)
    assert not torch.equal(made("snntorch:Leaky", beta=0.7)(leaf), ours)


@given(SEEDS)
@settings(max_examples=10)
def test_lapicque_without_reset_is_lif_of_another_decay_on_smaller_currents(seed: int) -> None:
    leaf = currents(seed)
    ours = LIF(1 + math.log(0.6), 0.3, "none")(-math.log(0.6) * leaf)
    same(made("snntorch:Lapicque", beta=0.6, threshold=0.3, reset="none")(leaf), ours, leaf)


@given(SEEDS, st.sampled_from(["none", "subtract"]))
@settings(max_examples=10)
def test_synaptic_is_leaky_on_currents_that_decay(seed: int, reset: str) -> None:
    leaf = currents(seed, 0.4)
    current, slow = torch.zeros_like(leaf[0]), []
    for arriving in leaf:
        current = 0.85 * current + arriving
        slow.append(current)
    leaky = made("snntorch:Leaky", beta=0.6, reset=reset)(torch.stack(slow))
    same(made("snntorch:Synaptic", beta=0.6, reset=reset)(leaf), leaky, leaf)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("name", NAMES)
def test_spikes_are_those_of_snntorchs_own_loop(name: str, reset: str) -> None:
    """With its own surrogate, whose spikes are float32, and its own hidden state."""
    kind = name.partition(":")[2]
    decays = {"alpha": 0.85, "beta": 0.7} if kind in ("Synaptic", "Alpha") else {"beta": 0.7}
    grad = make_surrogate("fast_sigmoid").snntorch()
    theirs = vars(snntorch)[kind](**decays, spike_grad=grad, reset_mechanism=reset, threshold=0.4, init_hidden=True)
    leaf = currents(dtype=torch.float32)
    expected = torch.stack([theirs(current) for current in leaf])
    assert 0 < expected.mean() < 1
    ours = made(name, beta=0.7, threshold=0.4, reset=reset, surrogate="fast_sigmoid")(leaf)
    same(ours, expected, leaf)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_kept_between_calls(name: str) -> None:
    layer, leaf, before = made(name, beta=0.7, threshold=0.5), currents(), len(snntorch.SpikingNeuron.instances)
    once = layer(leaf)
    layer(currents(1))
    assert torch.equal(layer(leaf), once)
    assert torch.equal(copy.deepcopy(layer)(leaf), once)
    assert len(snntorch.SpikingNeuron.instances) == before
    assert not layer.state_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neuron": "snntorch:Synaptic"}, r"synapse: got None, expected a number in \(0, 1\] for snntorch:Synaptic"),
        (
            {"neuron": "snntorch:Alpha", "synapse": 0.5},
            "synapse: got 0.5, expected a number above beta, 0.9",
        ),
        (
            {"neuron": "snntorch:Leaky", "learn_beta": True},
            r"learn_beta: got True, expected neuron lif \(",
        ),
        ({"neuron": "snntorch:leaky"}, "neuron: got 'snntorch:leaky', expected one of .*did you mean 'snntorch:Leaky'"),
        ({"neuron": "snntorch:utils.reset"}, "neuron: got 'snntorch:utils.reset', expected one of"),
        ({"neuron": "snntorch:Leaky", "beta": 1.0}, "beta: got 1.0"),
    ],
)
def test_what_a_network_cannot_be_made_of_is_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NeuronConfig.from_dict(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0}, r"beta: got 0.0, expected a number in \(0, 1\] for snntorch:Leaky"),
        ({"threshold": 0}, "threshold: got 0"),
        ({"initial_membrane": math.inf}, "initial_membrane: got inf"),
        ({"channels": 3}, "channels: got 3, expected None"),
        ({"reset": "soft"}, "reset: got 'soft'"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_neuron("snntorch:Leaky", **options)
    with pytest.raises(ValueError, match=r"beta: got 1.0, expected a number in \(0, 1\) for snntorch:Lapicque"):
        make_neuron("snntorch:Lapicque", beta=1)


def test_a_network_holds_them_is_stored_and_has_the_logits_of_lif(tmp_path: Path) -> None:
    options = {"n_qubits": 3, "timesteps": 8, "reset": "zero", "detach_reset": True, "image_size": (8, 8), "seed": 1}
    network = sqnn.create_model("sqdr-cnn", neuron="snntorch:Leaky", **options)
    lif = sqnn.create_model("sqdr-cnn", neuron="lif", **options)
    assert network.state_dict().keys() == lif.state_dict().keys()
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert_close(network(images), lif(images), rtol=0, atol=1e-5)
    sqnn.save_model(network, tmp_path / "net.safetensors")
    again = sqnn.load_model(tmp_path / "net.safetensors")
    assert again.config == network.config
    assert torch.equal(again(images), network.eval()(images))
