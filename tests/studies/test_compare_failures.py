"""Trainings of a comparison that fail: their rows, and what is left of the tests and tables of the others."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from torch import nn

import sqnn
from sqnn import training
from sqnn.cli import main
from sqnn.studies import CompareStudy, StudyError

SMALL = "sqdr-cnn:channels=2:n_qubits=2"
HERE = {"workers": 0, "progress": False}
OWN = """
from torch import nn


def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2), nn.ReLU(), nn.Linear(2, 10))
"""


def test_a_training_that_does_not_stay_finite_is_a_row(
    tmp_path: Path, few: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*arguments: object, **options: object) -> sqnn.Run:
        raise training.NotFiniteError("loss became nan in epoch 3;\nlower learning_rate")

    monkeypatch.setattr(training, "fit", fit)
    for tuning, failure in ((0, "loss became nan in epoch 3; lower learning_rate"), (2, "none of the 2 tries stayed")):
        rows = sqnn.study("compare", few, models=SMALL, seeds=1, tuning=tuning, out=tmp_path / str(tuning), **HERE)
        (row,) = rows.frame.to_dict("records")
        assert row["failure"].startswith(failure)
        assert math.isnan(row["test_accuracy"])
        assert (row["learning_rate"], row["batch_size"]) == (0.015, 32)
        assert rows.folder.rows()[0]["test_accuracy"] is None
        summary = rows.summary()
        assert summary[["n", "failed"]].to_numpy().tolist() == [[0, 1]]
        assert f"{SMALL} on digits, 100 images, seed 0: {failure}" in " ".join(
            map(str, CompareStudy.report(rows.frame))
        )


def test_a_failed_training_leaves_the_tests_under_noise_their_other_seeds(
    tmp_path: Path, few: sqnn.ImageData, trained: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = training.fit

    def failing(model: nn.Module, data: sqnn.ImageData, **options: object) -> object:
        if options["seed"] == 1 and "sqdr" in str(options["out"]):
            raise training.NotFiniteError("loss became nan")
        return fit(model, data, **options)

    monkeypatch.setattr(training, "fit", failing)
    models = [SMALL, "snn-mlp:hidden=3"]
    rows = sqnn.study("compare", few, models=models, seeds=3, noise=(0.2,), epochs=1, out=tmp_path / "c", **HERE)
    failed = rows.frame[(rows.model == SMALL) & (rows.seed == 1)]
    assert failed.noise.tolist() == [0.0, 0.2]
    assert failed.test_accuracy.isna().all()
    assert rows.tests[["noise", "pairs"]].to_numpy().tolist() == [[0.0, 2], [0.2, 2]]
    assert rows.summary().set_index(["noise", "model"]).failed[[(0.0, SMALL), (0.2, SMALL)]].tolist() == [1, 1]


def test_the_command_says_why_all_trainings_failed(
    tmp_path: Path, few: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fit(*arguments: object, **options: object) -> sqnn.Run:
        raise training.NotFiniteError("loss became nan in epoch 3")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr("sqnn.cli.study_command.named_data", lambda name, *arguments, **options: few)
    assert main(["compare", "--models", SMALL, "--seeds", "1", "--workers", "0", "--no-progress"]) == 2
    printed = capsys.readouterr()
    assert "loss became nan in epoch 3" in " ".join(printed.out.split())
    assert "no rows with an accuracy" in " ".join(printed.err.split())


def test_a_network_that_fails_leaves_the_others_their_tables(
    tmp_path: Path,
    few: sqnn.ImageData,
    trained: list[dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit = training.fit

    def failing(model: nn.Module, data: sqnn.ImageData, **options: object) -> object:
        if options["seed"] == 2 and "own" in str(options["out"]):
            raise ValueError("loss: it broke")
        return fit(model, data, **options)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "fit", failing)
    monkeypatch.setattr("sqnn.cli.study_command.named_data", lambda name, *arguments, **options: few)
    Path("nets.py").write_text(OWN)
    line = f"compare --models own=nets.py:make,{SMALL},mlp=snn-mlp:hidden=3 --seeds 3 --epochs 1 --against {SMALL}"
    assert main([*line.split(), "--workers", "0", "--no-progress", "--json", "told.json"]) == 2
    printed = capsys.readouterr()
    told = json.loads(Path("told.json").read_text())
    failure = "comparison: the cell own on digits, 100 images, seed 2 failed (loss: it broke); 8 finished rows are in"
    assert printed.err.startswith(f"sqnn: {failure}")
    assert told["failure"].startswith(failure)
    assert len(told["rows"]) == 8
    out = " ".join(printed.out.split())
    assert "not paired: own has no seed 2 (data digits, train_images 100, noise 0.0), which another network has" in out
    for ending, minus in (("md", "\N{MINUS SIGN}"), ("tex", "$-$")):
        text = Path(f"runs/compare-1/compare.{ending}").read_text().replace(r"\_", "_")
        assert [f"{SMALL} {minus} {other}" in text for other in ("own", "mlp")] == [True, True]
        assert text.count(minus) == 2, "no other pair"
    models = {"own": "nets.py:make", "sqdr": SMALL, "mlp": "snn-mlp:hidden=3"}
    with pytest.raises(StudyError) as caught:
        sqnn.study("compare", few, models=models, seeds=3, epochs=1, against="own", out=tmp_path / "c", **HERE)
    tests = caught.value.finished.tests
    assert tests[["first", "second", "pairs"]].to_numpy().tolist() == [["own", "sqdr", 2], ["own", "mlp", 2]]
