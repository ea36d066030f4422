"""Relevance by the verb: its places, converted networks, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from convertible import draw_images, plain
from explained import Perceptron, images, sqdr
from torch import Tensor, nn

from sqnn.conversion import convert, convert_rate
from sqnn.explain.attribution import attribute
from sqnn.explain.attribution.relevance.method import explained
from sqnn.layers import SpikingResidual
from sqnn.models import SpikingQuantum, config_of, create_model
from sqnn.neurons import IF, QCFS, make_neuron


@pytest.mark.parametrize("rule", ["z+", "signed"])
def test_every_place_adds_up_with_what_was_booked_on_the_way(rule: str) -> None:
    model, batch = sqdr(), images(2)
    found = {
        at: attribute(model, batch, 1, "relevance", at, rule=rule)
        for at in ("pixels", "spikes", "frontend.blocks.0", "frontend.blocks.1.neuron", "angles", "qubits")
    }
    for at, result in found.items():
        assert result.completeness_error.max() < 1e-12, at
        assert torch.allclose(result.ledger.total, result.output - result.reference)
        assert result.ledger.error.max() < 1e-12
    assert torch.equal(found["pixels"].values, found["spikes"].values.sum(1))
    shapley = attribute(model, batch, 1, "shapley", "angles")
    assert torch.allclose(found["angles"].values, shapley.values, atol=1e-12)
    assert found["frontend.blocks.0"].values.shape == (2, 8, 2, 6, 6)
    assert next(iter(found["pixels"].ledger.layers)) == "angles"
    assert list(found["pixels"].ledger.layers)[-1] == "frontend.blocks.0"


def test_silent_neurons_and_blank_pixels_have_no_share() -> None:
    model, batch = sqdr(), images(2)
    batch[..., :3] = 0
    pixels = attribute(model, batch, 1, "relevance")
    assert not pixels.values[..., :3].any()
    assert pixels.values.any()


def test_a_network_of_ones_own_of_known_layers() -> None:
    model = Perceptron(IF(initial_membrane=0.3))
    result = attribute(model, images(2, side=4), 1, "relevance", rule="signed")
    assert result.completeness_error.max() < 1e-12
    assert result.values.any()
    assert torch.allclose(result.output, model(images(2, side=4))[:, 1])


def test_a_converted_network_is_explained_as_the_one_it_came_from() -> None:
    model, batch = plain(), draw_images(2, 1, 4, 4)
    network = convert(model, images=batch)
    expected = attribute(model, batch, 2, "relevance")
    found = attribute(network, batch, 2, "relevance")
    assert torch.equal(found.values, expected.values)
    assert found.values.any()
    assert torch.allclose(found.output, network(batch)[:, 2], atol=1e-12)
    assert "converted" in found.note


@pytest.mark.parametrize(
    ("options", "at", "message"),
    [
        ({}, "spikes", "at: got 'spikes' for a converted network, expected pixels, or the network it came from"),
        ({"rates": True}, "pixels", "method: got a network converted by rates, expected an exact conversion"),
    ],
)
def test_what_a_converted_network_has_no_relevance_of(options: dict[str, bool], at: str, message: str) -> None:
    network = (
        convert_rate(plain(), 4, images=draw_images(2, 1, 4, 4))
        if options
        else convert(plain(), images=draw_images(2, 1, 4, 4))
    )
    with pytest.raises(ValueError, match=message):
        explained(network, at)


@pytest.mark.parametrize("bound", ["none", "tanh", "sigmoid"])
def test_a_quantum_head_on_a_network_of_known_layers(bound: str) -> None:
    frontend = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU())
    model = SpikingQuantum(frontend, features=6, num_classes=3, n_qubits=3, bound=bound).double()
    if bound == "sigmoid":
        with pytest.raises(ValueError, match="bound: got 'sigmoid', whose angles are not zero at zero"):
            attribute(model, images(2, side=4), 1, "relevance")
        return
    result = attribute(model, images(2, side=4), 1, "relevance")
    assert result.completeness_error.max() < 1e-12
    assert result.values.any()


@pytest.mark.parametrize("batch", [1, 2])
def test_one_step_one_image_and_neurons_that_are_silent(batch: int) -> None:
    model = create_model("snn-mlp", image_size=(4, 4), hidden=(5,), timesteps=1).double()
    for bias in (0.0, -1e6):
        model.hidden[0].linear.bias.data.fill_(bias)
        result = attribute(model, images(batch, side=4), 1, "relevance", rule="signed")
        assert result.completeness_error.max() < 1e-9
        assert result.values.isfinite().all()
    assert not result.values.any()


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block, self.readout = SpikingResidual(1, 1, lambda channels: IF()), nn.Linear(16, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.readout(self.block(2 * images.expand(4, *images.shape)).flatten(2)).mean(0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Residual(), "method: got readout, which does not read block.second alone, expected linear layers"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.GELU()),
            "relevance for Sequential, .* at 2, GELU; expected linear layers",
        ),
        (
            Perceptron(make_neuron("snntorch:Leaky")),
            "cannot go back through at neuron, SnnTorchLeaky; expected .*method='shapley' explains any",
        ),
        (
            create_model("has8-vgg", image_size=(8, 8), width=4, hidden=(4,)),
            "method: got relevance for has8-vgg, which it cannot go back through at stages.0.snn.range; expected",
        ),
        (
            create_model("sqdr-twin", image_size=(4, 4), core="circuit", channels=(2,)),
            "method: got relevance for sqdr-twin, expected sqdr-cnn, ",
        ),
        (nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)), "method: got 0 without a weighted sum before it"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Softmax(1)),
            "cannot go back through at 2, Softmax; expected",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), QCFS(2), nn.MaxPool2d(2, 1), nn.Flatten(), nn.Linear(2, 3)),
            "do not overlap",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), nn.Flatten(), nn.Linear(16, 3)),
            "zeros",
        ),
    ],
)
def test_other_networks_are_refused_in_one_line_and_keep_no_hook(model: nn.Module, message: str) -> None:
    model = model.double().eval()
    config = config_of(model)
    side = 4 if config is None else config.image_size[0]
    with pytest.raises(ValueError, match=message) as error:
        attribute(model, images(2, side=side), 1, "relevance")
    assert "\n" not in str(error.value)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def test_a_place_that_keeps_nothing_and_an_unknown_rule() -> None:
    with pytest.raises(
        ValueError, match=r"at: got 'circuit', where relevance keeps nothing, expected pixels, or one of"
    ):
        attribute(sqdr(), images(1), 1, "relevance", "circuit")
    with pytest.raises(ValueError, match=r"rule: got 'lrp', expected one of z\+, signed, drive"):
        attribute(sqdr(), images(1), 1, "relevance", rule="lrp")
    assert not attribute(sqdr(), torch.zeros(1, 1, 6, 6).double(), 1, "relevance").values.any()
