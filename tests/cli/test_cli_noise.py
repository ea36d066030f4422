"""Noise on the command line: what is printed is what the library computes under that noise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sqnn
from sqnn.cli import main


def score(path: str, *options: str, folder: Path) -> dict:
    out = folder / "score.json"
    assert main(["evaluate", path, "--no-progress", "--json", str(out), *options]) == 0
    return json.loads(out.read_text())


def test_evaluate_under_noise_is_evaluate_of_the_noisy_network(here: Path, tmp_path) -> None:
    found = score(
        "run", "--noise", "amplitude-damping:0.3", "--engine", "aer", "--split", "validation", folder=tmp_path
    )
    model = sqnn.Run.load("run").model.with_noise("amplitude-damping:0.3")
    expected = sqnn.evaluate(model, sqnn.load_data("digits"), "validation", progress=False)
    assert found["confusion"] == expected.confusion
    assert found["loss"] == pytest.approx(expected.loss, abs=1e-5)
    assert found["circuit"] == "aer, exact, under amplitude_damping(0.3)"


def test_a_network_trained_under_noise_is_evaluated_under_it_unless_told_otherwise(
    here: Path, tmp_path, capsys
) -> None:
    small = ("--channels", "2,3", "--n-qubits", "3", "--epochs", "1", "--no-progress")
    assert main(["train", *small, "--noise", "depolarizing:0.3", "--out", str(tmp_path / "run")]) == 0
    path = str(tmp_path / "run")
    result = sqnn.Run.load(path).result
    assert score(path, folder=tmp_path)["loss"] == pytest.approx(result["test_loss"], abs=1e-6)
    assert score(path, "--noise", "none", folder=tmp_path)["loss"] != pytest.approx(result["test_loss"], abs=1e-6)
    assert score(path, "--engine", "aer", folder=tmp_path)["loss"] == pytest.approx(result["test_loss"], abs=1e-5)


def test_shots_alone_keep_the_noise_of_the_network(here: Path, tmp_path) -> None:
    found = score("run", "--shots", "50", folder=tmp_path)
    assert found["circuit"] == "lightcone, 50 shots, without noise"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("--noise bogus", "noise: got 'bogus', expected a kind"),
        ("--noise depolarizing", "depolarizing: got no p, expected its strength, such as depolarizing:0.05"),
        ("--noise depolarizing:1.5", "noise: depolarizing:1.5: p: got 1.5, expected a number in [0, 4/3]"),
        ("--noise readout:0.9,0.3*2", "p01: got 1.8"),
        ("--noise missing.json", "noise: got 'missing.json', expected a JSON file"),
        ("--shots 0", "shots: got 0, expected a whole number of at least 1"),
        ("--noise torino --engine bogus", "engine: got 'bogus', expected one of lightcone, pennylane, aer"),
    ],
)
def test_mistakes_get_one_line(here: Path, capsys, options: str, line: str) -> None:
    assert main(["evaluate", "run", "--no-progress", *options.split()]) == 2
    printed = capsys.readouterr().err
    assert line in printed
    assert printed.count("\n") == 1
