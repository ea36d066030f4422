"""A seed study: what it trains, what it counts, how it goes on, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

import sqnn
from sqnn import training
from sqnn.cli import main
from sqnn.core import ConfigError
from sqnn.studies import STUDIES, Published, SeedStudy, plot_seeds, published_range, summarise_seeds
from sqnn.studies.runner import cluster
from sqnn.training import RunError, RunFolder

SIZES = {"channels": (2, 3), "n_qubits": 3, "epochs": 1, "batch_size": 50}
FLAGS = ["--channels", "2,3", "--n-qubits", "3", "--epochs", "1", "--batch-size", "600", "--no-progress"]
HERE = {"workers": 0, "progress": False}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of the runs take most of the time of trainings as short as these."""
    monkeypatch.setattr(sqnn.Run, "plot", lambda run, path=None: None)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """In the place of `fit`: what it was asked for, each time; every training scores 25 %."""
    asked: list[dict[str, object]] = []

    def fit(model: torch.nn.Module, data: sqnn.ImageData, **options: object) -> types.SimpleNamespace:
        asked.append(options)
        numbers = {"best_epoch": 1, "test_loss": 1.5, "seconds": 2.0, "machine": "m", "cores": 2, "versions": {}}
        return types.SimpleNamespace(result=numbers, validation_accuracy=0.5, test_accuracy=0.25)

    monkeypatch.setattr(training, "fit", fit)
    return asked


def rows_of(accuracies: dict[tuple[str, int], list[float]], classes: int = 10) -> pd.DataFrame:
    """Rows of a study by variant and threads, as a table has them; an accuracy that is missing is a failure."""
    command = "sqnn train --model sqdr-cnn --data digits --readout spike --seed 0 --threads 1"
    lines = [
        {
            "variant": variant, "seed": seed, "threads": threads, "model": "sqdr-cnn", "data": "digits",
            "classes": classes, "parameters": 803, "best_epoch": 2, "validation_accuracy": value,
            "test_accuracy": value, "test_loss": value, "seconds": 2.0, "collapsed": int(math.isnan(value)), "note": "",
            "commit": "abc", "machine": "a processor", "cores": 2, "versions": "torch=2", "command": command,
            "settings": "model=sqdr-cnn readout=spike",
        }
        for (variant, threads), values in accuracies.items()
        for seed, value in enumerate(values)
    ]  # fmt: skip
    return SeedStudy.schema().frame(lines)


def test_every_row_is_the_training_that_its_command_names(tmp_path: Path, digits: sqnn.ImageData) -> None:
    """The same networks trained by `fit`, seed by seed, in the number of threads that the row states."""
    vary = {"spikes": {"readout": "spike"}, "direct": {"readout": "membrane", "learning_rate": 0.02}}
    rows = sqnn.study("seeds", digits, seeds=[3], threads=(2, 1), vary=vary, out=tmp_path / "s", **SIZES, **HERE)
    assert [(*row,) for row in rows.frame[["threads", "seed", "variant"]].itertuples(index=False)] == [
        (threads, seed, variant) for threads in (2, 1) for seed in (3,) for variant in vary
    ]
    for row in rows.frame[rows.threads == 1].itertuples():
        settings = {"epochs": 1, "batch_size": 50, "seed": row.seed}
        settings |= {"learning_rate": 0.02} if row.variant == "direct" else {}
        model = sqnn.create_model(
            "sqdr-cnn", digits, seed=row.seed, channels=(2, 3), n_qubits=3, readout=vary[row.variant]["readout"]
        )
        run = sqnn.fit(model, digits, out=tmp_path / f"{row.variant}{row.seed}", progress=False, **settings)
        assert (run.test_accuracy, run.result["test_loss"]) == (row.test_accuracy, row.test_loss)
        assert run.parameters["total"] == row.parameters
    assert torch.get_num_threads() == 1, "threads of the caller are put back"
    assert "--readout membrane --learning-rate 0.02 --seed 3" in rows.command[rows.variant == "direct"].iloc[-1]
    assert rows.table().columns[0] == "variant"
    assert "$\\pm$" in rows.to_latex()


def test_it_goes_on_in_its_folder_and_takes_more_of_everything(
    tmp_path: Path, digits: sqnn.ImageData, trained: list[dict[str, object]]
) -> None:
    options = {"out": tmp_path / "s", **SIZES, **HERE}
    first = sqnn.study("seeds", digits, seeds="0:2", **options)
    again = sqnn.study("seeds", digits, seeds="0,1,2", vary=["sqdr-cnn:", "optimizer=sgd"], **options)
    assert len(trained) == 2 + 4
    assert list(again.variant) == ["sqdr-cnn", "optimizer=sgd"] * 3
    pd.testing.assert_frame_equal(again.frame[again.variant == "sqdr-cnn"][:2].reset_index(drop=True), first.frame)
    with pytest.raises(RunError, match=r"holds something else than this study \(epochs: 1 there, 2 asked\)"):
        sqnn.study("seeds", digits, **{**options, "epochs": 2})
    same_name = sqnn.study("seeds", digits, seeds="0:1", vary={"optimizer=sgd": {"optimizer": "adamw"}}, **options)
    assert len(trained) == 7, "a name that means something else is another variant"
    assert same_name.settings
    assert len(same_name.folder.rows()) == 7
    assert len({asked["out"] for asked in trained}) == 7, "each run has a folder of its own"


def test_a_training_that_does_not_stay_finite_is_a_row(
    tmp_path: Path, digits: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*arguments, **options) -> sqnn.Run:
        raise training.NotFiniteError("loss became nan in epoch 3;\nlower learning_rate")

    monkeypatch.setattr(training, "fit", fit)
    rows = sqnn.study("seeds", digits, seeds=1, out=tmp_path / "s", **SIZES, **HERE)
    (row,) = rows.frame.to_dict("records")
    assert (row["collapsed"], row["note"]) == (1, "loss became nan in epoch 3; lower learning_rate")
    assert math.isnan(row["test_accuracy"])
    assert rows.folder.rows()[0]["test_accuracy"] is None
    assert summarise_seeds(rows.frame)[["n", "collapsed"]].to_numpy().tolist() == [[0, 1]]
    assert "collapsed: sqdr-cnn, seed 0, 1 thread: loss became nan in epoch 3" in str(
        list(SeedStudy.report(rows.frame))
    )


def test_what_a_run_warns_of_is_in_its_row(
    tmp_path: Path, digits: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    for signs, row in (([], [0, ""]), (["silent;\nlower it", "at chance"], [1, "silent; lower it; at chance"])):
        monkeypatch.setattr("sqnn.training.session.collapse_signs", lambda *arguments, signs=signs: signs)
        rows = sqnn.study("seeds", digits, seeds=1, out=tmp_path / str(len(signs)), **SIZES, **HERE)
        assert rows.frame[["collapsed", "note"]].fillna("").to_numpy().tolist() == [row]


@given(st.lists(st.integers(0, 359), min_size=2, max_size=50), st.lists(st.integers(0, 359), min_size=2, max_size=9))
def test_the_summary_is_that_of_the_values(one: list[int], two: list[int]) -> None:
    accuracies = {("a", 1): [n / 359 for n in one], ("a", 2): [n / 359 for n in two]}
    summary = summarise_seeds(rows_of(accuracies)).set_index("threads")
    for threads, values in zip(("1", "2", "all"), (one, two, one + two), strict=True):
        line, shares = summary.loc[threads], np.array(values) / 359
        assert (line.n, line.least, line.largest) == (len(values), shares.min(), shares.max())
        assert line["mean"] == pytest.approx(shares.mean())
        assert line["std"] == pytest.approx(shares.std(ddof=1), abs=1e-9)
        half = np.clip(line["mean"] - line.low, 0, 1)
        assert half <= 12.8 * shares.std(ddof=1) / math.sqrt(len(values)) * 1.01  # t of one degree of freedom: 12.7
    assert summary.loc["all"].command.endswith(f"--seeds 0:{max(len(one), len(two))} --threads 1,2")


def test_one_training_has_no_interval() -> None:
    line = summarise_seeds(rows_of({("a", 1): [0.9]})).iloc[0]
    assert (line["mean"], line.least, line.threads) == (0.9, 0.9, "1")
    assert math.isnan(line.low)
    assert math.isnan(line["std"])


@pytest.mark.parametrize("number", [5, 50])
def test_the_strip_has_a_dot_per_training_and_says_where_chance_is(number: int) -> None:
    high = [0.9 + n / 1000 for n in range(number)]
    figure = plot_seeds(rows_of({("a", 1): high, ("a", 2): [*high[1:], math.nan]}))
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [number, number - 1]
    means = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2]
    assert means == pytest.approx([100 * np.mean(high), 100 * np.mean(high[1:])])
    assert "chance: 10 %, below this axis" in axes.get_xlabel()
    assert axes.get_ylabel() == "test accuracy (%)"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1 thread", "2 threads\n(1 failed)"]
    low = plot_seeds(rows_of({("a", 1): [0.12, 0.5], ("b", 1): [0.3]}))
    assert "chance, 10 %" in [text.get_text() for text in low.axes[0].texts]
    assert low.axes[0].get_xlabel() == "variant"


def test_dots_of_one_height_do_not_cover_each_other() -> None:
    figure = plot_seeds(rows_of({("a", 1): [0.9] * 20 + [0.8]}))
    (dots,) = [line for line in figure.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata())]
    across = np.sort(np.asarray(dots.get_xdata())[:20])
    assert (np.diff(across) > 0.01).all()
    assert abs(across).max() < 0.5


def test_workers_times_threads_are_at_most_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def local(workers: int) -> None:
        started.append(workers)
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "_local_client", local)
    monkeypatch.setattr("dask.system.CPU_COUNT", 4)
    for threads in (1, 2, 3, 8):
        with pytest.raises(KeyboardInterrupt):
            next(cluster.run_tasks(lambda shared, task: None, [None], [(0, n) for n in range(9)], threads=threads))
    assert started == [4, 2, 1, 1]


def test_threads_are_measured_one_number_after_the_other(
    tmp_path: Path, digits: sqnn.ImageData, trained: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def tasks(function, shared, tasks, *, threads: int, **places):
        asked.append((threads, len(tasks)))
        yield [(number, function(shared[which], task)) for number, (which, task) in enumerate(tasks)]

    monkeypatch.setattr("sqnn.studies.runner.run.run_tasks", tasks)
    rows = sqnn.study("seeds", digits, seeds=2, threads="1,2", out=tmp_path / "s", progress=False, **SIZES)
    assert asked == [(1, 2), (2, 2)]
    assert list(rows.threads) == [1, 1, 2, 2] == [options["threads"] for options in trained]


def test_the_command_takes_the_options_of_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["study", "seeds", *FLAGS, "--vary", "a: readout=membrane", "--vary", "b: n-qubits=4 learning-rate=1e-2"]
    assert main([*line, "--seeds", "1", "--workers", "0", "--json", "told.json"]) == 0
    told = json.loads(Path("told.json").read_text())
    assert [row["variant"] for row in told["rows"]] == ["a", "b"]
    assert told["folder"] == "runs/seeds-1"
    assert imread("runs/seeds-1/seeds.png").std() > 0.03
    printed = capsys.readouterr().out
    for row, words in zip(told["summary"], ("--readout membrane", "--n-qubits 4 --learning-rate 0.01"), strict=True):
        assert words in row["command"]
        assert row["command"] in printed
    assert "learning_rate=0.01" in told["rows"][1]["settings"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seeds": "3:1"}, "seeds: got '3:1', expected how many"),
        ({"seeds": "many"}, "seeds: got 'many', expected how many"),
        ({"seeds": 0}, "seeds: got 0, expected how many"),
        ({"seeds": 10**11}, "seeds: got 100000000000, expected at most 1,000,000 seeds"),
        ({"seeds": "7,0:10,5:2000000"}, "seeds: got '7,0:10,5:2000000', expected at most 1,000,000 seeds"),
        ({"seeds": "5000000000:5000000002"}, "seeds: got 5000000000, expected a whole number from 0 to 4,294,967,295"),
        ({"seeds": [-1]}, "seeds: got -1, expected a whole number from 0"),
        ({"threads": 0}, "threads: got 0, expected"),
        ({"threads": (1, 0)}, "threads: got 0, expected a whole number from 1"),
        ({"epoch": 3}, "epoch: no such option of this study; did you mean 'epochs'?"),
        ({"epochs": 0}, "epochs: got 0"),
        ({"vary": "a"}, "vary: got 'a', expected settings such as"),
        ({"vary": ["a: readout=spike", "a: readout=membrane"]}, "vary: got 'a: readout=membrane', expected variants"),
        ({"vary": "slow: learning_rate=fast"}, "vary: slow: learning_rate: got 'fast', expected a number"),
        ({"vary": {"a": {"seed": 3}}}, "vary: a: seed: is no setting of a variant; give the study's option seeds"),
        ({"vary": "a: reedout=spike"}, "vary: a: reedout: no such option of sqdr-cnn or of its training; did you"),
        ({"width": 3}, "width: is an option of has8-vgg"),
        ({"vary": 5}, "vary: got 5, expected texts"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, digits: sqnn.ImageData, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        sqnn.study("seeds", digits, out=tmp_path / "s", **options, **HERE)
    assert str(caught.value).startswith(words)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "s").exists()


@given(st.sets(st.integers(0, 60), min_size=1))
def test_seeds_are_read_as_they_are_written(seeds: set[int]) -> None:
    text = ",".join(map(str, sorted(seeds)))
    assert SeedStudy(seeds=f"{text},{max(seeds)}:{max(seeds) + 2}").seeds == (*sorted(seeds), max(seeds) + 1)
    assert SeedStudy(seeds=list(seeds)).seeds == tuple(seeds)
    assert SeedStudy(seeds=max(seeds) + 1).seeds == SeedStudy(seeds=f"0:{max(seeds) + 1}").seeds
    assert STUDIES["seeds"] is SeedStudy


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, digits: sqnn.ImageData) -> tuple[Path, sqnn.Run]:
    """A table of three trainings, and the run of another seed with the settings of them all."""
    folder = tmp_path_factory.mktemp("record")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqnn.Run, "plot", lambda run, path=None: None)
        rows = sqnn.study("seeds", digits, seeds=3, out=folder / "s", **SIZES, **HERE)
        model = sqnn.create_model("sqdr-cnn", digits, seed=7, channels=(2, 3), n_qubits=3)
        run = sqnn.fit(model, digits, out=folder / "r", epochs=1, batch_size=50, seed=7, threads=2, progress=False)
    return rows.path, run


def test_a_run_is_found_among_the_trainings_with_its_settings(record: tuple[Path, sqnn.Run], tmp_path: Path) -> None:
    table, run = record
    settings = RunFolder(run.folder).run_settings()
    accuracies = pd.read_csv(table).test_accuracy
    found = published_range(settings, table)
    assert isinstance(found, Published)
    assert (found.n, found.least, found.largest) == (3, accuracies.min(), accuracies.max())
    assert found.mean == pytest.approx(accuracies.mean())
    assert found.place(found.least) == "inside the published range"
    assert found.place(found.largest + 0.01) == "above the published range"
    assert found.place(found.least - 0.01) == "below the published range"
    assert "3 trainings, mean" in str(found)
    other = dataclasses.replace(settings, training=dataclasses.replace(settings.training, learning_rate=0.3))
    assert published_range(other, table) == (
        "no figure is published for these settings (learning_rate: 0.015 there, 0.3 here)"
    )
    fewer = dataclasses.replace(settings, data_sha256="0" * 64)
    assert "(images: " in str(published_range(fewer, table))
    with pytest.raises(ConfigError, match="expect: no file "):
        published_range(settings, tmp_path / "none.csv")


def test_a_setting_that_one_version_had_not_yet_is_at_its_default(
    record: tuple[Path, sqnn.Run], tmp_path: Path
) -> None:
    table, run = record
    rows = pd.read_csv(table, keep_default_na=False)
    rows["settings"] = [f"{text} retired=1".replace(" schedule=one-cycle", "") for text in rows.settings]
    older = tmp_path / "older.csv"
    SeedStudy.table(older).append(rows.drop(columns="sha256").to_dict("records"))
    assert isinstance(published_range(RunFolder(run.folder).run_settings(), older), Published)


def test_evaluate_says_where_a_run_lies(
    record: tuple[Path, sqnn.Run], monkeypatch: pytest.MonkeyPatch, digits: sqnn.ImageData, capsys, tmp_path: Path
) -> None:
    table, run = record
    monkeypatch.setattr("sqnn.cli.evaluate.open_data", lambda *arguments: digits)
    assert main(["evaluate", str(run.folder), "--expect", str(table), "--json", str(tmp_path / "told.json")]) == 0
    accuracy = f"{json.loads((tmp_path / 'told.json').read_text())['accuracy']:.2%}"
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "published range" in line]
    assert line.startswith(f"{accuracy}: ")
    assert " the published range: 3 trainings, mean " in line
    for words in (["--noise", "depolarizing:0.1"], ["--split", "validation"], ["--data", "digits"]):
        assert main(["evaluate", str(run.folder), "--expect", str(table), *words]) == 2
        assert capsys.readouterr().err.startswith("sqnn: expect: got ")
    assert main(["evaluate", str(run.folder / "model.safetensors"), "--expect", str(table)]) == 2
    assert "expected a run's folder beside --expect" in capsys.readouterr().err
