"""`sqnn bench exactness`: it goes on where it stopped, and its exit code says whether a bit differed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sqnn.cli import main

SMALL = "bench exactness --models resnet20 --images 8 --pixels 28 --timesteps 2"

MISTAKES = [
    ("--models resnet21", "models: got 'resnet21', expected one of vgg11"),
    ("--models ,", "models: got ',', expected some of vgg11"),
    ("--pixels 30", "pixels: got '30', expected some of 28, 32, 224 with commas"),
    ("--timesteps 5", "timesteps: got '5', expected some of 2, 3, 4, 6, 8 with commas"),
    ("--images 0", "images: got 0, expected a whole number of at least 1"),
    ("--threads 0", "threads: got 0, expected a whole number of at least 1"),
    ("--minutes 0", "minutes: got 0.0, expected a number above 0"),
    ("--out other.csv", "out: other.csv has no column model, expected a table of this benchmark"),
]


@pytest.mark.parametrize(("line", "expected"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(line: str, expected: str, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.csv").write_text("a,b\n1,2\n")
    assert main(["bench", "exactness", *line.split()]) == 2
    (error,) = capfd.readouterr().err.splitlines()
    assert expected in error


def test_it_goes_on_and_says_whether_a_bit_differed(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sqnn.bench.exactness.TRAINING_STEPS", {28: 2, 32: 2, 224: 2})
    out = tmp_path / "rows.csv"
    line = [*SMALL.split(), "--data-dir", str(tmp_path), "--out", str(out)]
    assert main(line) == 0
    rows = pd.read_csv(out)
    assert rows.weights.tolist() == ["random", "trained"]
    assert rows.mismatches.tolist() == rows.changed.tolist() == [0, 0]
    assert (rows.bits > 0).all()
    assert f"0 of {rows.bits.sum():,} bits differ; 0 of 2 rows are not exact" in capsys.readouterr().out

    monkeypatch.setattr("sqnn.bench.exactness.measure", lambda *cell: pytest.fail(f"{cell} is measured twice"))
    assert main(line) == 0
    rows.loc[1, "mismatches"] = 3
    rows.to_csv(out, index=False)
    assert main(line) == 1
    assert f"3 of {rows.bits.sum():,} bits differ; 1 of 2 rows are not exact" in capsys.readouterr().out
