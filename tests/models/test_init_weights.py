"""A network that begins with another's weights: all of them, or one line that says which do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toys import register

import sqnn
from sqnn.models import ModelFileError, init_weights

SIZES = {"image_size": (4, 4), "num_classes": 3}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def network(seed: int, name: str = "toy", **options) -> torch.nn.Module:
    """A network whose batch norm has seen images, as that of a trained one has."""
    model = sqnn.create_model(name, seed=seed, **{**SIZES, **options})
    model(torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(seed)))
    return model


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("activation", ["relu", "qcfs"])
def test_all_tensors_come_over(tmp_path: Path, activation: str) -> None:
    source, model = (network(seed, activation=activation) for seed in (1, 2))
    if activation == "qcfs":
        source.layers[2].set_threshold(0.7)
    init_weights(model, sqnn.save_model(source, tmp_path / "source.safetensors"))
    for name, tensor in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
    assert model.training


def test_thresholds_that_the_source_lacks_stay_as_they_are(tmp_path: Path) -> None:
    source, model = network(1), network(2, activation="qcfs")
    before = state(model)
    init_weights(model, sqnn.save_model(source, tmp_path / "source.safetensors"))
    after = state(model)
    thresholds = after.keys() - source.state_dict().keys()
    assert thresholds == {"layers.2.raw_threshold", "layers.4.raw_threshold"}
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name] if name in thresholds else source.state_dict()[name]), name


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ({"name": "other-toy"}, {}, "path: got other-toy in FILE, expected toy"),
        ({"width": 5}, {}, "path: FILE is of another architecture: layers.1.bias has shape [5], expected [6]"),
        ({"num_classes": 4}, {}, "path: FILE is of another architecture: layers.5.bias has shape [4], expected [3]"),
        ({"activation": "qcfs"}, {}, "path: FILE is of another architecture: layers.2.raw_threshold is unknown here"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path: Path, source, target, expected: str) -> None:
    path = sqnn.save_model(network(1, **source), tmp_path / "source.safetensors")
    model = network(2, **target)
    before = state(model)
    with pytest.raises(ModelFileError) as caught:
        init_weights(model, path)
    assert str(caught.value) == expected.replace("FILE", str(path))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_only_thresholds_of_qcfs_may_be_missing(tmp_path: Path) -> None:
    """A learned threshold of a spiking neuron has the same name, and no start that a file without it would mean."""
    small = {"image_size": (8, 8), "channels": (2, 3), "n_qubits": 3}
    path = sqnn.save_model(sqnn.create_model("sqdr-cnn", **small), tmp_path / "source.safetensors")
    learned = sqnn.create_model("sqdr-cnn", learn_threshold=True, **small)
    with pytest.raises(ModelFileError, match=r"another architecture: it lacks .*raw_threshold"):
        init_weights(learned, path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    source = network(1)
    with torch.no_grad():
        source.layers[1].bias[0] = torch.nan
    with pytest.raises(ModelFileError, match=r"is damaged: layers\.1\.bias has NaN"):
        init_weights(network(2), sqnn.save_model(source, tmp_path / "nan.safetensors"))
    with pytest.raises(ModelFileError, match="path: no file"):
        init_weights(network(2), tmp_path)
