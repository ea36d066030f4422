"""A network with a circuit of one's own, and the options of the package's: trained, counted, stored, refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import pennylane as qml
import pytest
import torch

import sqnn
from circuits import QuantumLayer, ReuploadLayer
from sqnn.models import OwnCircuitSQDRCNN, SQDRCNNConfig


def circuit(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.BasicEntanglerLayers(weights, wires=range(2))


def make() -> sqnn.models.Network:
    layer = QuantumLayer(circuit, {"weights": (1, 2)}, 2, observable="Z, X0")
    return sqnn.create_model("sqdr-cnn", SHAPE, circuit=layer, channels=(2,))


class Shape:
    in_channels, image_size, num_classes = 1, (8, 8), 3


SHAPE = Shape()


def test_a_network_reads_its_circuit_and_shares_its_weights() -> None:
    model = make()
    assert isinstance(model, OwnCircuitSQDRCNN)
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    angles = model.angles(images)
    assert angles.shape == (4, 2)
    assert torch.allclose(model(images), model.head(model.circuit(angles)))
    counts = sqnn.count(model)
    assert (counts.quantum, counts.quantum_effective, counts.classical) == (2, 2, 3 * 3 + 3)
    loss = model(images).square().sum()
    (gradient,) = torch.autograd.grad(loss, model.circuit.weights["weights"])
    assert gradient.abs().min() > 0


def test_a_front_end_of_ones_own_takes_it_too() -> None:
    layer = make().circuit
    model = sqnn.models.SpikingQuantum(torch.nn.Flatten(), SHAPE, circuit=layer)
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert model.circuit is layer
    assert torch.allclose(model(images), model.head(layer(model.angles(images))))
    assert (model.angles(images).shape[1], model.head[0].in_features) == (2, 3)
    with pytest.raises(sqnn.core.ConfigError, match="n_blocks: got 3 beside circuit, which has its own"):
        sqnn.models.SpikingQuantum(torch.nn.Flatten(), SHAPE, circuit=layer, n_blocks=3)


def test_a_file_holds_its_weights_and_no_circuit(tmp_path: Path) -> None:
    model = make()
    path = sqnn.save_model(model, tmp_path / "own.safetensors")
    model.circuit.weights["weights"].data.zero_()
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    other = sqnn.load_model(path, make)
    assert not torch.equal(other(images), model.eval()(images))
    assert torch.equal(other(images), make().eval()(images))
    with pytest.raises(ValueError, match=r"holds a network of your own.*and no code"):
        sqnn.load_model(path)


@pytest.mark.slow
def test_it_is_trained_as_a_network_of_ones_own(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = (torch.rand(24, 8, 8, generator=generator) * 255).to(torch.uint8)
    data = sqnn.ImageData.from_arrays(pictures, torch.arange(24) % 3, name="noise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = sqnn.fit(make(), data, epochs=1, batch_size=8, out=tmp_path / "run", progress=False)
    again = sqnn.training.Run.load(tmp_path / "run", make)
    images = data.test.floats()
    assert torch.equal(again.model.eval()(images), run.model.eval()(images))


def test_entanglers_gates_factors_and_observables_are_stored(tmp_path: Path) -> None:
    options = {"n_qubits": 3, "entangler": [(0, 1), (2, 1)], "observable": ["Z", "X0 Y2"], "channels": (2,)}
    model = sqnn.create_model("sqdr-cnn", SHAPE, **options, entangling_gate="crz", data_scaling="block")
    assert (model.config.entangler, model.config.observable) == ("0-1,2-1", "Z, X0 Y2")
    assert SQDRCNNConfig.from_yaml(model.config.to_yaml()) == model.config
    model.circuit.scales.data.add_(0.3)
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    other = sqnn.load_model(sqnn.save_model(model, tmp_path / "model.safetensors"))
    assert torch.equal(other(images), model.eval()(images))
    counts = sqnn.count(model)
    # 18 weights, 18 factors, 2 angles; of 3 wires the closing RZ of wire 1 and the first RZs are dead.
    assert (counts.quantum, counts.quantum_effective, counts.classical) == (38, 38 - 1 - 3, 4 * 3 + 3)


def test_files_of_the_last_release_are_read() -> None:
    old = {"n_qubits": 3, "n_blocks": 2, "entangler": "brick", "engine": "lightcone"}
    config = SQDRCNNConfig.from_dict(old)
    assert (config.entangling_gate, config.data_scaling, config.observable) == ("cz", "none", "Z")


LAYER = ReuploadLayer(2, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"circuit": circuit}, "circuit: got <function circuit.*expected a layer: circuits.QuantumLayer"),
        ({"circuit": LAYER, "n_qubits": 3}, "n_qubits: got 3 beside circuit, which has its own; leave it out"),
        ({"circuit": LAYER, "noise": "paper"}, "noise: got 'paper' beside circuit"),
        ({"circuit": LAYER, "mlp": False}, "n_qubits: got 2, expected at least num_classes = 3 where mlp is off"),
        ({"entangler": "0-9"}, r"entangler: got the pair \(0, 9\), expected wires below n_qubits = 9"),
        ({"observable": "Z0 Z9"}, "observable: got 'Z0 Z9', expected each wire once, and wires below n_qubits = 9"),
        ({"observable": "Z0", "mlp": False}, "expected at least num_classes = 3 where mlp is off"),
    ],
)
def test_what_does_not_fit_is_one_line(options: dict, message: str) -> None:
    with pytest.raises(sqnn.core.ConfigError, match=message) as caught:
        sqnn.create_model("sqdr-cnn", SHAPE, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_other_networks_have_no_circuit() -> None:
    with pytest.raises(sqnn.core.ConfigError, match="circuit: got ReuploadLayer for vgg11, expected it for sqdr-cnn"):
        sqnn.create_model("vgg11", SHAPE, circuit=LAYER)
    with pytest.raises(ValueError, match="noise: got 'paper', expected None: a circuit of one's own"):
        make().with_noise("paper")
