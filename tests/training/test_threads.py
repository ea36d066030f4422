"""Threads of a run: chosen by its size, stored with it, taken again when it goes on, and PyTorch's own afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Callback

import sqnn
from sqnn.core import ConfigError, computing_in, cores, machine, threads_for
from sqnn.models import step_work
from sqnn.training import Run, RunFolder, RunSettings, TrainingConfig

SMALL = {"channels": (2, 3), "n_qubits": 3}


class StoppedError(Exception):
    pass


class StopIn(Callback):
    """Raises an error in the middle of an epoch, and notes in how many threads each step was computed."""

    def __init__(self, step: int | None = None) -> None:
        self.step, self.threads = step, set()

    def on_train_batch_end(self, trainer, *rest) -> None:
        self.threads.add(torch.get_num_threads())
        if trainer.global_step == self.step:
            raise StoppedError


@pytest.fixture
def cores_of_four(monkeypatch: pytest.MonkeyPatch):
    """A process that may take four cores, whatever the machine has."""
    monkeypatch.setattr("sqnn.core.threads.cores", lambda: 4)
    with computing_in(4):
        yield


def train(folder: Path, data: sqnn.ImageData, watch: StopIn, **options: object) -> Run:
    model = sqnn.create_model("sqdr-cnn", data, seed=5, **SMALL)
    return sqnn.fit(
        model, data, out=folder, epochs=2, batch_size=32, seed=5, progress=False, callbacks=watch, **options
    )


def stored(folder: Path) -> object:
    return yaml.safe_load((folder / "settings.yaml").read_text())["training"].get("threads")


@pytest.mark.parametrize(
    ("name", "data_shape", "batch", "threads"),
    [
        ("sqdr-cnn", (1, 8, 8), 32, 1),  # the demo
        ("sqdr-cnn", (1, 8, 8), 512, 1),  # its evaluation
        ("resnet20", (1, 8, 8), 128, 1),
        ("sqdr-cnn", (1, 28, 28), 128, 4),
        ("sqdr-cnn", (3, 32, 32), 128, 4),
        ("resnet20", (3, 32, 32), 128, 4),
        ("has8-vgg", (1, 28, 28), 128, 4),
    ],
)
def test_auto_is_one_for_digits_and_more_for_large_images(
    cores_of_four, name: str, data_shape: tuple[int, int, int], batch: int, threads: int
) -> None:
    channels, *size = data_shape
    model = sqnn.create_model(name, in_channels=channels, image_size=tuple(size), num_classes=10)
    assert threads_for(step_work(model, batch, size)) == threads


def test_the_digits_are_trained_in_one_thread_on_every_machine(tmp_path, digits, cores_of_four) -> None:
    watch = StopIn()
    run = train(tmp_path / "run", digits, watch)
    assert (watch.threads, torch.get_num_threads()) == ({1}, 4)
    assert stored(run.folder) == 1
    result = json.loads((run.folder / "result.json").read_text())
    assert (result["threads"], result["machine"], result["cores"]) == (1, machine(), cores())
    same = train(tmp_path / "same", digits, StopIn(), threads=1)
    assert same.history.equals(run.history)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_goes_on_in_its_own_number_of_threads(tmp_path, digits, threads: int) -> None:
    undisturbed = train(tmp_path / "undisturbed", digits, StopIn(), threads=threads)
    folder, before = tmp_path / "run", torch.get_num_threads()
    with pytest.raises(StoppedError):
        train(folder, digits, StopIn(7), threads=threads)
    assert torch.get_num_threads() == before
    watch = StopIn()
    with computing_in(3):
        run = sqnn.resume(folder, digits, progress=False, callbacks=watch)
        assert torch.get_num_threads() == 3
    assert (stored(folder), run.result["threads"], watch.threads) == (threads, threads, {threads})
    for name, weight in undisturbed.model.state_dict().items():
        assert torch.equal(run.model.state_dict()[name], weight), name
    assert run.history.equals(undisturbed.history)
    assert run.result["test_loss"] == undisturbed.result["test_loss"]


@pytest.mark.filterwarnings("ignore:.*carries no digest")
def test_a_run_of_an_older_version_goes_on_in_pytorchs_number(tmp_path, digits) -> None:
    folder = tmp_path / "run"
    with pytest.raises(StoppedError):
        train(folder, digits, StopIn(7))
    settings = yaml.safe_load((folder / "settings.yaml").read_text())
    del settings["training"]["threads"], settings["sha256"]
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    for checkpoint in folder.rglob("*.ckpt"):  # which knew no settings then
        stored = torch.load(checkpoint, weights_only=True)
        torch.save({name: value for name, value in stored.items() if "sha256" not in name}, checkpoint)
    watch = StopIn()
    with computing_in(2):
        run = sqnn.resume(folder, digits, progress=False, callbacks=watch)
    assert (watch.threads, run.result["threads"]) == ({2}, 2)
    then = {"threads", "machine", "cores", "times", "warnings", "sha256", "settings_sha256", "network_sha256"}
    older = {name: value for name, value in run.result.items() if name not in then}
    (folder / "result.json").write_text(json.dumps(older))
    assert "2 epochs" in repr(Run.load(folder))


def test_threads_survive_a_round_trip_of_the_settings(tmp_path, digits) -> None:
    run = train(tmp_path / "run", digits, StopIn(), threads=2)
    settings = RunFolder(run.folder).run_settings()
    assert settings.training.threads == 2
    assert RunSettings.from_yaml(settings.to_yaml()).training == settings.training
    assert TrainingConfig(threads="2") == TrainingConfig(threads=2)


def test_evaluation_takes_the_number_that_it_is_told(digits, monkeypatch, cores_of_four) -> None:
    model = sqnn.create_model("sqdr-cnn", digits, **SMALL)
    seen = []
    model.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    for threads in ("auto", 2):
        sqnn.evaluate(model, digits, progress=False, threads=threads)
        sqnn.predict(model, digits.test.floats(), threads=threads)
    assert (seen, torch.get_num_threads()) == ([1, 1, 2, 2], 4)
    monkeypatch.setattr("sqnn.core.threads.ONE_THREAD_WORK", 100)
    monkeypatch.setattr("sqnn.core.threads.WORK_PER_THREAD", 100)
    sqnn.evaluate(model, digits, progress=False)
    assert seen.pop() == 4
    with pytest.raises(ConfigError, match=r"^threads: got 0, expected auto or a whole number"):
        sqnn.evaluate(model, digits, threads=0)


def test_a_small_front_end_takes_one_thread_where_it_is_called_by_hand(digits) -> None:
    model = sqnn.create_model("sqdr-cnn", digits, **SMALL)
    seen = []
    model.frontend.blocks[0].register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    model.frontend.blocks[0].norm.weight.register_hook(lambda _: seen.append(torch.get_num_threads()))
    with computing_in(3):
        model.angles(digits.train.floats()).sum().backward()
        assert (seen, torch.get_num_threads()) == ([1, 1], 3)
