"""`sqnn bench quantum` and `sqnn bench peers`: what they write and say."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from sqnn.cli import main

ENGINES = ("sqnn lightcone", "sqnn lightcone, value_and_grad", "default.qubit, broadcast")
SMALL = "bench quantum --qubits 2 --blocks 1 --batches 3,2 --peers pennylane --budget 1e-9 --threads 1"


def test_rows_come_batch_by_batch_and_a_part_goes_on(tmp_path: Path, capsys) -> None:
    out, copy = tmp_path / "rows.csv", tmp_path / "rows.json"
    assert main([*SMALL.split(), "--out", str(out), "--json", str(copy)]) == 0
    rows = json.loads(copy.read_text())
    assert [(row["batch"], row["engine"]) for row in rows] == [
        (batch, engine) for batch in (3, 2) for engine in ENGINES
    ]
    frame = pd.read_csv(out)
    assert list(frame.columns) == list(rows[0])
    assert set(frame.command) == {
        "sqnn bench quantum --threads 1 --budget 1e-09 --qubits 2 --blocks 1 --batches 3,2 --peers pennylane"
    }
    assert "1 thread, cpu, float32" in capsys.readouterr().out.splitlines()[0]

    assert main([*SMALL.split(), "--out", str(out)]) == 2
    assert "--resume goes on with them" in " ".join(capsys.readouterr().err.split())
    assert pd.read_csv(out).equals(frame)
    assert main([*SMALL.replace("--threads 1", "--threads 1025").split(), "--out", str(out)]) == 2
    assert "threads: got 1025" in " ".join(capsys.readouterr().err.split())

    wider = [word.replace("3,2", "3,2,1") for word in SMALL.split()]
    assert main([*wider, "--out", str(out), "--resume"]) == 0
    assert pd.read_csv(out).batch.tolist() == [3, 3, 3, 2, 2, 2, 1, 1, 1]
    assert pd.read_csv(out).seconds.tolist()[:6] == frame.seconds.tolist()


def test_a_complete_table_is_shown_and_called_complete(tmp_path: Path, monkeypatch, capsys) -> None:
    out = tmp_path / "rows.csv"
    assert main([*SMALL.split(), "--out", str(out)]) == 0
    measured, before = capsys.readouterr().out.splitlines(), out.read_bytes()
    assert main([*SMALL.split(), "--out", str(out), "--resume"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[: len(measured)] == measured
    assert " ".join(shown[len(measured) :]).startswith("nothing was measured: ")
    assert shown[-1].endswith(" is complete")
    assert out.read_bytes() == before
    wider = [word.replace("3,2", "3,2,1") for word in SMALL.split()]
    assert main([*wider, "--out", str(out), "--resume", "--minutes", "1e-12"]) == 0
    assert " ".join(capsys.readouterr().out.split()).endswith(" lacks 1 cell; give it more --minutes")


def test_the_peers_are_listed_and_a_wrong_version_is_an_error(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sqnn.bench.peers.peer.find_spec", lambda name: None)
    assert main(["bench", "peers"]) == 0
    assert "not installed" in capsys.readouterr().out
    (tmp_path / "pins.txt").write_text("torch==0.1\n")
    assert main(["bench", "peers", "--pinned", str(tmp_path / "pins.txt")]) == 1
    assert "expected 0.1" in " ".join(capsys.readouterr().out.split())
