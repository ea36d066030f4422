"""Every command end to end: what it prints is what it writes, and both are what the library computes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch.testing import assert_close

import sqnn
from sqnn.cli import main
from sqnn.cli.app import COMMANDS
from sqnn.models import ModelConfig
from sqnn.training import TERMS, Classifier, TrainingConfig

SMALL = ("--channels", "2,3", "--n-qubits", "3", "--epochs", "1", "--no-progress")


def numbers(printed: str, label: str) -> str:
    """The value printed beside `label`."""
    found = re.search(rf"│ {re.escape(label)} +│ +([^│]*?) *│", printed)
    assert found, f"{label} is not in:\n{printed}"
    return found[1]


def same_weights(one: Path, other: Path) -> bool:
    first, second = (sqnn.load_model(path / "model.safetensors").state_dict() for path in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_train_prints_what_it_writes(here: Path, tmp_path, capsys) -> None:
    assert main(["train", *SMALL, "--out", str(tmp_path / "run"), "--json", str(tmp_path / "deep" / "r.json")]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    result = json.loads((tmp_path / "deep" / "r.json").read_text())
    assert result.pop("folder") == str(tmp_path / "run")
    assert result == sqnn.Run.load(tmp_path / "run").result
    assert numbers(printed, "test accuracy") == f"{result['test_accuracy']:.2%}"
    assert numbers(printed, "best validation accuracy") == f"{result['validation_accuracy']:.2%}"
    assert numbers(printed, "test cross-entropy") == f"{result['test_loss']:.4f} nats"
    assert numbers(printed, "total").split()[0] == str(result["parameters"]["total"])
    assert same_weights(tmp_path / "run", here / "run"), "the same command gave another network"


def test_evaluate_prints_what_it_writes(here: Path, tmp_path, capsys) -> None:
    path = tmp_path / "score.json"
    assert main(["evaluate", "run", "--split", "validation", "--no-progress", "--json", str(path)]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    score = json.loads(path.read_text())
    expected = sqnn.evaluate(sqnn.load_model("run/model.safetensors"), sqnn.load_data("digits"), "validation")
    assert (score["accuracy"], score["loss"], score["confusion"]) == (
        expected.accuracy,
        expected.loss,
        expected.confusion,
    )
    assert numbers(printed, "accuracy") == f"{score['accuracy']:.2%}"
    assert numbers(printed, "cross-entropy") == f"{score['loss']:.4f} nats"
    assert numbers(printed, "images") == "180"
    rows = re.findall(r"│ (\d) +│((?: +\d+ │)+)", printed)
    assert [[int(n) for n in re.findall(r"\d+", row)] for _, row in rows] == score["confusion"]


def test_evaluate_repeats_the_runs_own_test_number_on_either_engine(here: Path, tmp_path) -> None:
    stored = json.loads((here / "run.json").read_text())
    for extra in ([], ["--engine", "pennylane"], ["--data", "digits"]):
        assert main(["evaluate", "run", "--no-progress", "--json", str(tmp_path / "s.json"), *extra]) == 0
        score = json.loads((tmp_path / "s.json").read_text())
        assert score["accuracy"] == pytest.approx(stored["test_accuracy"], abs=1e-6)
        assert score["loss"] == pytest.approx(stored["test_loss"], abs=1e-5)


def test_predict_on_a_picture(here: Path, tmp_path, capsys) -> None:
    data = sqnn.load_data("digits")
    levels = (data.test.floats([7])[0, 0] * 255).round().byte().numpy()
    Image.fromarray(levels).save(tmp_path / "digit.png")
    assert main(["predict", "run", str(tmp_path / "digit.png"), "--json", str(tmp_path / "p.json")]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    written = json.loads((tmp_path / "p.json").read_text())
    pixels = torch.from_numpy(levels).float().reshape(1, 1, 8, 8) / 255
    expected = sqnn.predict(sqnn.load_model("run/model.safetensors"), pixels)
    assert_close(torch.tensor(written["probabilities"]), expected, atol=1e-6, rtol=0)
    assert written["classes"] == list(data.classes)
    rows = re.findall(r"│ (\d) +│ +([\d.]+)% │", printed)
    order = expected[0].argsort(descending=True).tolist()
    assert [name for name, _ in rows] == [data.classes[k] for k in order]
    assert [value for _, value in rows] == [f"{100 * expected[0, k]:.2f}" for k in order]


def test_predict_on_an_array(here: Path, tmp_path, capsys) -> None:
    images = sqnn.load_data("digits").test.floats(slice(30))
    np.save(tmp_path / "many.npy", images.numpy())
    assert main(["predict", "run/model.safetensors", str(tmp_path / "many.npy"), "--json", str(tmp_path / "p")]) == 0
    printed = capsys.readouterr().out
    written = torch.tensor(json.loads((tmp_path / "p").read_text())["probabilities"])
    assert_close(written, sqnn.predict(sqnn.load_model("run/model.safetensors"), images), atol=1e-6, rtol=0)
    rows = re.findall(r"│ +(\d+) +│ +(\d) +│ +([\d.]+)% │", printed)
    assert [int(name) for _, name, _ in rows] == written.argmax(1)[:20].tolist()
    assert "and 10 more" in printed


def test_count_prints_what_it_writes(here: Path, tmp_path, capsys) -> None:
    assert main(["count", "--json", str(tmp_path / "c.json")]) == 0
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "c.json").read_text())
    assert (written["total"], written["effective"]) == (803, 794)
    for part, column in (("spiking", 649), ("quantum", 54), ("classical", 100), ("total", 803)):
        assert numbers(printed, part) == str(column) == str(written[part])


def test_count_takes_options_a_file_or_a_run(here: Path, tmp_path) -> None:
    counts = []
    (tmp_path / "c.yaml").write_text("n-qubits: 3\nchannels: [2, 3]\nimage_size: [8, 8]\n")
    sizes = ["--n-qubits", "3", "--channels", "2,3", "--image-size", "8x8"]
    for arguments in (["run"], ["run/model.safetensors"], sizes, ["--config", str(tmp_path / "c.yaml")]):
        assert main(["count", *arguments, "--json", str(tmp_path / "c.json")]) == 0
        written = json.loads((tmp_path / "c.json").read_text())
        counts.append({name: value for name, value in written.items() if name != "model"})
    assert counts == [counts[0]] * 4
    assert counts[0]["quantum"] == 18


def test_count_takes_a_recipe_whose_images_are_not_there(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SQNN_DATA", raising=False)
    counts = {}
    for recipe in sqnn.RECIPES:
        assert main(["count", "--recipe", recipe, "--json", "c.json"]) == 0
        counts[recipe] = json.loads(Path("c.json").read_text())["total"]
    assert (counts["digits"], counts["mnist"], counts["sqdr-cnn-803"], counts["sqdr-cnn-2000"]) == (788, 803, 800, 1978)
    assert main(["count", "--recipe", "digits", "--n-qubits", "4", "--json", "c.json"]) == 0
    assert json.loads(Path("c.json").read_text())["quantum"] == 24
    Path("c.yaml").write_text("recipe: digits\n")
    assert main(["count", "--config", "c.yaml", "--json", "c.json"]) == 0
    assert json.loads(Path("c.json").read_text())["total"] == 788


def test_count_says_who_evaluates_which_circuit(capsys) -> None:
    line = [
        "--n-qubits",
        "3",
        "--entangler",
        "0-1,2-1",
        "--entangling-gate",
        "crz",
        "--data-scaling",
        "added",
        "--observable",
    ]
    assert main(["count", *line, "Z, X0 Y2", "--engine", "auto", "--draw"]) == 0
    out = capsys.readouterr().out
    assert "circuit evaluated by LightConeEngine(<Z, X0 Y2>, exact)" in out
    assert "RZ(c1)" in out


def test_count_draws_the_circuit(capsys) -> None:
    assert main(["count", "--n-qubits", "2", "--draw"]) == 0
    model = sqnn.create_model("sqdr-cnn", n_qubits=2)
    assert " ".join(model.circuit.draw().split()) in " ".join(capsys.readouterr().out.split())


def test_flags_override_the_configuration_file(here: Path, tmp_path) -> None:
    settings = {"epochs": 1, "n-qubits": 5, "channels": [2, 3], "learning_rate": 0.5, "seed": 3, "out": "ignored"}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings) + "weight_decay: 1e-3\n")
    flags = ["--n-qubits", "3", "--learning-rate", "0.01", "--out", str(tmp_path / "run"), "--no-progress"]
    assert main(["train", "--config", str(tmp_path / "c.yaml"), *flags]) == 0
    stored = yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())
    assert (stored["config"]["n_qubits"], stored["config"]["channels"]) == (3, [2, 3])
    training = stored["training"]
    assert (training["learning_rate"], training["seed"], training["weight_decay"]) == (0.01, 3, 0.001)
    assert not (here / "ignored").exists()


def test_resume_finishes_a_run(here: Path, tmp_path, capsys) -> None:
    """A run that lacks its first checkpoint starts over; the command needs nothing but the folder."""
    shutil.copytree("run", tmp_path / "run")
    for name in ("result.json", "model.safetensors", "checkpoints/last.ckpt", "checkpoints/best.ckpt"):
        (tmp_path / "run" / name).unlink()
    assert main(["train", "--resume", str(tmp_path / "run"), "--no-progress", "--json", str(tmp_path / "r.json")]) == 0
    assert same_weights(tmp_path / "run", Path("run"))
    old, new = (json.loads(path.read_text()) for path in (Path("run.json"), tmp_path / "r.json"))
    changing = ("seconds", "times", "folder")
    assert {k: v for k, v in new.items() if k not in changing} == {k: v for k, v in old.items() if k not in changing}


@pytest.mark.parametrize("source", ["run", "run/model.safetensors"])
def test_training_begins_with_another_runs_weights(here: Path, tmp_path, source: str) -> None:
    flags = [*SMALL, "--seed", "4", "--augmentation", "shift", "--out", str(tmp_path / "run"), "--init", source]
    assert main(["train", *flags]) == 0
    begun = sqnn.load_model(tmp_path / "run" / "initial.safetensors").state_dict()
    stored = sqnn.load_model(here / "run" / "model.safetensors").state_dict()
    assert all(torch.equal(begun[name], tensor) for name, tensor in stored.items())
    settings = yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())
    assert settings["training"]["augmentation"] == "shift"
    (tmp_path / "again").mkdir()
    for name in ("settings.yaml", "initial.safetensors"):
        shutil.copy(tmp_path / "run" / name, tmp_path / "again")
    assert main(["train", "--resume", str(tmp_path / "again"), "--no-progress"]) == 0
    assert same_weights(tmp_path / "again", tmp_path / "run")
    assert not same_weights(tmp_path / "run", here / "run")


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["predict"], ["count"]])
def test_help_is_help(command: list[str], capsys) -> None:
    assert main([*command, "--help"]) == 0
    printed, errors = capsys.readouterr()
    assert "Usage" in printed
    assert errors == ""


def test_the_help_lists_every_setting_with_its_default(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    main(["train", "--help"])
    printed = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    classes = [TrainingConfig, *(network.config_class for network in sqnn.MODELS.values())]
    names = {field.name for each in classes for field in dataclasses.fields(each)} - set(ModelConfig.data_fields)
    names |= {name.replace("-", "_") for name in TERMS}
    missing = [name for name in ("accelerator", *names) if f"--{name.replace('_', '-')} " not in f"{printed} "]
    assert missing == []
    assert re.search(rf"default: {TrainingConfig().epochs}[;)]", printed)
    assert re.search(
        r"sqdr-cnn, snn-mlp, [a-z, -]+: how pixels become[^()]*frames \(default: phase; snn-mlp, ppf-qsnn: rate\)",
        printed,
    )
    assert re.search(r"has8-vgg, has8-resnet: how pixels become spikes[^()]*bitplane \(default: bitplane\)", printed)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_group_is_that_of_the_command(name: str) -> None:
    first = COMMANDS[name].load(name).help.split("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name].help


def test_every_command_is_listed_and_an_unknown_one_gets_the_nearest(capsys) -> None:
    assert main(["--help"]) == 0
    listed = re.findall(r"^│ ([a-z-]+)  ", capsys.readouterr().out.split("Commands")[1], re.MULTILINE)
    assert listed == list(COMMANDS)
    assert main(["trian"]) == 2
    assert capsys.readouterr().err == "sqnn: No such command 'trian'. Did you mean 'train'?\n"


def test_version(capsys) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sqnn {sqnn.__version__}\n"


def test_nothing_but_results_reaches_the_terminal(tmp_path) -> None:
    """In a process of its own, with nobody silencing warnings: no hint of Lightning's, no deprecation."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    shared = {"capture_output": True, "text": True, "cwd": tmp_path, "env": environment, "check": True}
    lines = (["train", *SMALL, "--out", "run"], ["evaluate", "run", "--no-progress"])
    program = f"import sys; from sqnn.cli import main; sys.exit(any([main(line) for line in {lines}]))"
    done = subprocess.run([sys.executable, "-c", program], **shared)
    assert done.stderr == ""
    assert done.stdout.startswith("training sqdr-cnn on digits")
    for word in ("Trainer", "TPU", "Restor"):
        assert word not in done.stdout


def test_an_interrupted_training_says_how_to_go_on_and_does(here: Path, tmp_path, capsys, monkeypatch) -> None:
    """Ctrl-C in the second epoch, which Lightning would turn into a silent end of the process."""
    steps = []

    def step(self: Classifier, batch: object, index: int) -> torch.Tensor:
        steps.append(index)
        if len(steps) == 15:  # 1,258 images are ten batches an epoch
            signal.raise_signal(signal.SIGINT)
        return real(self, batch, index)

    real = Classifier.training_step
    two = [*SMALL, "--epochs", "2", "--out"]
    with monkeypatch.context() as patched:
        patched.setattr(Classifier, "training_step", step)
        assert main(["train", *two, str(tmp_path / "run")]) == 130
    said = f"sqnn: interrupted; the run goes on with: sqnn train --resume {tmp_path / 'run'}\n"
    assert capsys.readouterr().err == said
    assert len(steps) == 15
    assert main(["train", "--resume", str(tmp_path / "run"), "--no-progress"]) == 0
    assert main(["train", *two, str(tmp_path / "undisturbed")]) == 0
    assert same_weights(tmp_path / "run", tmp_path / "undisturbed")


@pytest.mark.parametrize(("number", "word"), [("SIGINT", "interrupted"), ("SIGTERM", "terminated")])
def test_a_training_stopped_before_it_has_a_folder_does_not_go_on(
    tmp_path, capsys, monkeypatch, number: str, word: str
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        signal.raise_signal(signal.Signals[number])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sqnn.training.session.make_trainer", stop)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["train", *SMALL]) == 128 + signal.Signals[number]
    assert capsys.readouterr().err == f"sqnn: {word}\n"
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_finished_run_is_told_again_into_a_file(here: Path, tmp_path, capsys) -> None:
    """Where a run ended and its numbers could not be written to the file asked for."""
    stored = json.loads(Path("run.json").read_text())
    assert main(["train", "--resume", "run", "--json", str(tmp_path / "run.json")]) == 0
    assert json.loads((tmp_path / "run.json").read_text()) == {**stored, "folder": "run"}
    assert main(["train", "--resume", "run"]) == 2
    assert capsys.readouterr().err == "sqnn: run: run has finished; there is nothing to resume\n"


def test_a_warning_of_any_package_is_one_line(capsys, monkeypatch) -> None:
    def warn(*arguments: object, **options: object) -> None:
        said.append(warnings.formatwarning("Port 1 is in use.\nPerhaps another?", UserWarning, "node.py", 195))

    said: list[str] = []
    monkeypatch.setattr("sqnn.cli.count.parameter_table", warn)
    usual = warnings.formatwarning
    assert main(["count"]) == 0
    assert said == ["sqnn: warning: Port 1 is in use. Perhaps another?\n"]
    assert warnings.formatwarning is usual


def test_an_interrupted_training_names_the_folder_that_was_chosen_for_it(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Classifier, "training_step", lambda *arguments: signal.raise_signal(signal.SIGINT))
    assert main(["train", *SMALL]) == 130
    said = "sqnn: interrupted; the run goes on with: sqnn train --resume runs/sqdr-cnn-digits-1\n"
    assert capsys.readouterr().err == said


def test_a_full_memory_is_one_line(capsys) -> None:
    assert main(["count", "--channels", "1000000000,8"]) == 2
    expected = "sqnn: out of memory; take a smaller network (n_qubits, channels, width), or a smaller batch_size\n"
    assert capsys.readouterr().err == expected
