"""The life of a run's folder: what counts as empty, who may write to it, and what a finished run lacks."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
import torch

import sqnn
from sqnn.core import folder_lock
from sqnn.training import Run, RunError, session

FORK = multiprocessing.get_context("fork")
TINY = {"epochs": 1, "batch_size": 20, "progress": False}


@pytest.fixture(scope="module")
def few(digits: sqnn.ImageData) -> sqnn.ImageData:
    return digits.subset(train=40, validation=10, test=10)


@pytest.fixture(scope="module")
def model(few: sqnn.ImageData) -> torch.nn.Module:
    return sqnn.create_model("sqdr-cnn", few, channels=(2,), n_qubits=2, n_blocks=1)


@pytest.fixture(scope="module")
def finished(few: sqnn.ImageData, model: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqnn.fit(model, few, out=tmp_path_factory.mktemp("finished") / "run", **TINY).folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_what_a_killed_beginning_left_is_nothing(few, model, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in (".settings.yaml.1.partial", ".initial.safetensors.7.partial", "initial.safetensors", ".lock"):
        (tmp_path / "run" / name).write_text("half")
    sqnn.fit(sqnn.create_model("sqdr-cnn", few, channels=(2,), n_qubits=2), few, out=tmp_path / "run", **TINY)
    assert list(tmp_path.rglob("*.partial")) == []
    assert not (tmp_path / "run" / "initial.safetensors").exists()


@pytest.mark.parametrize("names", [["photo.png"], ["settings.yaml"], ["initial.safetensors", "notes.txt"], [".git"]])
def test_a_folder_of_something_else_is_left_alone(few, model, tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match="is not empty; choose another folder") as caught:
        sqnn.fit(model, few, out=tmp_path, **TINY)
    assert ("sqnn.resume" in str(caught.value)) == (names == ["settings.yaml"])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(names, "mine")


def test_a_finished_run_gets_the_picture_that_it_lacks_and_nothing_else(few, run: Path) -> None:
    picture = (run / "training.png").read_bytes()
    (run / "training.png").unlink()
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    assert sqnn.resume(run, few, progress=False).result == Run.load(run).result
    assert (run / "training.png").read_bytes() == picture
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(RunError, match="has finished; there is nothing to resume"):
        sqnn.resume(run, few, progress=False)


def test_a_run_whose_picture_failed_has_not_finished_and_goes_on(few, model, tmp_path: Path, monkeypatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("circuits.plotting.Picture.savefig", full)
        with pytest.raises(RunError) as caught:
            sqnn.fit(model, few, out=tmp_path / "run", **TINY)
    picture = tmp_path / "run" / "training.png"
    assert str(caught.value) == (
        f"run: cannot write {picture} (No space left on device); make room on its disk, then go on with "
        f"sqnn.resume({str(tmp_path / 'run')!r})"
    )
    sqnn.resume(tmp_path / "run", few, progress=False)
    assert picture.is_file()
    assert list(tmp_path.rglob("*.partial")) == []


def hold(folder: Path, inside: Event) -> None:
    with folder_lock(folder):
        inside.set()
        signal.pause()


def test_two_processes_do_not_write_one_run_and_anybody_reads_it(few, run: Path) -> None:
    (run / "result.json").rename(run / "result.kept")
    partial = run / ".result.json.5.partial"
    partial.write_text("half")
    inside = FORK.Event()
    process = FORK.Process(target=hold, args=(run, inside), daemon=True)
    process.start()
    try:
        assert inside.wait(120)
        with pytest.raises(RunError, match=rf"^run: process {process.pid} on \S+ is at work in .*; wait for it"):
            sqnn.resume(run, few, progress=False)
        assert partial.exists(), "a process that may not write here has removed something"
        shutil.copy(run / "result.kept", run / "result.json")
        Run.load(run)
        (run / "result.json").unlink()
    finally:
        process.kill()
        process.join()
    sqnn.resume(run, few, progress=False)
    assert not partial.exists()


def test_of_two_runs_that_choose_their_folder_at_once_each_gets_one(few, model, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    real, begun = session.make_trainer, []

    def slow(*arguments: object, **options: object) -> object:
        if not begun:  # meanwhile another process begins its run
            begun.append(Path("runs/sqdr-cnn-digits-1"))
            begun[0].mkdir(parents=True)
            (begun[0] / "settings.yaml").write_text("another's")
        return real(*arguments, **options)

    monkeypatch.setattr(session, "make_trainer", slow)
    assert sqnn.fit(model, few, **TINY).folder == Path("runs/sqdr-cnn-digits-2")
    assert [path.name for path in begun[0].iterdir()] == ["settings.yaml"]


def test_ctrl_c_names_the_call_that_goes_on(few, model, tmp_path: Path, monkeypatch) -> None:
    stop = lambda *arguments: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr("sqnn.training.module.Classifier.training_step", stop)
        with pytest.raises(KeyboardInterrupt) as caught:
            sqnn.fit(model, few, out=tmp_path / "run", **TINY)
    assert str(caught.value) == f"the run goes on with sqnn.resume({str(tmp_path / 'run')!r})"
