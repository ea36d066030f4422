"""The commands on networks without a quantum circuit: they do what they do for others, and refuse what needs one."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.testing import assert_close

import sqnn
from sqnn.cli import main
from sqnn.training import Classifier, TrainingConfig

SIZES = {"width": 2, "depth": 1, "hidden": (8,)}
SMALL = ("--model", "has8-vgg", "--width", "2", "--depth", "1", "--hidden", "8", "--batch-size", "256")
TRAIN = ("train", *SMALL, "--epochs", "1", "--no-progress", "--accelerator", "cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a finished run `run` on the digits, and the network in it beside it, as `alone.safetensors`."""
    folder = tmp_path_factory.mktemp("hybrid")
    assert main([*TRAIN, "--out", str(folder / "run"), "--json", str(folder / "run.json")]) == 0
    shutil.copy(folder / "run" / "model.safetensors", folder / "alone.safetensors")
    np.save(folder / "images.npy", sqnn.load_data("digits").test.floats(slice(30)).numpy())
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return sqnn.load_model(folder / "model.safetensors").state_dict()


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_train_is_fit(here: Path, tmp_path) -> None:
    """The command trains the network that the library builds, with the network's own learning rate."""
    data = sqnn.load_data("digits")
    model = sqnn.create_model("has8-vgg", data, **SIZES)
    run = sqnn.fit(model, data, out=tmp_path / "run", epochs=1, batch_size=256, progress=False)
    assert_same_weights(Path("run"), tmp_path / "run")
    stored = [yaml.safe_load((folder / "settings.yaml").read_text()) for folder in (Path("run"), run.folder)]
    assert stored[0]["training"] == stored[1]["training"]
    own = type(model).training_defaults["learning_rate"]
    assert stored[0]["training"]["learning_rate"] == own != TrainingConfig().learning_rate
    assert stored[0]["config"]["hidden"] == [8]


def test_what_the_user_gives_goes_before_what_the_network_states(tmp_path) -> None:
    assert main([*TRAIN, "--learning-rate", "0.02", "--seed", "3", "--out", str(tmp_path / "run")]) == 0
    stored = yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())["training"]
    assert (stored["learning_rate"], stored["seed"]) == (0.02, 3)


@pytest.mark.parametrize("path", ["run", "alone.safetensors"])
def test_evaluate_repeats_the_runs_own_test_number(here: Path, tmp_path, capsys, path: str) -> None:
    assert main(["evaluate", path, "--no-progress", "--json", str(tmp_path / "s.json")]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    assert "circuit" not in printed
    stored, score = json.loads(Path("run.json").read_text()), json.loads((tmp_path / "s.json").read_text())
    assert score["circuit"] is None
    assert score["confusion"] == stored["confusion"]
    assert score["loss"] == pytest.approx(stored["test_loss"], abs=1e-5)


def test_predict_tells_the_networks_probabilities(here: Path, tmp_path) -> None:
    assert main(["predict", "run", "images.npy", "--json", str(tmp_path / "p.json")]) == 0
    written = torch.tensor(json.loads((tmp_path / "p.json").read_text())["probabilities"])
    images = torch.from_numpy(np.load("images.npy"))
    assert_close(written, sqnn.predict(sqnn.load_model("run/model.safetensors"), images), atol=1e-6, rtol=0)


def test_count_takes_options_or_a_run(here: Path, tmp_path) -> None:
    counts = []
    sizes = [*SMALL[:-2], "--image-size", "8x8"]
    (tmp_path / "c.yaml").write_text("model: has8-vgg\nwidth: 2\ndepth: 1\nhidden: [8]\nimage-size: [8, 8]\n")
    for arguments in (["run"], sizes, ["--config", str(tmp_path / "c.yaml")]):
        assert main(["count", *arguments, "--json", str(tmp_path / "c.json")]) == 0
        written = json.loads((tmp_path / "c.json").read_text())
        counts.append({name: value for name, value in written.items() if name != "model"})
    assert counts == [json.loads(Path("run.json").read_text())["parameters"]] * 3
    assert counts[0]["quantum"] == counts[0]["quantum_effective"] == 0
    assert counts[0]["spiking"] > 0
    assert counts[0]["classical"] > 0
    total = sum(p.numel() for p in sqnn.load_model("run/model.safetensors").parameters())
    assert counts[0]["total"] == counts[0]["effective"] == total


def test_a_run_interrupted_in_its_second_epoch_ends_as_if_undisturbed(tmp_path, monkeypatch) -> None:
    """The running ranges of the encoders go on from the checkpoint, as the weights do."""
    steps = []

    def step(self: Classifier, batch: object, index: int) -> torch.Tensor:
        steps.append(index)
        if len(steps) == 7:  # 1,258 images are five batches an epoch
            signal.raise_signal(signal.SIGINT)
        return real(self, batch, index)

    real = Classifier.training_step
    two = [*TRAIN, "--epochs", "2", "--out"]
    with monkeypatch.context() as patched:
        patched.setattr(Classifier, "training_step", step)
        assert main([*two, str(tmp_path / "run")]) == 130
    assert main(["train", "--resume", str(tmp_path / "run"), "--no-progress", "--accelerator", "cpu"]) == 0
    assert main([*two, str(tmp_path / "undisturbed")]) == 0
    assert_same_weights(tmp_path / "run", tmp_path / "undisturbed")


NONE = "expected a network with a quantum circuit (a ReuploadLayer or QuantumLayer among its parts); has8-vgg has none"
MISTAKES = [
    ("evaluate run --noise torino", f"noise: got 'torino', {NONE}"),
    ("evaluate run --noise none", f"noise: got 'none', {NONE}"),
    ("evaluate alone.safetensors --engine pennylane", f"engine: got 'pennylane', {NONE}"),
    ("evaluate run --shots 100", f"shots: got 100, {NONE}"),
    ("noise-sweep run", f"models: got 'run', {NONE}"),
    ("noise-sweep alone.safetensors --data digits", f"models: got 'alone.safetensors', {NONE}"),
    ("count run --draw", f"draw: got True, {NONE}"),
    ("count --model has8-vgg --draw", f"draw: got True, {NONE}"),
    (
        "train --model has8-vgg --out new --n-qubits 4",
        "n_qubits: is an option of sqdr-cnn, sqdr-separable, serial-sqnn, ppf-qsnn, sqdr-twin, and has8-vgg has none "
        "such; it has ",
    ),
    (
        "train --model sqdr-cnn --out new --hidden 8",
        "hidden: is an option of has8-vgg, snn-mlp, and sqdr-cnn has none such",
    ),
    (
        "count --model has8-vgg --noise torino",
        "noise: is an option of sqdr-cnn, sqdr-separable, serial-sqnn, ppf-qsnn, sqdr-twin, and",
    ),
    (
        "count --model has8-resnet --hidden 8",
        "hidden: is an option of has8-vgg, snn-mlp, and has8-resnet has none such",
    ),
    ("train --model has8-vgg --out new --hidden 8,x", "hidden: got '8,x', expected whole numbers with commas"),
    ("train --model has8-vgg --out new --hidden 0", "hidden: got 0, expected a whole number of at least 1"),
    ("train --resume run", "run: run has finished; there is nothing to resume"),
    ("predict run missing.png", "path: no file 'missing.png'"),
]


@pytest.mark.parametrize(("line", "expected"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(line: str, expected: str, here: Path, capfd) -> None:
    before = sorted(path.as_posix() for path in here.rglob("*"))
    assert main(line.split()) == 2
    printed, error = capfd.readouterr()
    assert printed == ""
    assert error.startswith("sqnn: ")
    assert error.count("\n") == 1
    assert expected in error
    assert sorted(path.as_posix() for path in here.rglob("*")) == before, "the mistake left something behind"


def test_a_noise_sweep_refuses_the_network_itself() -> None:
    data = sqnn.load_data("digits")
    with pytest.raises(ValueError, match=re.escape(f"models: got 'has8-vgg', {NONE}")):
        sqnn.noise_sweep(sqnn.create_model("has8-vgg", data, **SIZES), data)
