"""The last line of a command: where its time went."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sqnn.cli import main
from sqnn.cli.clock import Clock


def test_parts_add_up_and_what_is_within_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 11.0, 19.0, 20.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    clock = Clock()
    clock.lap("start-up")
    clock.lap("rest", {"training": 5.0, "test": 1.0})
    assert clock.line(2.0) == "time: 12.0 s (start-up 3.0, training 5.0, test 1.0, rest 3.0)"


def test_commands_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--channels", "2,3", "--n-qubits", "3", "--epochs", "1", "--batch-size", "600", "--no-progress"]
    sweep = ["noise-sweep", "run", "--strength", "0", "--images", "5", "--workers", "0", "--no-progress"]
    expected = {"train": "training validation test", "evaluate": "test", "noise-sweep": "sweep"}
    for command in (["train", *small, "--out", "run"], ["evaluate", "run", "--no-progress"], sweep):
        assert main(command) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        total = re.match(r"time: ([\d.]+) s \((.*)\)$", last)
        assert total, last
        parts = {name: float(seconds) for name, seconds in (part.split() for part in total[2].split(", "))}
        assert {"start-up", "data", "rest", *expected[command[0]].split()} == set(parts)
        assert sum(parts.values()) == pytest.approx(float(total[1]), abs=0.05 * (len(parts) + 1) + 1e-9)
    times = json.loads(Path("run/result.json").read_text())["times"]
    assert set(times) == {"training", "validation", "test"}
    assert all(seconds > 0 for seconds in times.values())
