"""Neurons of other libraries: the record is what they computed, and membranes are those that spikes come from."""

from __future__ import annotations

import math

import pytest
import snntorch
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.explain import record
from sqnn.layers import FrontEnd
from sqnn.models import SpikingQuantum
from sqnn.neurons import Neuron

STEPS = 6
IMAGES = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def linear(outputs: int = 5, scale: float = 1.0) -> nn.Linear:
    layer = nn.Linear(16, outputs)
    draw = torch.Generator().manual_seed(outputs)
    with torch.no_grad():
        layer.weight.copy_(scale * torch.randn(layer.weight.shape, generator=draw))
        layer.bias.zero_()
    return layer


def plain(network: nn.Module, images: Tensor = IMAGES) -> Tensor:
    with torch.no_grad():
        return network(images)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", ["Leaky", "Lapicque", "Synaptic", "Alpha", "RLeaky"])
def test_snntorch_step_by_step(kind: str, reset: str) -> None:
    options = {"alpha": 0.8} if kind in ("Synaptic", "Alpha") else {}
    if kind == "RLeaky":
        options = {"linear_features": 5}
    scale = 20 if kind == "Alpha" else 1
    neuron = vars(snntorch)[kind](
        beta=0.7, threshold=0.6, reset_mechanism=reset, init_hidden=True, output=kind != "RLeaky", **options
    )
    network = FrontEnd(nn.Sequential(nn.Flatten(), linear(scale=scale), neuron), timesteps=STEPS).eval()
    found = record(network, IMAGES, batch_size=2)
    assert_close(found.logits, plain(network))
    (layer,) = found.layers.values()
    assert layer.spikes.shape == layer.membranes.shape == layer.currents.shape == (STEPS, 3, 5)
    assert torch.equal(layer.spikes, (layer.membranes > layer.threshold).to(layer.spikes))
    assert 0 < float(layer.spikes.mean()) < 1
    assert_close(layer.spikes.mean(0), found.logits)
    assert_close(layer.currents[0], plain(network.network[:2], IMAGES))
    assert (layer.reset, float(layer.threshold)) == (reset, pytest.approx(0.6))
    if kind == "Leaky" and reset == "none":  # summed up by hand
        decays = 0.7 ** torch.arange(STEPS).flip(0)
        assert_close(layer.membranes[-1], (decays[:, None, None] * layer.currents).sum(0))
    assert list(found.layers) == ["network.2"]
    assert torch.equal(plain(network), found.logits)


class Loop(nn.Module):
    """A network of snnTorch as its tutorials write them: neurons that hand their membranes on."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        self.first, self.second = linear(5), nn.Linear(5, 2, bias=False)
        self.hidden = snntorch.Leaky(beta=0.5, threshold=0.4, **options)
        self.output = snntorch.Leaky(beta=0.9, threshold=0.2, **options)
        nn.init.constant_(self.second.weight, 0.15)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        first, second, spikes, membranes = self.hidden.init_leaky(), self.output.init_leaky(), [], []
        for _ in range(STEPS):
            fired, first = self.hidden(self.first(images.flatten(1)), first)
            fired, second = self.output(self.second(fired), second)
            spikes.append(fired)
            membranes.append(second)
        return torch.stack(spikes), torch.stack(membranes)


def test_a_loop_of_snntorch_is_recorded_as_it_returns() -> None:
    network = Loop()
    found = record(network, IMAGES)
    spikes, membranes = plain(network)
    assert torch.equal(found.logits, spikes.sum(0))
    assert torch.equal(found["output"].spikes, spikes)
    assert torch.equal(found["output"].membranes, membranes)
    assert list(found.layers) == ["hidden", "output"]
    assert float(found["hidden"].spikes.sum()) > 0
    assert found["hidden"].beta == 0.5


def test_membranes_that_snntorch_has_reset_already_are_none() -> None:
    found = record(Loop(reset_delay=False), IMAGES)
    assert found["hidden"].membranes is None
    assert found["hidden"].spikes.shape == (STEPS, 3, 5)


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize(
    ("kind", "options", "decay"),
    [("IFNode", {}, 1.0), ("LIFNode", {"tau": 3.0}, 2 / 3), ("ParametricLIFNode", {"init_tau": 4.0}, 0.75)],
)
def test_spikingjelly_in_both_step_modes(
    kind: str, options: dict[str, float], decay: float, hard: bool, mode: str
) -> None:
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import functional, neuron
    from spikingjelly.activation_based import layer as layers

    inner = layers.Linear(16, 5)
    inner.load_state_dict(linear().state_dict())
    node = vars(neuron)[kind](v_threshold=0.4, v_reset=0.0 if hard else None, **options)
    network = nn.Sequential(layers.Flatten(), inner, node)
    functional.set_step_mode(network, mode)
    model = FrontEnd(network, timesteps=STEPS).eval()
    found = record(model, IMAGES, batch_size=2)
    assert_close(found.logits, plain(model))
    (layer,) = found.layers.values()
    assert_close(layer.spikes.mean(0), found.logits)
    assert 0 < float(layer.spikes.mean()) < 1
    v = torch.zeros(3, 5)
    for current, membrane, spikes in zip(layer.currents, layer.membranes, layer.spikes, strict=True):
        u = v + current if kind == "IFNode" else v + (current - v) * (1 - decay)  # the input decays with the membrane
        assert_close(membrane, u)
        assert torch.equal(spikes, (membrane >= 0.4).to(spikes))
        v = u * (1 - spikes) if hard else u - 0.4 * spikes
    assert layer.beta == pytest.approx(decay)
    assert layer.reset == ("zero" if hard else "subtract")
    assert not isinstance(node.v, Tensor)  # the state is that after a reset
    assert len(node._forward_hooks) == len(node._forward_pre_hooks) == 0


def test_a_learned_decay_of_spikingjelly_is_that_of_now() -> None:
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    node = neuron.ParametricLIFNode(init_tau=2.0)
    with torch.no_grad():
        node.w.fill_(-1.5)
    (layer,) = record(FrontEnd(nn.Sequential(nn.Flatten(), linear(), node), timesteps=STEPS), IMAGES).layers.values()
    assert layer.beta == pytest.approx(1 - 1 / (1 + math.exp(1.5)))


def test_what_spikingjelly_computes_otherwise_is_unknown() -> None:
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    told = {neuron.QIFNode(): (None, None), neuron.CUBALIFNode(v_reset=0.0): (None, "zero")}
    for node, expected in (told | {neuron.LIFNode(v_reset=-0.5): (0.5, None)}).items():
        network = FrontEnd(nn.Sequential(nn.Flatten(), linear(), node), timesteps=STEPS)
        (layer,) = record(network, IMAGES).layers.values()
        assert (layer.beta, layer.reset) == expected


def test_a_quantum_head_on_foreign_neurons_is_recorded_as_a_whole() -> None:
    neuron = snntorch.Leaky(beta=0.9, threshold=0.5, init_hidden=True)
    frontend = nn.Sequential(nn.Flatten(), linear(), neuron)
    model = SpikingQuantum(frontend, features=5, num_classes=2, timesteps=STEPS, encoding="rate", n_qubits=2).eval()
    found = record(model, IMAGES, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(found.logits, model(IMAGES, torch.Generator().manual_seed(1)))
        rates = found["frontend.network.2"].spikes.mean(0)
        assert_close(found.head.angles, model.config.angle_scale * model.linear(rates))
        assert_close(found["frontend.network.2"].currents, frontend[1](found.input.flatten(2)))


class Bare(Neuron):
    """Fires where the sum of currents is odd, rounded: it has no threshold, leak or reset."""

    options = ()

    def forward(self, currents: Tensor, return_membrane: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        membranes = currents.cumsum(0)
        spikes = (membranes.round() % 2).abs()
        return (spikes, membranes) if return_membrane else spikes


def test_what_a_neuron_does_not_say_is_unknown() -> None:
    network = FrontEnd(nn.Sequential(nn.Flatten(2), linear(), Bare()), timesteps=STEPS).eval()
    found = record(network, IMAGES)
    (layer,) = found.layers.values()
    assert (layer.threshold, layer.beta, layer.reset) == (None, None, None)
    assert 0 < float(layer.spikes.mean()) < 1
    (part,) = found.select(neurons=[1, 3], window=(1, 4)).layers.values()
    assert part.threshold is None
    assert torch.equal(part.membranes, layer.membranes[1:4, :, [1, 3]])
    made = found.traces([2], image=1)
    assert torch.equal(made.membranes[:, 0], layer.membranes[:, 1, 2].double())
    assert made.threshold.isnan().all()
    assert made.frame.threshold.isna().all()
    axes = made.plot().axes[0]
    assert axes.get_ylabel() == "membrane before the reset"
    assert torch.equal(torch.tensor(axes.lines[0].get_ydata()), made.membranes[:, 0])
    assert len(found.raster(1).frame) == int(layer.spikes[:, 1].sum())
    found.raster(1).plot()


def test_states_of_an_earlier_batch_are_forgotten() -> None:
    neuron = snntorch.Leaky(beta=0.9, threshold=0.5, init_hidden=True)
    network = nn.Sequential(nn.Flatten(), linear(), neuron)
    first = record(network, IMAGES).logits
    plain(network)
    assert torch.equal(record(network, IMAGES).logits, first)
