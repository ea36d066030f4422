"""A study is a declaration: thirty lines give a folder, a table, a command, and a way on after a kill."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import typer
import yaml
from matplotlib.figure import Figure
from torch import nn
from typer.testing import CliRunner

import sqnn
from noise_models.choices import Choices
from sqnn import training
from sqnn.cli.study_command import study_command
from sqnn.core import ConfigError, option
from sqnn.studies import (
    STUDIES,
    EncoderStudy,
    RowsFolder,
    Study,
    StudyError,
    StudyFrame,
    StudyTable,
    TableError,
    encoder_study,
    run_study,
)
from sqnn.training import RunError

FORK = multiprocessing.get_context("fork")
FILES = Path(__file__).parent / "files"
"""Tables and settings as version 0.1.0 wrote them before there was one table for all studies."""


class Walk(NamedTuple):
    start: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class WalkStudy(Study[None, Walk]):
    """Walk upwards from every start, one step after the other.

    Examples:

    mine walks --starts 1,2
    """

    name = "walks"
    title = "walks upwards"
    columns = {"start": int, "step": int, "height": float, "note": str}  # noqa: RUF012
    key = ("start", "step")
    axes = ("starts",)
    needs_folder = True

    starts: tuple[int, ...] = option((1, 2, 3), "where to begin, with commas", least=0)
    steps: int = option(4, "steps per walk", least=1)
    slope: float = option(0.5, "height of a step", above=0)

    def cells(self, subject: None = None) -> list[Walk]:
        return [Walk(start) for start in self.starts]

    def share(self, subject: None, cells: Sequence[Walk], folder: Path) -> list[tuple[Path, Walk]]:
        return [(folder, cell) for cell in cells]

    def measure(self, cell: Walk, subject: Path) -> list[dict]:
        return [
            {"step": step, "height": cell.start + step * self.slope, "note": "a, b"}
            for step in self.walk(cell, subject)
        ]

    def walk(self, cell: Walk, folder: Path) -> range:
        """What stands for a training: every step is on the disk, and done once."""
        log = folder / f"walk-{cell.start}.txt"
        log.touch()
        for step in range(len(log.read_text().split()), self.steps):
            with log.open("a") as file:
                file.write(f"{step}\n")
            if (folder.parent / f"kill-{cell.start}-{step}").exists():
                os.kill(os.getpid(), signal.SIGKILL)
        if (folder.parent / f"fail-{cell.start}").exists():
            raise ValueError("it\nbroke")
        return range(self.steps)

    @classmethod
    def plot(cls, rows: pd.DataFrame, **options: object) -> Figure:
        figure = Figure()
        figure.subplots().plot(rows.step, rows.height)
        return figure


MINE = Choices("study", {"walks": WalkStudy})


def expected(study: WalkStudy) -> pd.DataFrame:
    rows = [(s, n, s + n * study.slope, "a, b") for s in study.starts for n in range(study.steps)]
    return pd.DataFrame(rows, columns=["start", "step", "height", "note"])


def run(out: Path, **options: object) -> StudyFrame:
    return run_study(MINE.pick("walks").read(options), out=out, progress=False)


def test_a_killed_study_goes_on_within_its_cell(tmp_path: Path) -> None:
    """Killed in the second step of the second walk: the first is kept, and no step is done twice."""
    (tmp_path / "kill-2-1").touch()
    process = FORK.Process(target=run, args=(tmp_path / "out",))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert {row["start"] for row in RowsFolder(tmp_path / "out", WalkStudy).rows()} == {1}
    (tmp_path / "kill-2-1").unlink()
    rows = run(tmp_path / "out")
    pd.testing.assert_frame_equal(rows.frame, expected(WalkStudy()))
    for start in (1, 2, 3):
        assert (tmp_path / "out" / f"walk-{start}.txt").read_text().split() == ["0", "1", "2", "3"]
    pd.testing.assert_frame_equal(rows.folder.table.read(), rows.frame)


def test_the_same_folder_takes_more_of_an_axis_and_no_other_study(tmp_path: Path) -> None:
    run(tmp_path / "out", starts=(1, 2))
    more = run(tmp_path / "out", starts="5,2")
    pd.testing.assert_frame_equal(more.frame, expected(WalkStudy(starts=(5, 2))))
    assert [row["start"] for row in more.folder.rows()] == [1] * 4 + [2] * 4 + [5] * 4
    with pytest.raises(RunError, match=r"out: .* holds something else than this study"):
        run(tmp_path / "out", steps=5)


def test_failures_are_collected_and_the_rest_is_kept(tmp_path: Path) -> None:
    for start in (1, 3):
        (tmp_path / f"fail-{start}").touch()
    with pytest.raises(StudyError) as caught:
        run(tmp_path / "out")
    table = tmp_path / "out" / "walks.csv"
    assert str(caught.value) == (
        f"study: the cell 1 failed (it broke), and so did 1 other; 4 finished rows are in {table}"
    )
    pd.testing.assert_frame_equal(caught.value.finished.frame, expected(WalkStudy(starts=(2,))))
    assert caught.value.finished.folder.path == tmp_path / "out"
    for start in (1, 3):
        (tmp_path / f"fail-{start}").unlink()
    pd.testing.assert_frame_equal(run(tmp_path / "out").frame, expected(WalkStudy()))


def test_processes_measure_the_same_rows(tmp_path: Path, digits: sqnn.ImageData) -> None:
    options = {"width": 1, "hidden": (8,), "images": 8, "seeds": 2, "surrogates": "detached", "progress": False}
    here, there = (sqnn.study("layers", digits, workers=workers, **options).frame for workers in (0, 2))
    pd.testing.assert_frame_equal(there, here, check_exact=True)


def test_the_command_is_made_from_the_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.callback()(lambda: None)
    for name, kind in MINE.items():
        app.command(name)(study_command(kind))
    line = ["walks", "--starts", "1,2", "--steps", "2", "--no-progress", "--json", "told.json"]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "fail-2").touch()
    failed = CliRunner().invoke(app, line)
    assert isinstance(failed.exception, StudyError)
    assert "rows: runs/walks-1/walks.csv" in failed.output, "the finished cell has its report"
    assert json.loads(Path("told.json").read_text())["failure"] == str(failed.exception)
    (tmp_path / "runs" / "fail-2").unlink()
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    told = json.loads(Path("told.json").read_text())
    assert told["study"] == {"starts": [1, 2], "steps": 2, "slope": 0.5, "study": "walks"}
    assert [row["height"] for row in told["rows"]] == [1.0, 1.5, 2.0, 2.5]
    assert told["folder"] == "runs/walks-1"
    assert Path(told["picture"]).read_bytes()[1:4] == b"PNG"
    assert "rows: runs/walks-1/walks.csv" in result.output
    assert CliRunner().invoke(app, [*line, "--steps", "3"]).exit_code == 0
    assert Path("runs/walks-2").is_dir(), "other steps are another study"
    shown = CliRunner().invoke(app, ["walks", "--help"], env={"COLUMNS": "200"}).output
    for words in ("--starts", "where to begin, with commas", "steps per walk (at least 1; default: 4)", "--workers"):
        assert words in shown
    assert isinstance(CliRunner().invoke(app, ["walks", "--slope", "0"]).exception, ConfigError)


def test_wrong_options_are_one_line() -> None:
    with pytest.raises(ConfigError, match=r"study: got 'layer', expected one of layers, .*; did you mean 'layers'\?"):
        sqnn.study("layer")
    with pytest.raises(ConfigError, match=r"seed: no such option of this study; did you mean 'seeds'\?"):
        sqnn.study("gradients", seed=1)
    with pytest.raises(ConfigError, match="workers: got 2, expected 0: times"):
        sqnn.study("gradients", workers=2)


@pytest.mark.filterwarnings("ignore::sqnn.core.RecordWarning")
@pytest.mark.parametrize("name", STUDIES)
def test_tables_of_earlier_versions_are_read_to_the_last_bit(name: str, tmp_path: Path) -> None:
    """Every field is what it was written as, and further rows are appended below them."""
    path = shutil.copy(FILES / f"{name}.csv", tmp_path)
    old = pd.read_csv(path, dtype=str, keep_default_na=False)
    table = StudyTable(Path(path), STUDIES[name].schema())
    rows = table.rows()
    assert len(rows) == len(old) > 1
    for row, line in zip(rows, old.to_dict("records"), strict=True):
        assert [table.schema.field(column, value) for column, value in row.items()] == [line[c] for c in row]
    assert table.append(rows) == 0
    changed = {**rows[-1], "seed": 99, "strength": 0.77, "method": "max"}
    assert table.append([{column: changed[column] for column in table.schema.columns}]) == 1
    assert Path(path).read_text().startswith((FILES / f"{name}.csv").read_text())
    assert table.rows()[:-1] == rows


@pytest.mark.filterwarnings("ignore::sqnn.core.RecordWarning")
def test_a_folder_of_an_earlier_version_goes_on(tmp_path: Path, digits: sqnn.ImageData, monkeypatch) -> None:
    shutil.copy(FILES / "encoders.csv", tmp_path)
    settings = yaml.safe_load((FILES / "encoders.yaml").read_text())
    settings["training"]["retired"] = 0.0
    del settings["network"]["detach_reset"]
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    choices = {"variants": ("no-ann", "no-snn"), "surrogates": ("detached",), "rescalings": ("paper",)}
    sizes = {"width": 1, "hidden": (8,), "train_images": 40, "epochs": 1, "batch_size": 20, "learning_rate": 0.02}
    monkeypatch.setattr(training, "fit", lambda *arguments, **options: pytest.fail("it trained again"))
    study = EncoderStudy(seeds=1, **choices, **sizes)
    frame = encoder_study(study, digits.subset(train=50, validation=20, test=30), tmp_path)
    with pytest.raises(RunError, match="holds something else"):
        encoder_study(dataclasses.replace(study, epochs=2), digits.subset(train=50, validation=20, test=30), tmp_path)
    assert frame.test_loss.tolist() == pd.read_csv(FILES / "encoders.csv").test_loss.tolist()


def test_rows_of_one_cell_appear_together_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that dies after any of its writes has appended all rows of the cell or none."""
    real, counts = os.write, set()
    for last in range(1, 40):
        table = WalkStudy.table(tmp_path / f"{last}.csv")
        table.append([{"start": 0, "step": 0, "height": 0.0, "note": ""}])
        done = []

        def write(file: int, data: bytes, last: int = last, done: list = done) -> int:
            if len(done) == last:
                raise KeyboardInterrupt
            done.append(data)
            return real(file, data[:7])

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", write)
            try:
                table.append([{"start": 1, "step": step, "height": step / 3, "note": "x"} for step in range(5)])
            except KeyboardInterrupt:
                counts.add(len(table.rows()))
            else:
                counts.add(len(table.rows()))
                break
        table.append([{"start": 2, "step": 0, "height": 0.0, "note": ""}])
        assert [row["start"] for row in table.rows()] == [0, 2], "the next writer cuts it off"
    assert counts == {1, 6}


def test_a_row_without_its_numbers_is_damage(tmp_path: Path) -> None:
    table = WalkStudy.table(tmp_path / "walks.csv")
    table.append([{"start": 1, "step": 0, "note": ""}])
    with pytest.raises(TableError, match=r"line 2 of .*walks.csv is damaged \(a row without all of its numbers\)"):
        table.rows()


HEAVY = ("dask", "distributed", "pandas", "scipy", "matplotlib", "lightning", "pennylane", "fcntl", "torch")
SCRIPT = """
import sys, types, pathlib
package = types.ModuleType("sqnn")
package.__path__ = [sys.argv[1]]
sys.modules["sqnn"] = package
before = set(sys.modules)
import sqnn.studies
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
print(*[name for name in sys.argv[2:] if name not in dir(sqnn.studies)])
"""


def test_the_door_loads_nothing_heavy() -> None:
    """Alone, without the package's own door, which other rooms stand behind as well."""
    command = [sys.executable, "-c", SCRIPT, str(Path(sqnn.__file__).parent), *sqnn.studies.__all__]
    loaded, missing = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[:2]
    assert set(loaded.split()) & set(HEAVY) == set()
    assert missing == ""


@pytest.mark.parametrize(
    ("name", "subject", "expected"),
    [
        ("encoders", (), "subject: got nothing, expected images: study('encoders', data)"),
        ("layers", ("digits",), "data: got 'digits', expected an ImageData; load_data('digits') gives one"),
        ("gradients", (1,), "subject: got int, expected nothing: study('gradients')"),
        ("conversion", (), "subject: got nothing, expected a network or a run's folder, and images"),
        ("conversion", (5, None), "network: got int, expected a network, its file, or a run's folder"),
        ("conversion", (nn.Identity(),), "data: got None, expected images"),
        ("conversion", ("nowhere",), "path: no file nowhere"),
        ("noise-sweep", (), "subject: got nothing, expected networks or runs' folders, and images"),
    ],
)
def test_a_wrong_subject_is_one_line(name: str, subject: tuple[object, ...], expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}") as caught:
        sqnn.study(name, *subject)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"workers": -1}, "workers: got -1, expected 0: times"),
        ({"scheduler": "tcp://x:1"}, "scheduler: got 'tcp://x:1', expected None: times"),
        ({"out": 5}, "out: got 5, expected the path of a folder"),
    ],
)
def test_a_wrong_place_says_what_came(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}"):
        sqnn.study("gradients", **options)


def test_a_wrong_place_comes_before_the_subject_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match=r"^workers: got -1, expected a whole number of processes"):
        sqnn.study("conversion", "nowhere", workers=-1)
    with pytest.raises(RunError, match=r"^out: .*file is a file, expected a folder"):
        sqnn.study("conversion", "nowhere", out=tmp_path / "file")


def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match=r"^out: .*file is a file, expected a folder$"):
        run(tmp_path / "file")
    run(tmp_path / "out")
    (tmp_path / "out" / "settings.yaml").write_text("study: [walks")
    with pytest.raises(RunError, match=r"^out: .*settings.yaml is damaged .*; choose another folder$"):
        run(tmp_path / "out")

    def refused(self: Path, **options: str) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(RunError, match=r"^out: cannot read .*settings.yaml \(Permission denied\)"):
        run(tmp_path / "out")


def test_the_first_setting_that_differs_is_named(tmp_path: Path) -> None:
    run(tmp_path / "out")
    with pytest.raises(RunError, match=r"holds something else than this study \(steps: \d+ there, 5 asked\); choose"):
        run(tmp_path / "out", steps=5)


@pytest.mark.parametrize("kind", STUDIES.values())
def test_options_of_other_versions_are_at_their_defaults(kind: type[Study]) -> None:
    asked = {"study": kind.name, "network": {"width": 4, "new": 1, "sha256": "a"}, "data": {"name": "digits"}}
    stored = {**asked, "network": {"width": 4, "retired": 2, "sha256": "a"}}
    assert kind.agrees(stored, asked)
    assert kind.difference({**stored, "network": {"width": 5, "sha256": "a"}}, asked) == "width: 5 there, 4 asked"
    assert kind.difference({**stored, "network": {"width": 4}}, asked) == "network.sha256: nothing there, 'a' asked"
    assert kind.difference({**stored, "data": {}}, asked) == "name: nothing there, 'digits' asked"


def test_encoders_have_no_folder_by_accident() -> None:
    with pytest.raises(ConfigError, match="out: got None, expected a folder"):
        EncoderStudy().share(None, [], None)


def test_axes_that_are_none_are_one_line_and_latex_has_no_row_numbers() -> None:
    rows = sqnn.study(
        "gradients", steps=1, seeds=1, algorithms="backprop-lightcone", initials="uniform", progress=False
    )
    with pytest.raises(ValueError, match=r"^ax: got 5, expected axes of matplotlib, one per panel$"):
        rows.plot(ax=5)
    lines = rows.to_latex().splitlines()
    assert lines[2].startswith("algorithm & initial")
    assert lines[4].startswith("backprop-lightcone & uniform")


def test_a_conversion_is_studied_from_a_run_s_folder(tmp_path: Path, digits: sqnn.ImageData) -> None:
    from sqnn.studies.runner.subject import open_network

    model = sqnn.create_model("sqdr-cnn", data=digits)
    sqnn.save_model(model, tmp_path / "model.safetensors")
    network, images = open_network(tmp_path / "model.safetensors", digits)
    assert images is digits
    assert all((network.state_dict()[name] == value).all() for name, value in model.state_dict().items())
