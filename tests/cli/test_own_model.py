"""A network of a user's own on the command line: `--model module:function`."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import sqnn
from sqnn.cli import main

MODULE = """
from torch import nn

def make(width=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Dropout(0.2), nn.ReLU(), nn.Linear(width, 10))

def quantum():
    from circuits import ReuploadLayer
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 9), ReuploadLayer(3, 2), nn.Linear(3, 10))

def written():
    import pennylane as qml
    from circuits import QuantumLayer
    layer = QuantumLayer(qml.BasicEntanglerLayers, n_qubits=2)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2), layer, nn.Linear(2, 10))

def levels():
    from sqnn.conversion import QCFS
    maps = nn.Sequential(nn.Conv2d(1, 2, 3), QCFS(2), nn.MaxPool2d(2))
    return nn.Sequential(maps, nn.Flatten(), nn.Linear(2 * 3 * 4, 2))
"""
OWN = ["--model", "nets_of_a_test:make", "--model-options", "width=5"]


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets_of_a_test.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "nets_of_a_test", raising=False)
    return tmp_path


def test_a_constructor_that_raises_is_one_line(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--model", "nets_of_a_test:make", "--model-options", "width=-5", "--out", "run"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("sqnn: model: nets_of_a_test:make(width=-5) makes no network: RuntimeError in line 5 of ")
    assert said.endswith("give it arguments that it can take, or mend it")
    assert "\n" not in said
    assert not (nets / "run").exists()


def test_a_network_is_trained_and_measured(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", *OWN, "--epochs", "1", "--out", "run", "--accelerator", "cpu", "--no-progress"]
    assert main([*train, "--json", "train.json"]) == 0
    trained = json.loads((nets / "train.json").read_text())
    assert trained["model"] == "nets_of_a_test:make(width=5)"
    assert trained["parameters"]["total"] == 64 * 5 + 5 + 5 * 10 + 10
    assert main(["evaluate", "run", *OWN, "--json", "test.json", "--no-progress"]) == 0
    assert json.loads((nets / "test.json").read_text())["confusion"] == trained["confusion"]
    assert main(["count", "run", *OWN, "--json", "count.json"]) == 0
    assert json.loads((nets / "count.json").read_text())["total"] == 385
    assert main(["train", "--resume", "run", *OWN, "--json", "again.json"]) == 0
    assert json.loads((nets / "again.json").read_text())["test_accuracy"] == trained["test_accuracy"]
    capsys.readouterr()
    for command in ("evaluate run", "count run", "train --resume run --json x.json"):
        assert main(command.split()) == 2
        assert "of your own, nets_of_a_test:make(width=5), and " in capsys.readouterr().err
    assert main(["evaluate", "run", *OWN[:2]]) == 2
    assert "1.bias has shape [5], expected [4]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("count --model nowhere_at_all:make", "model: nowhere_at_all:make cannot be imported from"),
        ("count --model nets_of_a_test:other", "nets_of_a_test has no other; it has make, quantum, written, levels"),
        ("count --model nets_of_a_test:mak", "model: nets_of_a_test has no mak; did you mean 'make'?"),
        ("train --model nets_of_a_test.py:Make", "model: nets_of_a_test.py has no Make; did you mean 'make'?"),
        ("compare --models nets_of_a_test.py:Make", "model: nets_of_a_test.py has no Make; did you mean 'make'?"),
        ("count --model nets_of_a_test:make --model-options depth=2", "model: nets_of_a_test:make(depth=2) makes no"),
        ("count --model nets_of_a_test:make --model-options 2", "model_options: got '2', expected name=value"),
        ("count --model-options width=2", "model_options: got 'width=2', expected --model module:function"),
        ("count --model nets_of_a_test:MODULE", "model: nets_of_a_test has no MODULE; it has make"),
        ("train --model nets_of_a_test:make --n-qubits 3", "n_qubits: is of the package's networks"),
        ("evaluate run --model vit", "model: got 'vit', expected module:function"),
    ],
)
def test_a_mistake_is_one_line(words: str, message: str, nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1


EXITS = """
import sys
from torch import nn

class Exits(nn.Linear):
    def __init__(self, when):
        super().__init__(64, 10)
        self.when, self.calls = when, 0
        if when == 0:
            sys.exit(0)

    def forward(self, images):
        self.calls += 1
        if self.calls == self.when:
            raise SystemExit("enough")
        if self.when == "late" and self.calls > 20:
            raise KeyError("no such thing")
        return super().forward(images.flatten(1))

    def on_backward(self, gradient):
        sys.exit(4)

def backward():
    model = Exits(None)
    model.bias.register_hook(model.on_backward)
    return model
"""


@pytest.fixture
def exits(nets: Path) -> Path:
    (nets / "exits.py").write_text(EXITS)
    (nets / "exit_at_once.py").write_text("def make():\n    pass\n\nraise SystemExit")
    return nets


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model exit_at_once.py:make", "cannot be imported from .* .SystemExit in line 4 of .*exit_at_once.py "),
        (
            "--model exits.py:Exits --model-options when=0",
            r"makes no network: SystemExit in line 10 of .*exits.py \(0\)",
        ),
        (
            "--model exits.py:Exits --model-options when=1",
            r"model: its forward ends .* line 15 of .*py \(enough\); raise",
        ),
        (
            "--model exits.py:Exits --model-options when=9",
            r"model: its forward ends .* line 15 of .*py \(enough\); raise",
        ),
        ("--model exits.py:backward", r"SystemExit in line 21 of .*exits.py|fails \(SystemExit: 4\)"),
    ],
)
def test_own_code_that_exits_is_one_line(
    words: str, message: str, exits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = "train --epochs 2 --out run --accelerator cpu --no-progress"
    assert main([*train.split(), *words.split()]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert re.search(message, told[0])


def test_own_code_that_exits_in_a_comparison_leaves_the_others(exits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = "--models exits=exits.py:Exits:when=12,other=exits.py:Exits:when=-1"
    line = f"compare {models} --epochs 1 --seeds 1 --workers 0 --no-progress --out compared"
    assert main(line.split()) == 2
    printed = capsys.readouterr()
    assert "the cell exits on digits, 1,258 images, seed 0 failed (model: its forward ends the program:" in printed.err
    assert "1 finished rows are in" in printed.err
    assert "other" in printed.out


def test_a_forward_that_fails_late_says_how_the_run_goes_on(exits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = "train --epochs 9 --out run --accelerator cpu --no-progress --model exits.py:Exits"
    assert main([*train.split(), "--model-options", "when=late"]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("sqnn: model: its forward fails in epoch ")
    assert "KeyError in line 17 of " in told
    assert told.endswith("('no such thing'); mend it; the run goes on with sqnn train --resume run")
    # Another function takes its place, and the run goes on.
    Path("exits.py").write_text(EXITS.replace("> 20", "> 9999"))
    resume = "train --resume run --model exits.py:Exits --model-options when=late --no-progress --json result.json"
    assert main(resume.split()) == 0
    assert json.loads(Path("result.json").read_text())["epochs"] == 9


@pytest.mark.filterwarnings("ignore::sqnn.metrics.SilenceWarning")  # two levels, and four pictures that are alike
def test_a_network_on_pictures_of_ones_own_through_every_command(
    nets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("left", "right"):
        (nets / "pngs" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.random.default_rng(number).integers(0, 60, (9, 11), dtype=np.uint8)
            pixels[1:-1, slice(1, 5) if name == "left" else slice(6, 10)] += 180
            pixels[[0, -1]] = pixels[:, [0, -1]] = 0
            Image.fromarray(pixels).save(nets / "pngs" / name / f"{number}.png")

    def told(line: str) -> str:
        assert main([*line.split(), "--model", "nets_of_a_test:levels"]) == 0, line
        return " ".join(capsys.readouterr().out.split())

    # 9x11 pixels give 2 maps of 3x4: no square would, so that nothing can be guessed.
    told("train --data pngs --size 9x11 --epochs 2 --out run --accelerator cpu --no-progress --json train.json")
    trained = json.loads((nets / "train.json").read_text())
    told("evaluate run --json test.json --no-progress")
    assert json.loads((nets / "test.json").read_text())["confusion"] == trained["confusion"]
    (nets / "pngs").rename(nets / "elsewhere")
    assert "2 files" in told("predict run elsewhere/left/0.png elsewhere/right/0.png --invert --json p.json")
    assert json.loads((nets / "p.json").read_text())["classes"] == ["left", "right"]
    for last in ("result.json", "model.safetensors", "training.png"):
        (nets / "run" / last).unlink()
    told("train --resume run --data elsewhere --no-progress --json again.json")
    assert json.loads((nets / "again.json").read_text())["confusion"] == trained["confusion"]
    told("convert run --data elsewhere --out s.safetensors --json s.json")
    kept = json.loads((nets / "s.json").read_text())["spiking"]
    told("evaluate s.safetensors --data elsewhere --json test.json --no-progress")
    assert json.loads((nets / "test.json").read_text())["accuracy"] == pytest.approx(kept["accuracy"])
    told("predict s.safetensors elsewhere/left/0.png elsewhere/right/0.png --json q.json")
    assert json.loads((nets / "q.json").read_text())["classes"] == ["left", "right"]
    told("count s.safetensors")
    assert main(["evaluate", "s.safetensors", "--data", "elsewhere"]) != 0
    assert "holds a network of your own, nets_of_a_test:levels, and no code" in capsys.readouterr().err
    told("convert run --data elsewhere --verify --precision double --no-progress --json converted.json")
    converted = json.loads((nets / "converted.json").read_text())
    assert converted["verification"]["exact"] is True
    assert [layer["layer"] for layer in converted["verification"]["layers"]] == ["0.1"]
    assert converted["spiking"]["operations"]["multiply_accumulates"] == 2 * 7 * 9 * 9


def test_noise_on_the_circuit_of_a_network(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--model", "nets_of_a_test:quantum"]
    assert main(["train", *own, "--epochs", "1", "--out", "run", "--accelerator", "cpu", "--no-progress"]) == 0
    evaluate = ["evaluate", "run", "--json", "test.json", "--no-progress", "--noise", "depolarizing:0.3"]
    assert main([*evaluate, *own]) == 0
    test = json.loads((nets / "test.json").read_text())
    assert test["circuit"] == "lightcone, exact, under depolarizing(0.3)"
    sweep = ["noise-sweep", "run", "--strength", "0,0.3", "--workers", "0", "--no-progress", "--json", "sweep.json"]
    assert main([*sweep, *own]) == 0
    rows = json.loads((nets / "sweep.json").read_text())["rows"]
    assert [row["strength"] for row in rows] == [0, 0.3]
    assert rows[1]["loss"] == pytest.approx(test["loss"], rel=1e-5)
    assert rows[0]["loss"] != pytest.approx(test["loss"], rel=1e-5)
    assert main(["count", "run", *own, "--draw"]) == 0
    capsys.readouterr()
    for words, message in (
        (sweep, "holds a network of your own, nets_of_a_test:quantum, and no code"),
        ([*sweep, "--model", "vit"], "model: got 'vit', expected module:function"),
    ):
        assert main(words) == 2
        assert message in capsys.readouterr().err


def test_a_circuit_of_ones_own_has_its_noise_written_in_it(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--model", "nets_of_a_test:written"]
    sys.path.insert(0, str(nets))
    with torch.random.fork_rng():
        sqnn.save_model(import_module("nets_of_a_test").written(), nets / "w.safetensors")
    evaluate = ["evaluate", "w.safetensors", "--data", "digits", "--json", "test.json", "--no-progress", *own]
    told = []
    for engine in ("lightcone", "pennylane"):
        assert main([*evaluate, "--engine", engine]) == 0
        told.append(json.loads((nets / "test.json").read_text()))
    assert [each["circuit"] for each in told] == ["sqnn.lightcone", "default.qubit"]
    assert told[0]["loss"] == pytest.approx(told[1]["loss"], rel=1e-4)
    assert main(["count", "w.safetensors", "--draw", *own]) == 0
    assert "circuit evaluated by sqnn.lightcone" in capsys.readouterr().out
    sweep = ["noise-sweep", "w.safetensors", "--data", "digits", *own]
    for words, message in (
        ([*evaluate, "--noise", "paper"], "noise: got 'paper', expected None: a circuit of one's own has its channels"),
        ([*evaluate, "--shots", "9"], "shots: got 9, expected None: a circuit of one's own has those of its QNode"),
        (sweep, "models: got w.safetensors with a QuantumLayer, whose noise is written in its circuit"),
    ):
        assert main(words) == 2
        assert message in " ".join(capsys.readouterr().err.split())
