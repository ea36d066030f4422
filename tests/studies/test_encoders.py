"""The encoder study: every cell is one run of the training loop, and a killed study ends as if undisturbed."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import sqnn
from sqnn import training
from sqnn.core import ConfigError
from sqnn.studies import EncoderCell, EncoderStudy, StudyFolder, encoder_study, plot_encoders, summarise_encoders
from sqnn.training import Classifier, NotFiniteError, RunError

TRAINING = {"epochs": 2, "batch_size": 20, "learning_rate": 0.02}
SMALL = EncoderStudy(
    width=1,
    hidden=(8,),
    variants=("no-ann", "no-snn"),
    surrogates=("sigmoid-sine", "detached"),
    rescalings=("paper",),
    seeds=2,
    train_images=40,
    **TRAINING,
)


@pytest.fixture(scope="module", autouse=True)
def no_pictures_of_runs() -> Iterator[None]:
    """The pictures of the runs take most of the time of trainings as short as these."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqnn.Run, "plot", lambda run, path=None: None)
        yield


@pytest.fixture(scope="module")
def data(digits: sqnn.ImageData) -> sqnn.ImageData:
    return digits.subset(train=50, validation=20, test=30)


@pytest.fixture(scope="module")
def folder(data: sqnn.ImageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that nothing disturbed."""
    out = tmp_path_factory.mktemp("encoders") / "study"
    encoder_study(SMALL, data, out)
    return out


@pytest.fixture
def rows(folder: Path, data: sqnn.ImageData) -> pd.DataFrame:
    return encoder_study(SMALL, data, folder)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the cells that are trained from the beginning from now on."""
    real, names = training.fit, []

    def fit(*arguments: Any, out: Path, **options: Any) -> sqnn.Run:
        names.append(out.name)
        return real(*arguments, out=out, **options)

    monkeypatch.setattr(training, "fit", fit)
    return names


def assert_same_rows(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_whole_study_has_every_cell_once() -> None:
    cells = EncoderStudy().cells()
    sines = ("sigmoid-sine", "tanh-sine", "fourier-sine")
    expected = {("no-snn", "", "")}
    for variant in ("hybrid", "no-ann"):
        expected |= {(variant, sine, way) for sine in sines for way in ("order", "paper", "none")}
        expected |= {(variant, plain, "none") for plain in ("straight-through", "detached")}
    assert len(cells) == len(set(cells)) == 3 * len(expected)
    assert {cell[:3] for cell in cells} == expected
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells), "one seed after the other"
    assert len({cell.name for cell in cells}) == len(cells)


def test_rows_are_those_of_the_cells(rows: pd.DataFrame) -> None:
    keys = [EncoderCell(*key) for key in rows[[*EncoderCell._fields]].itertuples(index=False, name=None)]
    assert keys == SMALL.cells()
    assert (rows.train_images == 40).all()
    assert (rows.failure == "").all()
    spiking = rows[rows.variant == "no-ann"]
    assert spiking.test_loss.nunique() == 4, "surrogates and seeds train different networks"


@pytest.mark.parametrize("cell", [EncoderCell("no-ann", "sigmoid-sine", "paper", 1), EncoderCell("no-snn", "", "", 0)])
def test_a_cell_is_a_run_of_the_training_loop(
    cell: EncoderCell, rows: pd.DataFrame, folder: Path, data: sqnn.ImageData, tmp_path: Path
) -> None:
    """The same training by hand gives the same weights, and the row repeats its numbers."""
    options = {"encoding_surrogate": cell.surrogate, "rescaling": cell.rescaling} if cell.surrogate else {}
    few = data.subset(train=40)
    model = sqnn.create_model("has8-vgg", few, seed=cell.seed, width=1, hidden=(8,), variant=cell.variant, **options)
    run = sqnn.fit(model, few, out=tmp_path / "run", seed=cell.seed, progress=False, **TRAINING)
    stored = sqnn.load_model(folder / "runs" / cell.name / "model.safetensors").state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in run.model.state_dict().items())
    (row,) = rows[SMALL.cells().index(cell) :][:1].itertuples()
    assert row.test_accuracy == run.test_accuracy
    assert row.validation_accuracy == run.validation_accuracy
    assert row.test_loss == run.result["test_loss"]
    assert (row.best_epoch, row.parameters) == (run.result["best_epoch"], run.parameters["total"])
    assert [row.train_accuracy, row.train_loss] == run.history.iloc[-1][["train_accuracy", "train_loss"]].tolist()


def test_summary_by_hand(rows: pd.DataFrame) -> None:
    summary = summarise_encoders(rows)
    assert summary.surrogate.tolist() == ["sigmoid-sine", "detached", ""]
    assert summary.rescaling.tolist() == ["paper", "none", ""]
    first, second = rows[rows.surrogate == "detached"].itertuples()
    line = summary.iloc[1]
    assert (line.seeds, line.failures) == (2, 0)
    for split in ("test", "validation"):
        one, other = getattr(first, f"{split}_accuracy"), getattr(second, f"{split}_accuracy")
        assert line[f"{split}_accuracy"] == pytest.approx((one + other) / 2)
        assert line[f"{split}_spread"] == pytest.approx(abs(one - other) / math.sqrt(2))
    assert line.train_loss == pytest.approx((first.train_loss + second.train_loss) / 2)
    assert math.isnan(summarise_encoders(rows[rows.seed == 0]).test_spread.iloc[0])


def test_a_killed_study_goes_on_within_its_cell(rows, data: sqnn.ImageData, tmp_path: Path, monkeypatch) -> None:
    """Ctrl-C in the second epoch of the third cell, and rubbish of a killed writer beside the rows."""
    real, begun = Classifier.on_train_epoch_start, []

    def start(self: Classifier) -> None:
        begun.append(self.current_epoch)
        if len(begun) == 6:
            signal.raise_signal(signal.SIGINT)
        real(self)

    fitted = counted(monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(Classifier, "on_train_epoch_start", start)
        with pytest.raises(KeyboardInterrupt):
            encoder_study(SMALL, data, tmp_path / "study")
    assert begun[-1] == 1
    assert_same_rows(StudyFolder(tmp_path / "study").table.read(), rows[:2])
    (tmp_path / "study" / ".encoders.csv.7.partial").write_text("model,da")
    assert_same_rows(encoder_study(SMALL, data, tmp_path / "study"), rows)
    assert fitted == [cell.name for cell in SMALL.cells()], "no cell began twice"


def test_a_finished_study_trains_nothing_and_lost_rows_come_from_the_runs(
    rows, data: sqnn.ImageData, folder: Path, tmp_path: Path, monkeypatch
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    fitted = counted(monkeypatch)
    assert_same_rows(encoder_study(SMALL, data, copy), rows)
    written = (copy / "encoders.csv").read_text()
    accuracy = f"{rows.test_accuracy.iloc[0]}"
    assert accuracy in written
    (copy / "encoders.csv").write_text(written.rstrip().rsplit(",", 3)[0])
    assert_same_rows(encoder_study(SMALL, data, copy), rows)
    assert (copy / "encoders.csv").read_text() == written, "the torn line is that of its run again"
    lines = written.splitlines(keepends=True)
    torn = lines[2].rstrip().rsplit(",", 3)[0] + "\n"
    for damaged in ("".join([*lines[:2], torn, *lines[3:]]), written.replace(accuracy, "7.5", 1)):
        (copy / "encoders.csv").write_text(damaged)
        with pytest.raises(RunError, match=r"out: .*encoders.csv is damaged"):
            encoder_study(SMALL, data, copy)
    (copy / "encoders.csv").write_text("model,data\nhas8")  # another first line
    with pytest.raises(RunError, match=r"out: .*encoders.csv is damaged .* remove it, and the runs"):
        encoder_study(SMALL, data, copy)
    (copy / "encoders.csv").unlink()
    assert_same_rows(encoder_study(SMALL, data, copy), rows)
    assert fitted == []


def test_a_folder_takes_further_cells_and_nothing_else(
    rows, data: sqnn.ImageData, folder: Path, tmp_path: Path, monkeypatch
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    fitted = counted(monkeypatch)
    wider = dataclasses.replace(SMALL, variants=("no-snn",), seeds=3)
    assert_same_rows(encoder_study(wider, data, copy)[:2], rows[rows.variant == "no-snn"].reset_index(drop=True))
    assert fitted == ["no-snn-2"]
    assert len(StudyFolder(copy).rows()) == len(rows) + 1
    for change in ({"epochs": 3}, {"width": 2}, {"train_images": 41}, {"encoding_alpha": 2.0}):
        with pytest.raises(RunError, match=r"out: .* holds something else than this study"):
            encoder_study(dataclasses.replace(SMALL, **change), data, copy)
    assert fitted == ["no-snn-2"]


def test_two_at_once_are_refused(data: sqnn.ImageData, tmp_path: Path) -> None:
    description = SMALL.describe(SMALL.prepare(data))
    with StudyFolder(tmp_path).open(description), pytest.raises(RunError, match=r"out: process .* is at work in"):
        encoder_study(SMALL, data, tmp_path)


def test_a_training_that_diverges_is_a_result(data: sqnn.ImageData, tmp_path: Path, monkeypatch) -> None:
    def fit(*arguments: Any, out: Path, **options: Any) -> sqnn.Run:
        if out.name.endswith("paper-1"):
            raise NotFiniteError("loss became nan in epoch 1; lower learning_rate")
        return real(*arguments, out=out, **options)

    real = training.fit
    study = dataclasses.replace(SMALL, variants=("no-ann",), surrogates=("sigmoid-sine",), epochs=1)
    with monkeypatch.context() as patched:
        patched.setattr(training, "fit", fit)
        frame = encoder_study(study, data, tmp_path)
    assert frame.failure.tolist() == ["", "loss became nan in epoch 1; lower learning_rate"]
    assert frame.test_accuracy.isna().tolist() == [False, True]
    fitted = counted(monkeypatch)
    assert_same_rows(encoder_study(study, data, tmp_path), frame)
    assert fitted == []
    (line,) = summarise_encoders(frame).itertuples()
    assert (line.seeds, line.failures, line.test_accuracy) == (1, 1, frame.test_accuracy[0])
    (axes,) = plot_encoders(frame).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sigmoid-sine, paper (1 failed)"]


def test_picture_has_a_dot_a_seed_and_a_bar_at_the_mean(rows: pd.DataFrame) -> None:
    (axes,) = plot_encoders(rows).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["sigmoid-sine, paper", "detached, none", "no spiking branch"]
    dots = {line.get_ydata()[0]: line.get_xdata() for line in axes.lines if line.get_marker() == "o"}
    bars = {sum(line.get_ydata()) / 2: line.get_xdata() for line in axes.lines if line.get_marker() != "o"}
    for height, surrogate in enumerate(("sigmoid-sine", "detached", "")):
        accuracies = 100 * rows.test_accuracy[rows.surrogate == surrogate]
        assert sorted(dots[height]) == pytest.approx(sorted(accuracies))
        assert list(bars[height]) == pytest.approx([accuracies.mean()] * 2)
    both = pd.concat([rows, rows[rows.variant == "no-ann"].assign(variant="hybrid")])
    assert len(plot_encoders(both).axes) == 2
    assert len(plot_encoders(rows[rows.variant == "no-snn"]).axes) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"surrogates": ("sine",)}, "surrogates: got 'sine', expected one of sigmoid-sine, tanh-sine, fourier-sine, "),
        ({"rescalings": ("size",)}, "rescalings: got 'size', expected one of order, paper, none"),
        ({"variants": ("snn",)}, "variants: got 'snn', expected one of hybrid, no-ann, no-snn"),
        ({"seeds": 0}, "seeds: got 0, expected a whole number of at least 1"),
        ({"epochs": 0}, "epochs: got 0, expected a whole number of at least 1"),
        ({"train_images": 1}, "train_images: got 1, expected a whole number of at least 2"),
        ({"learning_rate": math.nan}, "learning_rate: got nan"),
        ({"hidden": (8, 0)}, "hidden: got 0, expected a whole number of at least 1"),
        ({"width": 1.5}, "width: got 1.5, expected a whole number"),
    ],
)
def test_refusals(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        EncoderStudy(**values)


def test_more_images_than_there_are_is_refused(data: sqnn.ImageData, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="train_images: got 51, expected at most the 50 of digits"):
        encoder_study(EncoderStudy(train_images=51), data, tmp_path / "new")
    assert not (tmp_path / "new").exists()
