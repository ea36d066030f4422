"""`sqnn study gradients` from the command line to its files, and its one-line refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread

from sqnn.cli import app as command_line
from sqnn.cli import main
from sqnn.cli.study import study
from sqnn.studies import GradientStudy, gradient_study


@pytest.fixture
def sqnn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The command line with `study` in it, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    app = command_line.app
    if all(group.typer_instance is not study for group in app.registered_groups):
        monkeypatch.setattr(app, "registered_groups", list(app.registered_groups))
        app.add_typer(study)
    return main


TINY = ["--qubits", "2", "--blocks", "1", "--steps", "2", "--samples", "2", "--seeds", "1", "--entangler", "line"]


def test_files_hold_the_study(sqnn, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--algorithms", "backprop-lightcone, spsa", "--initials", "small-angle,uniform"]
    assert sqnn(["study", "gradients", *TINY, *names, "--out", "here", "--json", "summary.json"]) == 0
    expected = gradient_study(
        GradientStudy(
            n_qubits=2,
            n_blocks=1,
            entangler="line",
            steps=2,
            seeds=1,
            samples=2,
            algorithms=("backprop-lightcone", "spsa"),
            initials=("small-angle", "uniform"),
        )
    ).drop(columns="seconds")
    written = pd.read_csv("here/gradients.csv")
    pd.testing.assert_frame_equal(written.drop(columns=["seconds", "sha256"]), expected, rtol=1e-12)
    assert sorted(path.name for path in Path("here").iterdir() if path.name[0] != ".") == [
        "gradients.csv",
        "gradients.png",
        "settings.yaml",
    ]
    assert imread("here/gradients.png").std() > 0.05, "an empty picture"

    told = json.loads(Path("summary.json").read_text())
    assert told["study"]["algorithms"] == ["backprop-lightcone", "spsa"]
    assert [(row["algorithm"], row["initial"]) for row in told["summary"]] == [
        ("backprop-lightcone", "small-angle"),
        ("spsa", "small-angle"),
        ("backprop-lightcone", "uniform"),
    ]
    last = written[(written.algorithm == "spsa") & (written.step == 2)]
    assert told["summary"][1]["last_loss"] == pytest.approx(last.loss.item())
    assert told["summary"][1]["executions_per_step"] == 6
    shown = capsys.readouterr().out
    assert f"{last.loss.item():.2e}" in shown
    assert "here/gradients.csv" in shown


def test_a_config_file_and_flags_over_it(sqnn) -> None:
    Path("study.yaml").write_text("qubits: 3\nsteps: 5\nseeds: 1\nsamples: 2\nalgorithms: [backprop-lightcone]\n")
    arguments = ["--config", "study.yaml", "--steps", "1", "--initials", "uniform", "--json", "told.json"]
    assert sqnn(["study", "gradients", *arguments]) == 0
    told = json.loads(Path("told.json").read_text())["study"]
    assert (told["n_qubits"], told["steps"]) == (3, 1)
    assert pd.read_csv("runs/gradients-1/gradients.csv").step.tolist() == [0, 1]
    assert sqnn(["study", "gradients", *arguments]) == 0
    assert Path("runs/gradients-2/gradients.png").is_file(), "a second study must not overwrite the first"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--algorithms", "newton"], ["algorithms: got 'newton'", "backprop-lightcone", "parameter-shift", "spsa"]),
        (["--initials", "uniform,zero"], ["initials: got 'zero'", "half-normal", "identity-block"]),
        (["--entangler", "star"], ["entangler: got 'star'", "ring", "brick"]),
        (["--qubits", "0"], ["n_qubits: got 0", "at least 1"]),
        (["--steps", "-3"], ["steps: got -3"]),
        (["--seeds", "many"], ["seeds: got 'many', expected a whole number"]),
        (["--algorithms", " , "], ["algorithms: got (), expected some of", "spsa"]),
        (["--out", "full"], ["out: full holds something else than this study"]),
        (["--config", "wrong.yaml"], ["depth: no such option", "n_blocks"]),
        (["--config", "absent.yaml"], ["config: no file absent.yaml"]),
    ],
)
def test_mistakes_get_one_line(
    sqnn, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    Path("full").mkdir()
    Path("full/file").write_text("kept")
    Path("wrong.yaml").write_text("depth: 2\n")
    assert sqnn(["study", "gradients", *arguments]) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("sqnn: ")
    for word in words:
        assert word in lines[0]
    assert captured.out == ""
    assert Path("full/file").read_text() == "kept"
    assert not Path("runs").exists(), "nothing may be left behind by a refused study"


def test_a_command_of_its_own_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from sqnn.cli import main

    assert main(["study", "noise-sweep", "runs/mine", "--noise", "paper"]) == 2
    assert capsys.readouterr().err == "sqnn: study: noise-sweep is a command of its own: sqnn noise-sweep\n"
