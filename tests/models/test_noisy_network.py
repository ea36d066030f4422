"""Noise is an argument of a network: the weights, and everything in front of the circuit, stay what they are."""

from __future__ import annotations

import pytest
import torch
from qiskit_aer.noise import NoiseModel, depolarizing_error
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from circuits import ReuploadLayer
from noise_models import Noise, amplitude_damping, depolarizing, paper, readout
from sqnn.core import ConfigError

SIZES = {"image_size": (8, 8), "channels": (3, 5), "n_qubits": 4, "num_classes": 3, "seed": 3}


def images(batch: int = 6) -> Tensor:
    return torch.rand(batch, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(**options):
    return sqnn.create_model("sqdr-cnn", **SIZES, **options).double().eval()


@pytest.mark.parametrize("engine", ["lightcone", "pennylane", "aer"])
def test_the_same_weights_under_noise_on_every_engine(engine: str) -> None:
    model = network()
    noisy = model.with_noise("amplitude-damping:0.1+readout:0.05", engine=engine)
    assert noisy.circuit.weights is model.circuit.weights
    assert noisy.frontend is model.frontend
    with torch.no_grad():
        by_hand = model.head(model.circuit.with_noise(amplitude_damping(0.1) + readout(0.05))(model.angles(images())))
        assert_close(noisy(images()), by_hand, atol=1e-8, rtol=0)
        assert (noisy(images()) - model(images())).abs().max() > 1e-2


def test_taking_the_noise_away_gives_the_same_bits() -> None:
    model = network()
    with torch.no_grad():
        assert torch.equal(model.with_noise("paper").with_noise(None)(images()), model(images()))
        assert torch.equal(model.with_noise("none")(images()), model(images()))


def test_noise_outlives_a_change_of_engine_and_leaves_with_it_when_told() -> None:
    model = network().with_noise(depolarizing(0.1))
    assert model.with_engine("pennylane").circuit.noise == depolarizing(0.1)
    assert model.with_engine("lightcone", noise=None).circuit.noise is None


@pytest.mark.parametrize("engine", ["pennylane", "aer"])
def test_an_observable_is_never_exchanged_for_z(engine: str) -> None:
    layer = ReuploadLayer(3, 2, observable="X")
    inputs = torch.ones(1, 9)
    assert torch.equal(layer.with_engine("lightcone")(inputs), layer(inputs))
    if engine == "aer":
        with pytest.raises(ValueError, match=r"got observable"):
            layer.with_engine(engine)
    else:
        assert torch.allclose(layer.with_engine(engine)(inputs), layer(inputs), atol=1e-6)
    with pytest.raises(ValueError, match=r"got observable|observable: got 'X' under noise"):
        layer.with_noise("depolarizing:0.1", engine=engine)


def test_an_aer_model_is_taken_as_it_is() -> None:
    aer = NoiseModel()
    aer.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["u"])
    model = network()
    with torch.no_grad():
        assert_close(
            model.with_noise(aer)(images()),
            model.with_noise(depolarizing(0.1, on=("u",)))(images()),
            atol=1e-12,
            rtol=0,
        )


def test_noise_of_the_configuration_is_on_from_the_start_and_is_saved(tmp_path) -> None:
    noisy, plain = network(noise="paper*2"), network()
    assert noisy.circuit.noise == 2 * paper()
    with torch.no_grad():
        assert torch.equal(noisy(images()), plain.with_noise("paper*2")(images()))
        sqnn.save_model(noisy, tmp_path / "noisy.safetensors")
        again = sqnn.load_model(tmp_path / "noisy.safetensors").double().eval()
        assert again.circuit.noise == noisy.circuit.noise
        # The file holds the network's own precision.
        assert torch.equal(again(images()), noisy(images()))


def test_noise_given_to_a_network_is_saved_with_it(tmp_path) -> None:
    noisy = network().with_noise(0.5 * paper() + readout(0.1))
    sqnn.save_model(noisy, tmp_path / "noisy.safetensors")
    assert sqnn.load_model(tmp_path / "noisy.safetensors").circuit.noise == 0.5 * paper() + readout(0.1)
    assert noisy.with_noise(None).config == network().config


def test_a_saved_network_needs_no_other_file(tmp_path) -> None:
    (tmp_path / "n.json").write_text(paper().to_json())
    sqnn.save_model(network(noise=str(tmp_path / "n.json")), tmp_path / "noisy.safetensors")
    (tmp_path / "n.json").unlink()
    assert sqnn.load_model(tmp_path / "noisy.safetensors").circuit.noise == paper()


@pytest.mark.parametrize("engine", ["lightcone", "aer"])
def test_shots_follow_the_generator_of_the_call(engine: str) -> None:
    model = network(shots=20, engine=engine)
    with torch.no_grad():
        first, again, other = (model(images(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_steps_under_noise_follow_the_noisy_gradient() -> None:
    model = network(noise="amplitude-damping:0.2")
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    weights = model.circuit.weights
    F.cross_entropy(model(images()), labels).backward()
    direction, step = torch.zeros_like(weights), 1e-6
    direction[0, 1, 1] = step
    with torch.no_grad():
        losses = []
        for sign in (1, -1):
            weights += sign * direction
            losses.append(F.cross_entropy(model(images()), labels))
            weights -= sign * direction
    assert_close(weights.grad[0, 1, 1], (losses[0] - losses[1]) / (2 * step), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ("bogus:0.1", "noise: got 'bogus', expected a kind"),
        ("depolarizing:1.4", r"p: got 1.4, expected a number in \[0, 4/3\]"),
        ("depolarizing:0.1*-1", "factor: got -1"),
        ("thermal-relaxation:t1=1e-4,t2=3e-4,u=1e-8", "t2: got 0.0003"),
        ("depolarizing:0.1,on=bogus", "on: got 'bogus'"),
    ],
)
def test_bad_noise_is_one_clear_error(noise: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        network(noise=noise)


def test_noise_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"noise: got float, expected a noise_models.Noise"):
        network().with_noise(0.1)
    assert isinstance(network().with_noise(Noise() + depolarizing(0.1)).circuit.noise, Noise)
