"""`sqnn bench conversion`: what it writes, and the one line that a mistake gets."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sqnn.bench.conversion import OURS
from sqnn.cli import main
from sqnn.core import counted

SMALL = "bench conversion --data-shape 1x8x8 --width-multiplier 0.125 --batch 2 --timesteps 2 --budget 1e-9 --no-memory"

MISTAKES = [
    ("--model has8-vgg", "model: got 'has8-vgg', expected one of vgg11"),
    ("--data-shape 32x32", "data_shape: got '32x32', expected channels, height and width such as 1x28x28"),
    ("--data-shape 3x4x32", "image_size: got (4, 32), expected at least 8 x 8"),
    ("--classes 1", "num_classes: got 1, expected a whole number of at least 2"),
    ("--batch 1", "batch: got 1, expected a whole number of at least 2"),
    ("--timesteps 17", "timesteps: got 17, expected a whole number from 1 to 16"),
    ("--width-multiplier 0", "width_multiplier: got 0.0, expected a number above 0"),
    ("--budget inf", "budget: got inf, expected a finite number"),
    ("--device bogus", "device: got 'bogus', expected cpu or a GPU of this machine"),
    ("--out .", "out: . is a folder"),
    ("--json .", "json: . is a folder"),
]


@pytest.mark.parametrize(("line", "expected"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(line: str, expected: str, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "conversion", *line.split()]) == 2
    said = capfd.readouterr()
    (error,) = said.err.splitlines()
    assert error.startswith("sqnn: ")
    assert expected in error
    assert said.out == "", "something was measured first"
    assert list(tmp_path.iterdir()) == []


def test_the_table_and_the_files_hold_the_same_rows(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sqnn.bench.peers.peer.find_spec", lambda name: None)
    out, copy = tmp_path / "new" / "rows.csv", tmp_path / "rows.json"
    assert main([*SMALL.split(), "--out", str(out), "--json", str(copy)]) == 0
    rows = json.loads(copy.read_text())
    assert [row["name"] for row in rows] == list(OURS)
    frame = pd.read_csv(out)
    assert list(frame.columns) == list(rows[0])
    assert frame.milliseconds.tolist() == pytest.approx([row["milliseconds"] for row in rows])
    assert frame.changed.tolist() == [row["changed"] for row in rows]
    assert frame.peak_mib.isna().all()
    shown = capsys.readouterr().out
    assert f"{counted(int(rows[0]['threads']), 'thread')}, cpu, float32" in shown.splitlines()[0]
    assert "resnet20, forward pass of 2x1x8x8, 2 time steps" in shown
    for row in rows:
        assert f"{row['milliseconds']:,.2f}" in shown
