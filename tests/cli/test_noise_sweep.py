"""`sqnn noise-sweep` from the command line to its files, on from where it was stopped, and its one-line refusals."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
import yaml
from matplotlib.image import imread
from sweeps import assert_same_rows

import sqnn
from sqnn.cli import main
from sqnn.studies import ResultsTable
from sqnn.studies.noise_sweep import study as sweep

SWEEP = ("noise-sweep", "run", "--images", "60", "--workers", "0", "--no-progress")
SMALL = (*SWEEP, "--strength", "0,0.2")


@pytest.fixture
def work(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a link to the run of the other commands' tests."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(place / "run")
    (tmp_path / "other.safetensors").symlink_to(place / "other.safetensors")
    return tmp_path


def expected(**options: object) -> sqnn.SweepFrame:
    return sqnn.noise_sweep("run", images=60, workers=0, progress=False, **options)


def test_files_and_tables_hold_the_sweep(work: Path, capsys) -> None:
    arguments = [
        *SMALL,
        "--noise",
        "depolarizing,paper",
        "--noise",
        "readout:0.1",
        "--out",
        "here",
        "--json",
        "a/s.json",
    ]
    assert main(arguments) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    frame = expected(noise=["depolarizing", "paper", "readout:0.1"], strength=(0, 0.2))
    assert_same_rows(ResultsTable(Path("here/rows.csv")).read(), frame)
    assert sorted(path.name for path in Path("here").iterdir() if path.name[0] != ".") == [
        "noise-sweep.png",
        "rows.csv",
        "settings.yaml",
    ]
    assert imread("here/noise-sweep.png").std() > 0.05, "an empty picture"
    assert "here/noise-sweep.png" in printed
    told = json.loads(Path("a/s.json").read_text())
    assert told["sweep"]["noise"] == ["depolarizing", "paper", "readout:0.1"]
    assert [row["loss"] for row in told["rows"]] == frame.loss.tolist()
    assert {row["shots"] for row in told["rows"]} == {None}
    summary = frame.summary()
    assert [row["accuracy"] for row in told["summary"]] == summary.accuracy.tolist()
    for row in summary.itertuples():
        assert f"{100 * row.accuracy:.2f} [{100 * row.low:.1f}, {100 * row.high:.1f}] %" in printed
    assert re.findall(r"^(\S+): accuracy, 95 % \(over images\); strength: (.*)$", printed, re.MULTILINE) == [
        ("depolarizing", "depolarizing probability p"),
        ("paper", "factor on rates and times"),
        ("readout:0.1", "factor on rates and times"),
    ]


def test_a_config_file_and_flags_over_it(work: Path) -> None:
    settings = {"checkpoints": ["run"], "noise": ["paper"], "strength": [0, 1], "images": 60, "workers": 0, "seeds": 2}
    Path("sweep.yaml").write_text(yaml.safe_dump(settings) + "shots: 9\nout: ignored\n")
    arguments = ["--config", "sweep.yaml", "--strength", "0:0.4:0.2", "--out", "chosen", "--no-progress"]
    assert main(["noise-sweep", *arguments]) == 0
    frame = expected(noise="paper", strength="0:0.4:0.2", shots=9, seeds=2)
    assert_same_rows(ResultsTable(Path("chosen/rows.csv")).read(), frame)
    assert not Path("ignored").exists()


def test_the_same_command_goes_on_and_another_begins_anew(work: Path, capsys, monkeypatch) -> None:
    """Ctrl-C behind the first cell; the same command finds its folder, another sweep gets the next one."""
    real, measured = sweep.measure, []

    def measure(task: sweep.Task, cell: sweep.Cell) -> dict:
        measured.append(cell.strength)
        if len(measured) == 2:
            signal.raise_signal(signal.SIGINT)
        return real(task, cell)

    monkeypatch.setattr(sweep, "measure", measure)
    assert main([*SMALL]) == 130
    assert capsys.readouterr().err == "sqnn: interrupted; the sweep goes on with the same command\n"
    assert len(ResultsTable(Path("runs/noise-sweep-1/rows.csv")).rows()) == 1
    assert main([*SMALL]) == 0
    assert measured == [0.0, 0.2, 0.2]
    assert main([*SMALL]) == 0
    assert measured == [0.0, 0.2, 0.2]
    assert_same_rows(ResultsTable(Path("runs/noise-sweep-1/rows.csv")).read(), expected(strength=(0, 0.2)))
    assert not Path("runs/noise-sweep-2").exists()
    assert main([*SMALL, "--shots", "5"]) == 0
    assert Path("runs/noise-sweep-2/noise-sweep.png").is_file()


def test_a_table_is_shared(work: Path) -> None:
    assert main([*SMALL, "--table", "all.csv"]) == 0
    assert main([*SMALL, "--noise", "paper", "--table", "all.csv"]) == 0
    assert main([*SMALL, "--table", "all.csv", "--out", "pictures"]) == 0
    table = ResultsTable(Path("all.csv"))
    assert [row["noise"] for row in table.rows()] == ["depolarizing"] * 2 + ["paper"] * 2
    assert imread("all.png").std() > 0.05
    assert sorted(path.name for path in Path("pictures").iterdir()) == ["noise-sweep.png", "settings.yaml"]
    assert not Path("runs").exists()


def test_help_teaches(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["noise-sweep", "--help"]) == 0
    printed = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    for words in ("--strength 0.05` is depolarizing:0.05", "0 is no noise, 1 the noise as it is calibrated", "tcp://"):
        assert words in printed
    for name in (
        "noise",
        "strength",
        "engine",
        "shots",
        "seeds",
        "images",
        "data",
        "data-dir",
        "split",
        "out",
        "table",
    ):
        assert f"--{name} " in printed
    for name in ("scheduler", "workers", "config", "json", "no-progress"):
        assert f"--{name} " in printed


S = "noise-sweep run --no-progress --out new --workers 0"
MISTAKES = [
    ("noise-sweep", "checkpoints: got none, expected a run's folder or a network's file"),
    ("noise-sweep missing", "path: no file missing"),
    ("noise-sweep full", "path: no file full/model.safetensors"),
    ("noise-sweep file", "path: file is no safetensors file"),
    ("noise-sweep run run", "models: run and run are the same network; give it once"),
    ("noise-sweep other.safetensors", "data: got None for other.safetensors, expected images"),
    ("noise-sweep other.safetensors --data digits", "data: digits has image_size (8, 8), but other.safetensors was"),
    (f"{S} --noise bogus", "noise: got 'bogus', expected a kind (bit-flip"),
    (f"{S} --noise depolarizing,depolarizing", "expected every one once, not 'depolarizing' twice"),
    (f"{S} --noise paper --strength 0:100:50", "noise: paper at strength 50 cannot be"),
    (f"{S} --noise depolarizing --strength 0:2:0.5", "noise: depolarizing at strength 1.5 cannot be: p: got 1.5"),
    (f"{S} --noise missing.json", "noise: got 'missing.json', expected a JSON file that can be read"),
    (f"{S} --strength 0:1", "strength: got '0:1', expected numbers with commas, or start:stop:step"),
    (f"{S} --strength 0:1:0", "strength: got '0:1:0', expected a step above 0"),
    (f"{S} --strength=-1", "strength: got '-1', expected finite strengths of at least 0"),
    (f"{S} --strength 0,nan", "strength: got '0,nan', expected finite strengths"),
    (f"{S} --strength 0,0", "expected every strength once, not 0 twice"),
    (f"{S} --engine bogus", "engine: got 'bogus', expected one of lightcone"),
    (f"{S} --engine ,", "engine: got (), expected at least one name"),
    (f"{S} --shots 0", "shots: got 0"),
    (f"{S} --shots x", "shots: got 'x', expected a whole number"),
    (f"{S} --seeds 0", "seeds: got 0"),
    (f"{S} --images 100000", "images: got 100000, expected a whole number from 1 to 359 (test of digits)"),
    (f"{S} --split bogus", "split: got 'bogus', expected one of train, validation, test"),
    (f"{S} --data bogus", "data: got 'bogus', expected one of"),
    (f"{S} --workers -1", "workers: got -1, expected a whole number of processes"),
    (f"{S} --scheduler tcp://127.0.0.1:9", "workers: got 0 beside a scheduler"),
    ("noise-sweep run --out new --scheduler nowhere", "scheduler: no Dask scheduler answers at nowhere within 10 s"),
    (f"{S} --out full", "out: full holds something else than this sweep"),
    (f"{S} --out file", "out: file is a file, expected a folder"),
    (f"{S} --out file/x", "out: cannot write file/x"),
    (f"{S} --table file", "table: file is not a results table"),
    (f"{S} --table full", "table: cannot read full"),
    (f"{S} --json full", "json: full is a folder"),
    (f"{S} --config missing.yaml", "config: no file missing.yaml"),
    (f"{S} --config unknown.yaml", "strenght: no such option of this command; did you mean 'strength'?"),
    (f"{S} --config kinds.yaml", "shots: got 'many', expected a whole number"),
    (f"{S} --config strength.yaml", "strength: got {'a': 1}, expected numbers"),
    ("noise-sweep --config networks.yaml", "checkpoints: got {'a': 1}, expected paths"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(line: str, message: str, work: Path, capfd) -> None:
    Path("full").mkdir()
    Path("full/x").write_text("x")
    Path("file").write_text("hello")
    Path("unknown.yaml").write_text("strenght: 0\n")
    Path("kinds.yaml").write_text("shots: many\n")
    Path("strength.yaml").write_text("strength: {a: 1}\n")
    Path("networks.yaml").write_text("checkpoints: {a: 1}\n")
    before = sorted(path.as_posix() for path in Path.cwd().rglob("*"))
    assert main(line.split()) == 2
    printed, errors = capfd.readouterr()
    assert errors.count("\n") == 1
    assert errors.startswith("sqnn: ")
    assert message in errors
    assert printed == ""
    assert sorted(path.as_posix() for path in Path.cwd().rglob("*")) == before, "the mistake left something behind"
