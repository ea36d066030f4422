"""A comparison: its rows, tests, refusals and command."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
import pickle
import types
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

import sqnn
from sqnn.cli import main
from sqnn.core import ConfigError
from sqnn.data import DataError
from sqnn.studies import STUDIES, CompareStudy
from sqnn.studies.compare import study
from sqnn.studies.compare.budget import largest_widths
from sqnn.studies.compare.parts import noisy
from sqnn.studies.compare.rivals import parse_models
from sqnn.training import RunError

SMALL = "sqdr-cnn:channels=2:n_qubits=2"
HERE = {"workers": 0, "progress": False}
OWN = """
from torch import nn


def make(width=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
"""


def test_settings_of_the_comparison_stand_between_those_of_a_recipe_and_those_that_are_given(
    digits: sqnn.ImageData,
) -> None:
    (entry,) = (rival.entry(digits, None, {"epochs": 4, "batch_size": 9}) for rival in parse_models("paper:epochs=3"))
    assert (entry.config.epochs, entry.config.batch_size, entry.config.learning_rate) == (3, 9, 0.05)
    # Three epochs of batches of nine: seven passes over nine images make 21 steps, two over thirty 3 x 7.
    assert [entry.passes(images, 20, 3) for images in (9, 30, 90, 91, 900)] == [7, 2, 1, 1, 1]
    # A last image of its own joins the batch before.
    assert [entry.passes(images, 20, 3) for images in (55, 56)] == [2, 1]


def test_all_networks_get_the_same_tries_and_no_try_sees_the_test_images(
    tmp_path: Path, few: sqnn.ImageData, trained: list[dict[str, object]]
) -> None:
    models, sizes = [SMALL, "snn-mlp:hidden=3"], {"tuning": 4, "tuning_epochs": 2, "epochs": 5, "batch_size": 20}
    rows = sqnn.study("compare", few, models=models, seeds=2, out=tmp_path / "c", **sizes, **HERE)
    tries = [asked for asked in trained if Path(str(asked["out"])).name == "try"]
    final = [asked for asked in trained if Path(str(asked["out"])).name != "try"]
    assert [len(tries), len(final)] == [8, 4]
    assert {(asked["epochs"], asked["seed"]) for asked in tries} == {(2, 0)}
    assert all(asked["data"].test is few.validation for asked in tries)
    assert all(asked["data"] is few for asked in final)
    for label, own in (("sqdr-cnn-channels-2-n-qubits-2", 0.015), ("snn-mlp-hidden-3", 0.002)):
        rates = [asked["learning_rate"] for asked in tries if label in str(asked["out"])]
        assert rates[0] == own, "the first try is the network's own"
        best = min(rates, key=lambda rate: abs(math.log10(rate) + 2))
        chosen = [asked["learning_rate"] for asked in final if label in str(asked["out"])]
        assert chosen == [best, best]
    assert rows.tries.tolist() == [4] * 4
    assert list(rows.model) == models * 2
    assert set(rows.learning_rate) == {asked["learning_rate"] for asked in final}


def test_it_goes_on_in_its_folder_and_takes_more_of_everything(
    tmp_path: Path, few: sqnn.ImageData, trained: list[dict[str, object]]
) -> None:
    options = {"out": tmp_path / "c", "epochs": 2, "batch_size": 30, "least_steps": 10, "noise": (0.2, 0.5), **HERE}
    first = sqnn.study("compare", few, models=SMALL, seeds=1, **options)
    assert first.noise.tolist() == [0.0, 0.2, 0.5]
    assert first.budget.isna().all()
    more = sqnn.study("compare", few, models=[SMALL, "snn-mlp:hidden=3"], seeds=2, train_images="50,100", **options)
    assert len(trained) == 8
    pd.testing.assert_frame_equal(
        more.frame[(more.model == SMALL) & (more.seed == 0) & (more.train_images == 100)].reset_index(drop=True),
        first.frame,
    )
    titles = [panel.title for panel in CompareStudy.report(more.frame) if not isinstance(panel, str)]
    assert titles[0] == "digits, 50 training images, 2 seeds"
    assert titles[5] == "digits, 100 training images: test accuracy in pairs of the same seed"
    # Two epochs of batches of thirty, at least ten steps: three passes of 50 images make five steps, of 100 ten.
    epochs = {row.train_images: row.epochs for row in more.frame.itertuples()}
    assert epochs == {100: 2 * 2, 50: 2 * 3}
    assert {asked["epochs"] for asked in trained} == {2}
    part = {asked["seed"]: asked["data"] for asked in trained if len(asked["data"].train) == 150}
    assert all(torch.equal(data.train.images[:50], data.train.images[100:]) for data in part.values())
    assert torch.equal(part[0].validation.images, few.validation.images)
    assert not torch.equal(part[0].train.images, part[1].train.images), "each seed draws a part of its own"
    with pytest.raises(
        RunError, match=r"holds something else than this comparison \(budget: nothing there, 900 asked\)"
    ):
        sqnn.study("compare", few, models=SMALL, seeds=1, budget=900, **options)


def test_changed_code_of_a_network_of_ones_own_trains_anew(
    tmp_path: Path, few: sqnn.ImageData, trained: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("nets.py")

    def compared(models: object) -> int:
        rows = sqnn.study("compare", few, models=models, seeds=1, epochs=1, out=tmp_path / "c", **HERE)
        assert len(rows.frame) == 1
        return len(trained)

    for number, text in enumerate((OWN, OWN.replace("ReLU", "Tanh"))):
        file.write_text(text)
        assert [compared({"mine": "nets.py:make"}) for _ in range(2)] == [number + 1] * 2
    file.write_text(OWN)
    assert compared({"mine": "nets.py:make"}) == 2, "the first code has its rows"

    def relu(width: int = 4) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

    def tanh(width: int = 4) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 10))

    unnamed = [
        lambda: relu(4),
        lambda: tanh(4),
    ]
    for number, make in enumerate((relu, tanh, *unnamed, functools.partial(tanh, width=4))):
        assert [compared({"mine": make}) for _ in range(2)] == [number + 3] * 2
    table = STUDIES["compare"].table(tmp_path / "c" / "compare.csv").read()
    assert table.settings.nunique() == len(table) == 7


def test_a_file_is_the_one_it_was_until_all_seeds_are_trained(
    tmp_path: Path, few: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(OWN)
    first = parse_models("nets.py:make")[0].entry(few, None, {})
    assert isinstance(first.build(few, 0)[2], nn.ReLU)
    Path("nets.py").write_text(OWN.replace("ReLU", "Tanh"))
    with pytest.raises(ConfigError, match=r"^models: the code of nets\.py:make changed while it was trained; give"):
        first.build(few, 1)
    second = parse_models("nets.py:make")[0].entry(few, None, {})
    assert isinstance(second.build(few, 0)[2], nn.Tanh)
    given = parse_models({"nets.py:make": "nets.py:make:width=4"})[0].entry(few, None, {})
    assert len({first.text, second.text, given.text}) == 3, "arguments of the function as well"


def test_a_lower_bound_of_effective_parameters_is_no_number(
    tmp_path: Path, few: sqnn.ImageData, trained: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"models": SMALL, "epochs": 1, "out": tmp_path / "c", **HERE}
    assert sqnn.study("compare", few, seeds=1, **options).effective.tolist() == [5]
    monkeypatch.setattr(study, "effective_parameters", lambda *_: types.SimpleNamespace(rank=5, settled=False))
    assert sqnn.study("compare", few, seeds=2, **options).effective.notna().tolist() == [True, False]


def test_every_row_is_the_training_that_its_settings_name(
    tmp_path: Path, few: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, with a network in a file beside one of the package: the same networks trained by `fit`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sqnn.Run, "plot", lambda run, path=None: None)
    monkeypatch.setattr("sqnn.cli.study_command.named_data", lambda name, *arguments, **options: few)
    Path("nets.py").write_text(OWN)
    line = (
        f"compare --models {SMALL},nets.py:make:width=3 --budget 400 --seeds 4:5 --epochs 1 --batch-size 50 --noise 0.3"
    )
    assert main([*line.split(), "--workers", "0", "--no-progress", "--json", "told.json"]) == 0
    assert "digits, 100 training images, 1 seed" in " ".join(capsys.readouterr().out.split())
    for ending, effect in (("md", "d_z"), ("tex", "$d_z$")):
        text = Path(f"runs/compare-1/compare.{ending}").read_text()
        assert text.count(effect) == 1, "the paired tests"
        assert text.index("nets.py:make:width=3") < text.index(effect)
    told = json.loads(Path("told.json").read_text())
    assert told["study"]["models"] == [SMALL, "nets.py:make:width=3"]
    same = CompareStudy(models=told["study"]["models"], budget=400)
    prepared = same.prepare(few)
    for sent in (same, same.share(prepared, same.cells(prepared), tmp_path)):
        assert repr(pickle.loads(pickle.dumps(sent))) == repr(sent), "what workers are sent"
    rows = STUDIES["compare"].table("runs/compare-1/compare.csv").read()
    assert len(rows) == len(told["summary"]) == 4
    widths = largest_widths(400, "sqdr-cnn", few, {"channels": (2,), "n_qubits": 2})
    builds = {
        SMALL: lambda seed: sqnn.create_model("sqdr-cnn", few, seed=seed, **widths),
        "nets.py:make:width=3": lambda seed: made_by_hand(seed),
    }
    clean = rows[rows.noise == 0].set_index(["model", "seed"])
    for label, build in builds.items():
        run = sqnn.fit(
            build(4), few, out=tmp_path / label[:4], progress=False, epochs=1, batch_size=50, seed=4, threads=1
        )
        row = clean.loc[(label, 4)]
        assert row.test_accuracy == run.test_accuracy
        assert row.validation_accuracy == run.validation_accuracy
        assert row.parameters == run.parameters["total"] <= 400
        noise = rows[(rows.model == label) & (rows.seed == 4) & (rows.noise == 0.3)]
        images = noisy(few.test, 0.3, 4)
        assert noise.test_accuracy.item() == pytest.approx(
            (sqnn.predict(run.model, images.floats()).argmax(-1) == images.labels).double().mean().item()
        )


def made_by_hand(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU(), nn.Linear(3, 10))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"train_images": (101,)}, "train_images: got 101, expected at most the 100 training images of digits"),
        ({"tuning_epochs": 2}, "tuning_epochs: got 2, expected none, or one beside --tuning"),
        ({"models": "sqdr-cnn:width=2"}, "models: sqdr-cnn:width=2: width: is an option of has8-vgg"),
        (
            {"models": "snn-mlp:hiden=3"},
            "models: snn-mlp:hiden=3: hiden: no such option of snn-mlp or of its training; did you mean 'hidden'",
        ),
        ({"models": "sqdr-cnn:seed=2"}, "models: sqdr-cnn:seed=2: seed: is no setting of a variant"),
        ({"models": "nowhere.py:make"}, "models: nowhere.py:make: model: nowhere.py:make cannot be imported"),
        ({"models": lambda: nn.Flatten()}, "models: .*model: no gradient reaches|models: .*got no weight that learns"),
    ],
)
def test_wrong_options_are_one_line_before_anything_is_trained(
    few: sqnn.ImageData, options: dict[str, object], expected: str, trained: list[dict[str, object]]
) -> None:
    with pytest.raises(ConfigError, match=f"^({expected})") as caught:
        sqnn.study("compare", few, **options, **HERE)
    assert len(str(caught.value).splitlines()) == 1
    assert trained == []


def test_arguments_that_a_function_does_not_take_are_told(
    tmp_path: Path, few: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(OWN)
    told = (
        r"^models: nets\.py:make:w=8: model: nets\.py:make\(w=8\) makes .*'w'.*; give it the arguments that it takes$"
    )
    with pytest.raises(ConfigError, match=told):
        sqnn.study("compare", few, models="nets.py:make:w=8", **HERE)


def test_the_command_names_its_own_options(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(*arguments: object, **options: object) -> None:
        raise DataError("name: 'mnist' is not found, and could not be saved")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sqnn.data.load_data", load)
    for line, told in (
        ("--data mnist", "data: 'mnist' is not found"),
        ("--models logistic --against tiny-cnn", "against: got 'tiny-cnn', expected one of logistic"),
        ("--seeds 0", "seeds: got '0', expected how many (5)"),
        ("--seeds 99999999999", "seeds: got '99999999999', expected at most 1,000,000 seeds, such as 5 or 0:10"),
    ):
        assert main(["compare", *line.split()]) == 2
        assert " ".join(capsys.readouterr().err.split()).startswith(f"sqnn: {told}")


def test_several_image_sets_are_compared_on(
    tmp_path: Path, few: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[sqnn.ImageData] = []

    def run(study: CompareStudy, *sets: sqnn.ImageData, **options: object) -> None:
        seen.extend(sets)
        raise ConfigError("out: enough")

    monkeypatch.setattr("sqnn.cli.study_command.run_study", run)
    monkeypatch.setattr(
        "sqnn.cli.study_command.named_data", lambda name, *arguments, **options: dataclasses.replace(few, name=name)
    )
    assert main(["compare", "--data", "mnist, kmnist"]) == 2
    monkeypatch.chdir(tmp_path)
    for folder in ("b", "a,b"):
        Path(folder).mkdir()
    for line, names in (
        (f"mnist,{tmp_path / 'b'}", ["mnist", str(tmp_path / "b")]),
        (f"{tmp_path}/a,b, b ,digits", [f"{tmp_path}/a,b", "b", "digits"]),
        ("a,b", ["a,b"]),
    ):
        already = len(seen)
        assert main(["compare", "--data", line]) == 2
        assert [data.name for data in seen[already:]] == names
    del seen[2:]
    asked = CompareStudy(models=[SMALL, "snn-mlp:hidden=3"], seeds="7,8", train_images=(20, 100))
    cells = asked.cells(asked.prepare(*seen))
    listed = [(cell.data, cell.train_images, cell.seed, cell.model) for cell in cells]
    assert listed == list(itertools.product(("mnist", "kmnist"), (20, 100), (7, 8), (SMALL, "snn-mlp:hidden=3")))


def test_image_sets_have_names_of_their_own(few: sqnn.ImageData) -> None:
    with pytest.raises(ConfigError, match=r"^data: got 'digits', expected image sets with names of their own$"):
        sqnn.study("compare", few, few, **HERE)
