"""`sqnn convert`: its numbers are those of the Python calls, its files are read by the other commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from classical_networks import build, settled

import sqnn
from sqnn.cli import main
from sqnn.conversion import convert, convert_rate, load_spiking, verify
from sqnn.metrics import count_operations, score

IMAGES = 30
SIZES = {"in_channels": 1, "num_classes": 10}
C = f"convert qcfs.safetensors --images {IMAGES} --no-progress"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks of activations with levels, of ReLUs and max pools, and a hybrid; a converted one."""
    place = tmp_path_factory.mktemp("convert")
    qcfs = settled(build("resnet20", activation="qcfs", timesteps=3, initial_threshold=2.0, **SIZES)).float()
    sqnn.save_model(qcfs, place / "qcfs.safetensors", [f"digit {k}" for k in range(10)])
    sqnn.save_model(build("vgg11", pooling="max", dropout=0.5, **SIZES), place / "relu.safetensors")
    sqnn.save_model(build("vgg11", activation="qcfs", timesteps=2, pooling="max", **SIZES), place / "max.safetensors")
    data = sqnn.load_data("digits")
    sqnn.save_model(sqnn.create_model("sqdr-cnn", data, channels=(2, 3), n_qubits=3), place / "hybrid.safetensors")
    sqnn.conversion.save_spiking(convert(qcfs), place / "spiking.safetensors")
    return place


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def told(line: str) -> dict:
    assert main([*line.split(), "--json", "told.json"]) == 0
    return json.loads(Path("told.json").read_text())


@pytest.mark.parametrize("precision", ["single", "double"])
def test_numbers_are_those_of_python(precision: str, capsys) -> None:
    found = told(f"{C} --verify --precision {precision}")
    model = sqnn.load_model("qcfs.safetensors").to(torch.float64 if precision == "double" else torch.float32)
    part = sqnn.load_data("digits").test.take(slice(IMAGES))
    spiking = convert(model)
    ordinary, spent = count_operations(spiking, part.floats())
    report = verify(model, spiking, part)
    assert found["source"] == {**score(model, part).to_dict(), "operations": ordinary.to_dict()}
    assert found["spiking"] == {**score(spiking, part).to_dict(), "operations": spent.to_dict()}
    assert found["verification"] == json.loads(json.dumps(report.to_dict()))
    assert (found["images"], found["timesteps"], found["method"]) == (IMAGES, 3, "exact")
    printed = capsys.readouterr().out
    assert str(report) in printed
    assert all(layer.layer in printed for layer in report.layers)
    assert f"{spent.energy('int32') / 1000:,.1f}" in printed


def test_double_precision_proves(capsys) -> None:
    found = told(f"{C} --verify --precision double --fold-batch-norm")["verification"]
    assert (found["exact"], found["mismatches"], found["precision"], found["order"]) == (True, 0, "float64", "layer")
    assert found["bits"] == IMAGES * 3 * sum(layer["neurons"] for layer in found["layers"])
    assert f"exact: 0 of {found['bits']:,} bits differ, 0 of {IMAGES} predictions changed" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["qcfs-rate", "max", "percentile"])
def test_rates_are_those_of_python(method: str) -> None:
    found = told(f"{C} --method {method} --timesteps 5 --order step")
    model, data = sqnn.load_model("qcfs.safetensors"), sqnn.load_data("digits")
    name = "learned" if method == "qcfs-rate" else method
    spiking = convert_rate(model, 5, thresholds=name, images=data.train.floats(slice(500))).using("step")
    expected = score(spiking, data.test.take(slice(IMAGES)))
    assert (found["spiking"]["accuracy"], found["spiking"]["spikes"]) == (expected.accuracy, expected.spikes)
    assert found["verification"] is None


def test_what_it_writes_is_evaluated_counted_and_asked() -> None:
    found = told(f"{C} --planes 2 --out deep/two.safetensors")
    assert load_spiking("deep/two.safetensors").timesteps == found["timesteps"] == 2
    score_of = told("evaluate deep/two.safetensors --no-progress")
    assert score_of["images"] == 359
    whole = score(load_spiking("deep/two.safetensors"), sqnn.load_data("digits").test)
    assert score_of["accuracy"] == pytest.approx(whole.accuracy)
    assert told("count deep/two.safetensors")["spiking"] == sqnn.count(sqnn.load_model("qcfs.safetensors")).total
    np.save("images.npy", np.random.default_rng(0).random((3, 8, 8)))
    asked = told("predict deep/two.safetensors images.npy")
    assert asked["classes"][7] == "digit 7"
    images = torch.from_numpy(np.load("images.npy")).float().unsqueeze(1)
    assert torch.allclose(
        torch.tensor(asked["probabilities"]),
        load_spiking("deep/two.safetensors")(images).softmax(-1),
        atol=1e-6,
        rtol=0,
    )


def errors(line: str, capfd) -> list[str]:
    assert main(line.split()) == 2
    lines = capfd.readouterr().err.splitlines()
    assert all(text.startswith("sqnn: ") for text in lines)
    return [text.removeprefix("sqnn: ") for text in lines]


def test_every_problem_has_its_line_and_the_last_is_the_fix(capfd) -> None:
    *problems, fix = errors("convert relu.safetensors", capfd)
    model = sqnn.load_model("relu.safetensors")
    kinds = {name: type(part).__name__ for name, part in model.named_modules()}
    wrong = [f"{name}: {kind}" for name, kind in kinds.items() if kind == "ReLU"]
    assert [" ".join(problem.split()[:2]) for problem in problems] == wrong
    assert fix.startswith("to fix it: sqnn train --init relu.safetensors --model vgg11 ")
    words = fix.removeprefix("to fix it: sqnn ").split(" trains it on")[0]
    assert "--width-multiplier 0.125" in words
    assert "--dropout 0.5" in words
    assert "--pooling max" in words  # pools stay what they are
    assert words.endswith("--activation qcfs --timesteps 4 --data digits")
    assert main([*words.split(), "--epochs", "1", "--no-progress", "--out", "fixed"]) == 0
    assert main(["convert", "fixed", "--images", "5", "--no-progress"]) == 0


def test_a_relu_network_converts_by_rate() -> None:
    relu = sqnn.save_model(build("vgg11", **SIZES), "average.safetensors")
    assert told(f"convert {relu} --method max --timesteps 4 --images 5 --no-progress")["timesteps"] == 4


def test_max_pools_are_converted_exactly_and_fixed_for_rates(capfd) -> None:
    found = told("convert max.safetensors --images 20 --verify --precision double --no-progress")
    assert found["verification"]["exact"]
    capfd.readouterr()
    *problems, fix = errors("convert max.safetensors --method qcfs-rate --timesteps 4", capfd)
    assert problems
    assert all("MaxPool2d" in problem and 'pools="average"' in problem for problem in problems)
    assert "--activation qcfs --timesteps 2 " in fix
    assert "--pooling" not in fix


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("convert missing", "path: no file missing"),
        ("convert hybrid.safetensors", "model: got SQDRCNN, which spikes already"),
        ("convert spiking.safetensors", "path: got spiking.safetensors, a network that is converted already"),
        (f"{C} --method bogus", "method: got 'bogus', expected one of exact, qcfs-rate, max, percentile"),
        (f"{C} --method max", "timesteps: got none, expected a number of time steps with method max"),
        (f"{C} --method max --timesteps 0", "timesteps: got 0, expected a whole number from 1"),
        (f"{C} --method max --timesteps 3 --planes 2", "planes: got 2, expected none with method max"),
        (f"{C} --method max --timesteps 3 --fold-batch-norm", "fold_batch_norm: got True, expected false"),
        (f"{C} --method max --timesteps 3 --verify", "verify: got 'max', expected a conversion of"),
        (f"{C} --timesteps 3", "timesteps: got 3, expected none with method exact"),
        (f"{C} --planes 4", "planes: got 4, expected a whole number from 1 to the network's 3"),
        (f"{C} --planes 2 --verify", "verify: got 'exact, 2 time steps', expected a conversion of method exact with"),
        (f"{C} --planes 2 --order fused", "order: got 'fused', which needs the exact conversion"),
        (f"{C} --order step", "order: got 'step', but postponed neurons"),
        (f"{C} --out qcfs.safetensors", "out: got 'qcfs.safetensors', expected another file than the network"),
        (f"{C} --json qcfs.safetensors", "json: got 'qcfs.safetensors', expected another file than the network"),
        (f"{C} --out spikes.txt", "out: got 'spikes.txt', expected a name that ends on .safetensors"),
        (f"{C} --order bogus", "order: got 'bogus', expected one of layer, step, fused"),
        (f"{C} --precision half", "precision: got 'half', expected one of single, double"),
        (f"{C} --split bogus", "split: got 'bogus', expected one of train, validation, test"),
        (f"{C} --data bogus", "data: got 'bogus', expected one of digits"),
        (f"{C} --out .", "out: . is a folder, expected the name of a file"),
        ("convert qcfs.safetensors --images 360", "images: got 360, expected from 1 to the 359 of digits, test"),
        ("convert qcfs.safetensors --images 0", "images: got 0, expected a whole number of at least 1"),
        ("evaluate spiking.safetensors --noise torino", "noise: got 'torino', expected a network with a quantum"),
        ("count spiking.safetensors --draw", "draw: got True, expected a network with a quantum circuit"),
        ("train --init spiking.safetensors --model resnet20 --out new", "it is of format sqnn-spiking-1"),
    ],
)
def test_a_mistake_is_one_line(line: str, expected: str, capfd) -> None:
    (message,) = errors(line, capfd)
    assert expected in message
