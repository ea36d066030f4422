"""`sqnn study layers` and `sqnn study encoders` from the command line to their files, and their one-line refusals."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread

import sqnn
from sqnn import training
from sqnn.cli import main
from sqnn.studies import EncoderStudy, LayerStudy, encoder_study, layer_study, summarise_layers

TINY = ["--width", "1", "--hidden", "8"]
LAYERS = ["study", "layers", *TINY, "--images", "8", "--seeds", "2", "--surrogates", "detached, tanh-sine"]
ENCODERS = ["study", "encoders", *TINY, "--train-images", "40", "--epochs", "1", "--seeds", "2", "--no-progress"]
TWO = [*ENCODERS, "--variants", "no-ann,no-snn", "--surrogates", "detached"]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_layers_writes_what_the_library_measures(work: Path, capsys) -> None:
    assert main([*LAYERS, "--variants", "no-ann", "--rescaling", "none", "--out", "here", "--json", "told.json"]) == 0
    names = {"surrogates": ("detached", "tanh-sine"), "variants": ("no-ann",)}
    study = LayerStudy(width=1, hidden=(8,), images=8, seeds=2, rescaling="none", **names)
    expected = layer_study(study, sqnn.load_data("digits"))
    pd.testing.assert_frame_equal(pd.read_csv("here/layers.csv").drop(columns="sha256"), expected, rtol=1e-12)
    assert sorted(path.name for path in Path("here").iterdir() if path.name[0] != ".") == [
        "layers.csv",
        "layers.png",
        "settings.yaml",
    ]
    assert imread("here/layers.png").std() > 0.05, "an empty picture"
    told = json.loads(Path("told.json").read_text())
    assert told["study"]["rescaling"] == "none"
    assert [row["rms"] for row in told["summary"]] == pytest.approx(summarise_layers(expected).rms.tolist())
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if line.startswith("│ 1 "))
    first = summarise_layers(expected).query("surrogate == 'tanh-sine' and stage == 1").rms.item()
    assert [part.strip() for part in line.strip("│").split("│")] == ["1", "0", f"{first:.1e}"]


def test_encoders_goes_on_with_the_same_command(work: Path, capsys, monkeypatch) -> None:
    real, trained = training.fit, []

    def fit(*arguments, out: Path, **options) -> sqnn.Run:
        trained.append(out.name)
        if len(trained) == 2:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments, out=out, **options)

    monkeypatch.setattr(training, "fit", fit)
    # The pictures of the runs take most of the time of trainings as short as these.
    monkeypatch.setattr(sqnn.Run, "plot", lambda run, path=None: None)
    assert main(TWO) == 130
    assert capsys.readouterr().err == "sqnn: interrupted; the study goes on with the same command\n"
    assert main([*TWO, "--json", "told.json"]) == 0
    cells = ["no-ann-detached-none-0", "no-snn-0", "no-ann-detached-none-1", "no-snn-1"]
    assert trained == [cells[0], cells[1], *cells[1:]]

    study = EncoderStudy(
        width=1,
        hidden=(8,),
        train_images=40,
        epochs=1,
        seeds=2,
        variants=("no-ann", "no-snn"),
        surrogates=("detached",),
    )
    frame = encoder_study(study, sqnn.load_data("digits"), work / "runs" / "encoders-1")
    assert len(trained) == 5, "the command's folder is that study"
    told = json.loads(Path("told.json").read_text())
    assert [row["test_accuracy"] for row in told["rows"]] == frame.test_accuracy.tolist()
    assert told["study"]["training"]["batch_size"] == EncoderStudy().batch_size
    part = 100 * frame.test_accuracy[frame.variant == "no-ann"]
    assert f"{part.mean():.2f} ± {part.std():.2f}" in capsys.readouterr().out
    assert imread("runs/encoders-1/encoders.png").std() > 0.05
    assert main([*ENCODERS, "--variants", "no-snn", "--epochs", "2", "--seeds", "1"]) == 0
    assert trained[5:] == ["no-snn-0"], "other epochs are another study"
    assert Path("runs/encoders-2/encoders.csv").is_file()


def test_a_config_file_and_flags_over_it(work: Path) -> None:
    Path("study.yaml").write_text("width: 3\nhidden: [8]\nimages: 8\nseeds: 1\nsurrogates: [detached]\ndata: digits\n")
    assert main(["study", "layers", "--config", "study.yaml", "--width", "1", "--json", "told.json"]) == 0
    told = json.loads(Path("told.json").read_text())["study"]
    assert (told["width"], told["hidden"], told["seeds"], told["surrogates"]) == (1, [8], 1, ["detached"])
    assert Path("runs/layers-1/layers.png").is_file()


SURROGATES = "expected one of sigmoid-sine, tanh-sine, fourier-sine, straight-through, detached"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("layers --surrogates detached,sine", f"surrogates: got 'sine', {SURROGATES}"),
        ("encoders --surrogates sine", f"surrogates: got 'sine', {SURROGATES}"),
        ("layers --seeds 0", "seeds: got 0, expected a whole number of at least 1"),
        ("encoders --seeds 0", "seeds: got 0, expected a whole number of at least 1"),
        ("layers --data letters", "data: got 'letters', expected one of digits, mnist"),
        ("encoders --data letters", "data: got 'letters', expected one of digits, mnist"),
        ("layers --rescaling size", "rescaling: got 'size', expected one of order, paper, none"),
        ("encoders --rescalings order,size", "rescalings: got 'size', expected one of order, paper, none"),
        ("layers --images 99999", "images: got 99,999, expected at most the 1,258 training images"),
        ("encoders --train-images 99999", "train_images: got 99999, expected at most the 1,258 of digits"),
        ("encoders --model sqdr-cnn", "model: got 'sqdr-cnn', expected one of has8-vgg, has8-resnet"),
        ("encoders --hidden wide", "hidden: got 'wide', expected whole numbers with commas"),
        ("encoders --epochs 0", "epochs: got 0"),
        ("encoders --out full", "out: full holds something else than this study"),
        ("layers --out full", "out: full holds something else than this study"),
        ("encoders --config wrong.yaml", "depths: no such option of this command"),
        ("layers --config seeds.yaml", "seeds: got 'many', expected a whole number"),
    ],
)
def test_mistakes_get_one_line(work: Path, capsys, command: str, words: str) -> None:
    Path("full").mkdir()
    Path("full/file").write_text("kept")
    Path("wrong.yaml").write_text("depths: 2\n")
    Path("seeds.yaml").write_text("seeds: many\n")
    assert main(["study", *command.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sqnn: {words}")
    assert Path("full/file").read_text() == "kept"
    assert not Path("runs").exists(), "nothing may be left behind by a refused study"
