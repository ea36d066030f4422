"""One finished run and one network of another shape, in a folder that the tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Told

import circuits.kernels
import sqnn
import sqnn.kernels
from sqnn.cli import main

TRAIN = ("train", "--epochs", "1", "--channels", "2,3", "--n-qubits", "3", "--no-progress", "--accelerator", "cpu")


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Compile the kernels before the first command, which would say so on a machine that has none yet."""
    circuits.kernels.kernels()
    sqnn.kernels.kernels()


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """A folder with a finished run `run` on the digits, and `other.safetensors`, built for 28x28 pixels."""
    folder = tmp_path_factory.mktemp("cli")
    assert main([*TRAIN, "--out", str(folder / "run"), "--json", str(folder / "run.json")]) == 0
    sqnn.save_model(sqnn.create_model("sqdr-cnn"), folder / "other.safetensors")
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def told(own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command in `own`, a folder of the test's file, and return what it printed on one line."""
    monkeypatch.chdir(own)

    def tell(line: str) -> str:
        capsys.readouterr()
        assert main(line.removeprefix("!").split()) == (2 if line[0] == "!" else 0)
        printed = capsys.readouterr()
        assert line[0] != "!" or len(printed.err.splitlines()) == 1
        return " ".join((printed.out + printed.err).split())

    return tell
