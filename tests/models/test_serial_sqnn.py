"""The serial network: two phases, of which each trains its part alone."""

from __future__ import annotations

import math

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.models import SerialSQNN

SMALL = {"image_size": (8, 8), "channels": (2, 3), "n_qubits": 3, "num_classes": 3}
LABELS = torch.tensor([0, 1, 2, 0])
SPIKING = ("frontend", "classifier")


def network(**options) -> SerialSQNN:
    return sqnn.create_model("serial-sqnn", **{**SMALL, **options}).double()


def images(seed: int = 1) -> Tensor:
    return torch.rand(4, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def warmed(**options) -> SerialSQNN:
    """A network whose batch norms have seen images, so that its neurons fire."""
    model = network(**options).train()
    for seed in range(20):
        model(images(seed))
    return model.eval()


def moved(model: SerialSQNN, progress: float, steps: int = 3) -> set[str]:
    """The names of weights and statistics that a few steps at this point of a training change."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        _, loss = model.learn(images(step), LABELS, progress=progress)
        loss.backward()
        optimizer.step()
    return {name for name, value in model.state_dict().items() if not torch.equal(before[name], value)}


@pytest.mark.parametrize("layers", ["conv", "dense"])
def test_the_spiking_network_learns_first_and_the_quantum_layer_alone_afterwards(layers: str) -> None:
    model = network(layers=layers).train()
    names = set(model.state_dict())
    spiking = {name for name in names if name.startswith(SPIKING)}
    assert moved(model, 0.49) == spiking
    assert moved(model, 0.5) == names - spiking
    assert moved(model, 0.0) == spiking, "a training that begins anew finds the front-end in training mode"


def test_what_is_learned_in_each_phase_is_the_loss_of_its_own_logits() -> None:
    model = warmed(pretraining=0.3)
    shown = images()
    first, loss = model.learn(shown, LABELS, progress=0.29)
    assert_close(first, F.linear(model.features(shown), model.classifier.weight, model.classifier.bias))
    assert_close(loss, F.cross_entropy(first, LABELS))
    second, loss = model.learn(shown, LABELS, progress=0.3)
    assert torch.equal(second, model(shown))
    assert_close(loss, F.cross_entropy(second, LABELS))
    assert not torch.allclose(first, second)


def test_the_network_is_rates_bounded_angles_circuit_and_head() -> None:
    model = warmed(angle_scale=1.5)
    rates = model.features(images())
    assert 0 < rates.mean() < 1
    spikes = model.encoder.encode(images())
    for layer in model.frontend.layers:
        spikes = layer(spikes)
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    assert_close(rates, spikes.mean((0, 3, 4)))
    with torch.no_grad():
        model.linear.weight.mul_(50)
    angles = model.angles(images())
    assert_close(angles, 1.5 * torch.tanh(rates @ model.linear.weight.T + model.linear.bias))
    assert 1.4 < angles.abs().max() <= 1.5
    expectations = model.circuit(angles)
    assert_close(model(images()), F.linear(expectations, model.head[0].weight, model.head[0].bias))


def test_dense_layers_see_all_pixels() -> None:
    model = network(layers="dense", channels=(5, 4), encoding="direct", timesteps=3).eval()
    spikes = images().flatten(1).expand(3, 4, 64)
    for layer in model.frontend.layers:
        currents = spikes @ layer.linear.weight.T / math.sqrt(1 + layer.norm.eps)
        spikes = layer.neuron(currents)
    assert 0 < spikes.mean() < 1
    assert_close(model.features(images()), spikes.mean(0))


def test_parameters_by_hand() -> None:
    # Convolutions 378, norms 28, classifier 8 x 10 + 10; dressed layer 8 x 27 + 27, circuit 54, head 100.
    counted = sqnn.count(sqnn.create_model("serial-sqnn"))
    assert (counted.spiking, counted.quantum, counted.classical) == (378 + 28 + 90, 54, 243 + 100)
    dense = sqnn.count(network(layers="dense", channels=(5, 4)))
    assert dense.spiking == 64 * 5 + 5 * 4 + 2 * (5 + 4) + (4 * 3 + 3)


def test_a_training_passes_both_phases_and_a_file_keeps_it(tmp_path) -> None:
    data = sqnn.load_data("digits").subset(64, 32, 16)
    model = sqnn.create_model("serial-sqnn", data, channels=(2, 3), n_qubits=3)
    begun = {name: value.clone() for name, value in model.state_dict().items()}
    ended: dict[str, Tensor] = {}

    class End(pl.Callback):
        def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            ended.update({name: value.clone() for name, value in module.model.state_dict().items()})

    run = sqnn.fit(model, data, epochs=4, batch_size=8, out=tmp_path / "run", callbacks=End(), progress=False)
    assert [name for name, value in ended.items() if torch.equal(value, begun[name])] == []
    again = sqnn.load_model(tmp_path / "run" / "model.safetensors")
    shown = data.test.floats()
    assert torch.equal(again(shown), run.model(shown))
    noisy = again.with_noise("depolarizing:0.2")
    assert not torch.allclose(noisy(shown), again(shown))


def test_a_share_that_leaves_one_phase_out_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"pretraining: got 1\.0, expected a number above 0 and below 1"):
        network(pretraining=1)
    with pytest.raises(ConfigError, match="layers: got 'bogus', expected one of conv, dense"):
        network(layers="bogus")


@pytest.mark.parametrize("name", ["serial-sqnn", "ppf-qsnn"])
def test_dense_layers_have_no_pools_that_need_pixels(name: str) -> None:
    options = {"image_size": (8, 8), "channels": (6, 5, 4, 3), "n_qubits": 3, "encoding": "direct"}
    assert sqnn.create_model(name, layers="dense", **options)(torch.rand(2, 1, 8, 8)).shape == (2, 10)
    with pytest.raises(ConfigError, match=r"image_size: got \(8, 8\), expected at least 16 x 16 pixels for 4 pooling"):
        sqnn.create_model(name, layers="conv", **options)
