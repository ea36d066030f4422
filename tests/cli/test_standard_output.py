"""`--json -`: standard output holds the JSON alone, whatever a user's own module prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sqnn.cli import main

MODULE = """
import ctypes
import os
import sys
from torch import nn

print("imported")

class Net(nn.Sequential):
    def forward(self, images):
        print("called")
        os.write(1, b"without Python\\n")
        return super().forward(images)

def make():
    print("made")
    ctypes.CDLL(None).printf(b"held by C\\n")
    print("past the redirection", file=sys.__stdout__)
    return Net(nn.Flatten(), nn.Linear(64, 10))
"""
OWN = "--model talking_nets:make"


@pytest.fixture
def talking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "talking_nets.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "talking_nets", raising=False)
    return tmp_path


@pytest.mark.parametrize("where", ["--json -", "--json=-", "--json /dev/stdout", "--json=/dev/fd/1"])
def test_own_prints_and_tables_go_to_standard_error(
    where: str, talking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(f"count {OWN} {where}".split()) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["classical"] == 650
    for text in ("imported", "made", "total"):
        assert text in printed.err
    assert main(f"count {OWN} --json counts.json".split()) == 0
    assert json.loads(Path("counts.json").read_text()) == json.loads(printed.out)
    assert "total" in capsys.readouterr().out


def test_what_is_written_without_python_goes_there_too(
    talking: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f"train {OWN} --data digits --epochs 1 --out run --no-progress --accelerator cpu"
    assert main(f"{line} --json -".split()) == 0
    printed = capfd.readouterr()
    told = json.loads(printed.out)
    assert told["test_accuracy"] == json.loads(Path("run/result.json").read_text())["test_accuracy"]
    for text in ("imported", "made", "called", "without Python", "test accuracy", "time:"):
        assert text in printed.err
    assert main(f"explain run {OWN} --data digits --methods saliency --no-progress --json -".split()) == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out)["format"] == "sqnn-explanation-1"
    assert "the network says" in printed.err


def test_after_it_standard_output_is_as_it_was(talking: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["count", "nothing", "--json", "-"]) == 2
    assert main(["count", "--json", "-"]) == 0
    before = capfd.readouterr().out
    print("again")
    sys.stdout.flush()
    os.write(1, b"and again\n")
    assert json.loads(before)["total"] == 803
    assert capfd.readouterr().out == "again\nand again\n"


def test_a_pipe_gets_json_alone_and_a_full_disk_one_line(talking: Path) -> None:
    command = [sys.executable, "-m", "sqnn", *f"count {OWN} --json -".split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["total"] == 650
    for text in ("held by C", "past the redirection"):
        assert text in done.stderr
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("sqnn: json: cannot write to standard output (No space left")
    assert "Traceback" not in done.stderr
