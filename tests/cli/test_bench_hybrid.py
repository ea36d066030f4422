"""`sqnn bench hybrid`: what it writes, and the one line that a mistake gets."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sqnn.cli import main
from sqnn.core import counted

SMALL = ("bench", "hybrid", "--data-shape", "1x8x8", "--width", "1", "--batch", "2", "--budget", "1e-9", "--no-memory")

MISTAKES = [
    ("--data-shape 28x28", "data_shape: got '28x28', expected channels, height and width such as 1x28x28"),
    ("--data-shape 1x28x²", "data_shape: got '1x28x²'"),
    ("--data-shape 0x28x28", "in_channels: got 0, expected a whole number of at least 1"),
    ("--data-shape 1x4x28", "image_size: got (4, 28), expected at least 8 x 8"),
    ("--classes 1", "num_classes: got 1, expected a whole number of at least 2"),
    ("--batch 1", "batch: got 1, expected a whole number of at least 2"),
    ("--batch many", "batch: got 'many', expected a whole number"),
    ("--width 0", "width: got 0, expected a whole number of at least 1"),
    ("--budget 0", "budget: got 0.0, expected a number above 0"),
    ("--budget nan", "budget: got nan, expected a finite number"),
    ("--device bogus", "device: got 'bogus', expected cpu or a GPU of this machine"),
    ("--out .", "out: . is a folder"),
    ("--json .", "json: . is a folder"),
]


@pytest.mark.parametrize(("line", "expected"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(line: str, expected: str, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "hybrid", *line.split()]) == 2
    said = capfd.readouterr()
    (error,) = said.err.splitlines()
    assert error.startswith("sqnn: ")
    assert expected in error
    assert said.out == "", "something was measured first"
    assert list(tmp_path.iterdir()) == []


def test_the_table_and_the_files_hold_the_same_rows(tmp_path: Path, capsys) -> None:
    out, copy = tmp_path / "new" / "rows.csv", tmp_path / "rows.json"
    assert main([*SMALL, "--out", str(out), "--json", str(copy)]) == 0
    rows = json.loads(copy.read_text())
    ours = [row["name"] for row in rows if "has_8" not in row["name"]]
    twins = ["has8-vgg ann", "has8-vgg hybrid", "has8-vgg snn"]
    assert ours == [*twins, *(f"block {n}, sqnn" for n in range(1, 6) for _ in range(2))]
    frame = pd.read_csv(out, dtype={"parameters": "Int64"})
    assert list(frame.columns) == list(rows[0])
    assert frame.name.tolist() == [row["name"] for row in rows]
    measured = frame[frame.milliseconds.notna()]
    expected = [row for row in rows if row["milliseconds"] is not None]
    assert measured.parameters.tolist() == [row["parameters"] for row in expected]
    assert measured.milliseconds.tolist() == pytest.approx([row["milliseconds"] for row in expected])
    assert frame.peak_mib.isna().all()
    shown = capsys.readouterr().out
    assert f"{counted(int(rows[0]['threads']), 'thread')}, cpu, float32" in shown.splitlines()[0]
    for row in expected:
        assert f"{row['milliseconds']:,.2f}" in shown
