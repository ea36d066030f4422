"""A network's file comes back bit by bit, and what is no such file is refused in one line."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

import sqnn
from sqnn.core import ConfigError, RecordWarning
from sqnn.metrics import score
from sqnn.models import ModelFileError, init_weights, read_header, require_circuit
from sqnn.models.saving import load_weights

OPTIONS = {"image_size": (8, 8), "channels": (3, 4), "n_qubits": 4, "num_classes": 3, "neuron": "lif"}


def network(**options) -> torch.nn.Module:
    model = sqnn.create_model("sqdr-cnn", seed=7, **{**OPTIONS, **options})
    model(torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    return model.eval()


def refuse(path: Path, expected: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        sqnn.load_model(path)
    message = str(caught.value)
    assert re.search(expected, message), message
    assert message.startswith("path: ")
    assert len(message.splitlines()) == 1


def write(path: Path, model: torch.nn.Module, header: dict[str, str] | None) -> Path:
    safetensors.torch.save_file(model.state_dict(), path, header)
    return path


def header_of(model: torch.nn.Module, **changes: object) -> dict[str, str]:
    config = {**model.config.to_dict(), **changes}
    return {"format": "sqnn-model-1", "model": "sqdr-cnn", "config": json.dumps(config), "classes": "[]"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"learn_beta": True, "learn_threshold": True, "mlp_hidden": (5,)}])
def test_a_network_comes_back_bit_by_bit(tmp_path: Path, options: dict, dtype: torch.dtype) -> None:
    model = network(**options).to(dtype)
    path = sqnn.save_model(model, tmp_path / "deep" / "er" / "model.safetensors", ["a", "b", "c"])
    read = sqnn.load_model(path)
    assert read.config == model.config
    assert not read.training
    assert read.state_dict().keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name
        assert read.state_dict()[name].dtype == tensor.dtype
    images = torch.rand(4, 1, 8, 8, dtype=dtype)
    assert torch.equal(read(images), model(images))
    assert read_header(path)["classes"] == ["a", "b", "c"]


def test_a_runs_folder_stands_for_its_network(tmp_path: Path) -> None:
    model, other = network(), sqnn.create_model("sqdr-cnn", seed=8, **OPTIONS)
    sqnn.save_model(model, tmp_path / "run" / "model.safetensors")
    init_weights(other, tmp_path / "run")
    for read in (other, sqnn.load_model(tmp_path / "run"), sqnn.load_model(str(tmp_path / "run"))):
        assert all(torch.equal(read.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    refuse(tmp_path, "path: no file .*model.safetensors")
    with pytest.raises(ConfigError, match="path: got 5, expected a path"):
        sqnn.load_model(5)


class Trained:
    """As a run is: it has a network."""

    model = torch.nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("sqdr-cnn", r"got str, expected a network; create_model\('sqdr-cnn', data\) gives one"),
        ("sqdr-cn", r"got str, expected a network; create_model\('sqdr-cn', data\) gives one"),
        ("runs/x", r"got str, expected a network; such as Run.load\('runs/x'\).model"),
        (Path("first"), r"got PosixPath, expected a network; such as Run.load\('first'\).model"),
        ("a.safetensors", r"got str, expected a network; such as load_model\('a.safetensors'\)"),
        (Trained(), r"got Trained, expected a network; such as trained.model"),
        (3, r"got int, expected a network; such as create_model gives"),
    ],
)
def test_what_is_no_network_says_where_one_is(tmp_path: Path, value: object, hint: str) -> None:
    data = sqnn.load_data("digits")
    calls = [
        lambda: sqnn.count(value),
        lambda: sqnn.predict(value, torch.zeros(1, 1, 8, 8)),
        lambda: sqnn.evaluate(value, data),
        lambda: sqnn.fit(value, data),
        lambda: sqnn.save_model(value, tmp_path / "a.safetensors"),
        lambda: init_weights(value, sqnn.save_model(network(), tmp_path / "stored.safetensors")),
        lambda: require_circuit(value, "noise", "paper"),
        lambda: score(value, data.test),
    ]
    if isinstance(value, Trained):  # which stands for its network where that is measured
        calls = calls[3:7]
    for call in calls:
        with pytest.raises(ConfigError, match=f"^(model|network): {hint}$"):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["stored.safetensors"]


def test_a_path_before_the_network_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="path: got SQDRCNN, expected a path; the network comes first"):
        sqnn.save_model(tmp_path / "a.safetensors", network())


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    whole = sqnn.save_model(network(), tmp_path / "model.safetensors").read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in (0, 1, 7, 8, 9, 100, 1000, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:length])
        refuse(cut, "cut.safetensors is not a whole safetensors file")


def test_a_network_with_a_weight_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """Behind a silent neuron it would go unnoticed: a NaN membrane never fires."""
    model = network()
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] = torch.nan
    refuse(sqnn.save_model(model, tmp_path / "nan.safetensors"), "has NaN or infinite values")


def test_other_files_are_refused(tmp_path: Path) -> None:
    refuse(
        tmp_path / "none",
        "no file .*none, expected a run's folder or a network's file; check the spelling and the current folder",
    )
    (tmp_path / "short").write_bytes(b"abc")
    refuse(
        tmp_path / "short",
        "short is no safetensors file, .*its beginning is no header.; give a run's folder, or a network's file, such",
    )
    refuse(tmp_path, "no file")
    (tmp_path / "text").write_text("hello, this is no network at all")
    refuse(tmp_path / "text", "text is no safetensors file, or no whole one")
    (tmp_path / "text.safetensors").write_text("hello, this is no network at all")
    refuse(tmp_path / "text.safetensors", r"not a whole safetensors file \(its beginning is no header\); restore it")
    whole = sqnn.save_model(network(), tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "magic").write_bytes(b"\xff" * 8 + whole[8:])
    refuse(tmp_path / "magic", "no whole one .its header announces")
    torch.save(network().state_dict(), tmp_path / "torch.pt")
    refuse(tmp_path / "torch.pt", "is no safetensors file")


class Payload:
    """Unpickling this runs a command."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    target = tmp_path / "executed"
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Payload(target)))
    refuse(tmp_path / "model.safetensors", "not a whole safetensors file")
    torch.save(Payload(target), tmp_path / "model.pt")
    refuse(tmp_path / "model.pt", "is no safetensors file")
    assert not target.exists()
    pickle.loads((tmp_path / "model.safetensors").read_bytes())
    assert target.exists(), "the payload was no threat, so the test showed nothing"


def test_headers_that_name_no_network_of_ours_are_refused(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "file.safetensors"
    good = header_of(model)
    with pytest.warns(RecordWarning, match="file.safetensors carries no digest"):
        sqnn.load_model(write(path, model, good))
    refuse(write(path, model, None), "not a network of sqnn")
    refuse(write(path, model, {**good, "format": "sqnn-model-9"}), "not a network of sqnn")
    refuse(write(path, model, {**good, "model": "resnet"}), "model: got 'resnet', expected one of sqdr-cnn")
    refuse(write(path, model, {k: v for k, v in good.items() if k != "model"}), "damaged header .*model")
    refuse(write(path, model, {**good, "config": "{"}), "damaged header")
    for config in ("3", "null", "[1]", '"text"'):
        refuse(write(path, model, {**good, "config": config}), "configuration that builds no network")
    for classes in ("3", "null", "[1]", '{"a": 1}'):
        refuse(write(path, model, {**good, "classes": classes}), "damaged header .*classes")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"n_qubits": 0}, "builds no network .n_qubits: got 0, expected a whole number of at least 1"),
        ({"neuron": "hodgkin-huxley"}, "builds no network .neuron: got 'hodgkin-huxley'"),
        ({"threshold": 1e-4, "learn_threshold": True}, "builds no network .threshold"),
        ({"engine": "pennylane", "device": "no.device"}, "builds no network .device"),
        ({"surprise": 1}, "builds no network .surprise: .* has no such field"),
        ({"n_qubits": 5}, "another architecture: circuit.weights has shape .*expected"),
        ({"channels": [3]}, "another architecture: frontend.blocks.1.* is unknown here"),
        ({"mlp_hidden": [3]}, "another architecture: it lacks head.2"),
        ({"num_classes": 4}, "another architecture: head.0.bias has shape .3., expected .4."),
    ],
)
def test_weights_must_fit_the_configuration(tmp_path: Path, changes: dict, expected: str) -> None:
    model = network()
    refuse(write(tmp_path / "f", model, header_of(model, **changes)), expected)


def test_weights_of_another_architecture_change_nothing() -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ModelFileError, match="elsewhere is of another architecture"):
        load_weights(model, network(mlp_hidden=(4,)).state_dict(), "elsewhere")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("moment", ["write", "replace"])
def test_interrupted_writing_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = sqnn.save_model(network(), tmp_path / "model.safetensors")
    old = path.read_bytes()
    real = Path.write_bytes

    def half(self: Path, content: bytes) -> int:
        real(self, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    def no_replace(self: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error")

    if moment == "write":
        monkeypatch.setattr(Path, "write_bytes", half)
    else:
        monkeypatch.setattr(Path, "replace", no_replace)
    with pytest.raises(ModelFileError, match=r"cannot write .*(No space left|Input/output)"):
        sqnn.save_model(network(n_blocks=3), path)
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match=r"path: cannot write .*choose a writable folder"):
        sqnn.save_model(network(), tmp_path / "file" / "model.safetensors")
    with pytest.raises(ModelFileError, match="path: cannot write"):
        sqnn.save_model(network(), tmp_path)


@pytest.mark.parametrize("classes", [["one"], [str(k) for k in range(11)], list(range(10))])
def test_names_of_classes_are_none_or_one_for_each(tmp_path: Path, classes: list) -> None:
    model, path = network(), tmp_path / "file.safetensors"
    number = model.config.num_classes
    with pytest.raises(ConfigError, match=f"classes: got .*, expected {number} names, one for each class, or none"):
        sqnn.save_model(model, path, classes)
    assert not path.exists()
    if isinstance(classes[0], str):
        refuse(write(path, model, {**header_of(model), "classes": json.dumps(classes)}), "classes: got")


TWICE = """
import sys, torch, sqnn
from sqnn.conversion import convert, save_spiking
from sqnn.models import save_model
model = sqnn.create_model("sqdr-cnn", image_size=(8, 8), channels=(3, 4), n_qubits=4, num_classes=3)
source = sqnn.create_model("resnet20", image_size=(8, 8), activation="qcfs", timesteps=2, width_multiplier=0.25)
for number in range(3):
    save_model(model, f"{sys.argv[1]}-{number}.safetensors", ["none", "one", "\u4e8c"])
    save_spiking(convert(source), f"{sys.argv[1]}-spiking-{number}.safetensors")
"""


def test_equal_networks_have_equal_files(tmp_path) -> None:
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", TWICE, seed], cwd=tmp_path, env=environment, check=True)
    for kind in ("", "-spiking"):
        files = sorted(tmp_path.glob(f"[12]{kind}-[0-9].safetensors"))
        assert len(files) == 6
        assert len({file.read_bytes() for file in files}) == 1
    header = read_header(tmp_path / "1-0.safetensors")
    assert header["classes"] == ["none", "one", "\u4e8c"]
    with safetensors.safe_open(tmp_path / "1-0.safetensors", framework="pt") as opened:
        assert list(opened.metadata().items())  # the library reads them too
