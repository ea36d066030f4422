"""Noise sweeps of networks of a user's own: each row is the network with its circuits made under that noise."""

from __future__ import annotations

import copy
from pathlib import Path

import pennylane as qml
import pytest
import torch
from peers import Leaky
from sweeps import assert_same_rows
from torch import Tensor, nn

import noise_models
import sqnn
from circuits import QuantumLayer, ReuploadLayer
from sqnn.core import ConfigError
from sqnn.models import SpikingQuantum, change_circuits
from sqnn.studies.noise_sweep.packed import PackedNetwork

HERE = {"workers": 0, "progress": False, "images": 20}


class Own(nn.Module):
    """Two circuits, one of them called twice and shared by two parts, random spikes, and dropout."""

    sign = 1

    def __init__(self, n_qubits: int = 3, noise: str | None = None) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(3)
        self.first = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.Dropout(0.5))
        self.parts_of_it = nn.ModuleList([ReuploadLayer(3, 2, noise=noise, generator=draw)])
        self.again = nn.Sequential(self.parts_of_it[0])
        self.other = ReuploadLayer(n_qubits, 2, generator=draw)
        self.head = nn.Linear(3 + n_qubits, 10)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        spikes = torch.bernoulli(images, generator=generator)
        read = self.again(self.parts_of_it[0](self.first(spikes)).repeat(1, 3))
        return self.sign * self.head(
            torch.cat([read, self.other(3 * read[:, :1].repeat(1, self.other.circuit.n_inputs))], 1)
        )


def own(**options: object) -> Own:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return Own(**options)


def by_hand(model: Own, noise: object) -> Own:
    """The network with both circuits made anew under a noise; they are no other modules, so each is set in place."""
    noisy = copy.deepcopy(model)
    noisy.parts_of_it[0] = noisy.parts_of_it[0].with_noise(noise)
    noisy.again = nn.Sequential(noisy.parts_of_it[0])
    noisy.other = noisy.other.with_noise(noise)
    return noisy


def test_a_row_is_the_network_with_both_circuits_under_that_noise(digits) -> None:
    model, few = own(noise="readout:0.1"), digits.subset(test=20)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    error = noise_models.depolarizing(0.3).aer
    noises = {"damping": "amplitude-damping+readout:0.02", "model": error}
    frame = sqnn.noise_sweep(model, digits, noises, (0.0, 0.4), **HERE)
    meant = [f"amplitude-damping:{g}+readout:0.02" for g in (0.0, 0.4)]
    meant += [noise_models.from_aer(error) * g for g in (0, 0.4)]
    assert (set(frame.model), set(frame.train_noise)) == ({"Own"}, {"readout(0.1); none"})
    for row, noise in zip(frame.to_dict("records"), meant, strict=True):
        expected = sqnn.evaluate(by_hand(model, noise), few, progress=False)
        assert row["accuracy"] == pytest.approx(expected.accuracy, abs=1e-6)
        assert row["loss"] == pytest.approx(expected.loss, rel=1e-5)
    assert frame.loss.nunique() == 4
    assert model.training
    assert str(model.parts_of_it[0].noise) == "readout(0.1)"
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.slow
def test_draws_differ_and_come_again(digits, tmp_path: Path) -> None:
    model = own()
    options = {**HERE, "noise": "depolarizing", "strength": 0.1, "shots": 30, "seeds": 3}
    frame = sqnn.noise_sweep(model, digits, table=tmp_path / "rows.csv", **options)
    assert frame.loss.nunique() == 3
    assert_same_rows(sqnn.noise_sweep(model, digits, **options), frame)
    # Two circuits of one sort draw other shots of the same state.
    pair = nn.Module()
    pair.circuits = nn.ModuleList([ReuploadLayer(3, 1) for _ in range(2)])
    pair.circuits[1].load_state_dict(pair.circuits[0].state_dict())
    shared = torch.Generator().manual_seed(0)
    drawn = change_circuits(pair, lambda one: one.with_noise("readout:0.3", shots=20, generator=shared)).circuits
    angles = torch.rand(4, 9)
    assert not torch.equal(drawn[0](angles), drawn[1](angles))


def test_weights_and_code_tell_networks_apart(digits) -> None:
    model, negated, heavier = own(), own(), own()
    negated.sign = -1
    with torch.no_grad():
        heavier.head.bias += 1e-6
    with pytest.raises(ConfigError, match="models: Own-0 and Own-1 are the same network; give it once"):
        sqnn.noise_sweep([model, by_hand(model, "paper")], digits, **HERE)
    assert sqnn.noise_sweep([model, negated, heavier], digits, strength=0, **HERE).fingerprint.nunique() == 3


class Small(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, 6), ReuploadLayer(2, 2), nn.Linear(2, 10))


def front_end(digits, seed: int = 1) -> SpikingQuantum:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        spikes = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), Leaky(), nn.Linear(12, 8), Leaky(output=True))
    options = {"entangler": "0-1,2-1", "entangling_gate": "crz", "observable": "Z, Z0 Z2"}
    return SpikingQuantum(spikes, digits, timesteps=5, pool="mean-membrane", n_qubits=3, **options)


def test_a_quantum_head_on_a_front_end_is_swept(digits) -> None:
    model, few = front_end(digits), digits.subset(test=20)
    frame = sqnn.noise_sweep(model, digits, "amplitude-damping", (0, 0.4), **HERE)
    for row, strength in zip(frame.to_dict("records"), (0, 0.4), strict=True):
        expected = sqnn.evaluate(model.with_noise(f"amplitude-damping:{strength}"), few, progress=False)
        assert row["accuracy"] == pytest.approx(expected.accuracy, abs=1e-6)
        assert row["loss"] == pytest.approx(expected.loss, rel=1e-5)
    assert frame.loss.nunique() == 2
    noisy = front_end(digits).with_noise("paper")
    with pytest.raises(ConfigError, match="SpikingQuantum-0 and SpikingQuantum-1 are the same network"):
        sqnn.noise_sweep([model, noisy], digits, **HERE)


CONFIG = """{"in_channels": 1, "image_size": [8, 8], "num_classes": 10, "channels": [2], "encoding": "phase", \
"timesteps": 8, "neuron": "if", "beta": 0.9, "learn_beta": false, "threshold": 1.0, "learn_threshold": false, \
"reset": "subtract", "detach_reset": false, "initial_membrane": 0.5, "surrogate": "atan", "readout": "membrane", \
"angle_scale": 3.141592653589793, "n_qubits": 2, "n_blocks": 2, "entangler": "ring", "initial": "uniform", \
"mlp": true, "mlp_hidden": [], "logit_scale": 5.0}"""


def test_tables_of_earlier_releases_know_their_networks_again() -> None:
    """What a fingerprint was made of, before networks had other options."""
    small = {"n_qubits": 2, "channels": (2,), "image_size": (8, 8)}
    assert PackedNetwork.pack(sqnn.create_model("sqdr-cnn", **small)).config == CONFIG
    other = sqnn.create_model("sqdr-cnn", **small, entangling_gate="cnot", data_scaling="added", observable="X")
    assert PackedNetwork.pack(other).unpack().config == other.config


@pytest.mark.slow
def test_runs_and_files_are_made_by_the_function(digits, tmp_path: Path) -> None:
    run = sqnn.fit(Small(), digits, out=tmp_path / "run", epochs=1, seed=4, progress=False)
    options = {**HERE, "noise": "depolarizing", "strength": (0, 0.2)}
    frame = sqnn.noise_sweep(run, digits, **options)
    assert frame.seed.tolist() == [4, 4]
    file = run.folder / "model.safetensors"
    assert_same_rows(sqnn.noise_sweep(file, digits, model=Small, **options), frame.frame.assign(model=str(file)))
    ours = sqnn.create_model("sqdr-cnn", digits, channels=(2,))
    both = sqnn.noise_sweep([run.folder, ours], digits, model=Small, **options)
    assert both.model.tolist() == [str(run.folder)] * 2 + ["sqdr-cnn-1"] * 2
    assert both.loss[:2].tolist() == frame.loss.tolist()
    with pytest.raises(ConfigError, match=r"models: .*safetensors holds a network of your own, .*:Small, and no code"):
        sqnn.noise_sweep(run.folder, digits, **HERE)


class Beside(Own):
    """A network that keeps a second way to its circuit, which no copy of it can know."""

    def __init__(self) -> None:
        super().__init__()
        circuit = self.other
        self.way = lambda angles: circuit(angles)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(torch.cat([self.way(images.flatten(1)[:, :9])] * 2, 1))


class Written(Own):
    """A network with a circuit that has its noise written in it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = QuantumLayer(qml.BasicEntanglerLayers, n_qubits=2)


class Unused(Own):
    def forward(self, images: Tensor) -> Tensor:
        return self.head(images.flatten(1)[:, :6])


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Beside(), {}, "models: got Beside, whose forward reaches a circuit beside the modules that hold it"),
        (Written(), {}, "models: got Written with a QuantumLayer, whose noise is written in its circuit"),
        (Unused(), {}, "models: got Unused, whose forward calls no circuit"),
        (own(), {"engine": "runtime", "shots": 5}, "engine: got runtime for Own, expected a network of the package"),
        (
            own(n_qubits=4),
            {"noise": "torino"},
            "noise: torino is other noise for each of the 2 sorts of circuits in Own",
        ),
        (own(n_qubits=4), {"noise": "depolarizing:0.1,wires=3"}, "wires: got 3 in "),
    ],
)
def test_what_noise_could_not_reach_is_refused(digits, model: nn.Module, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        sqnn.noise_sweep(model, digits, **{"strength": 1, **HERE, **options})
    assert "\n" not in str(caught.value)
