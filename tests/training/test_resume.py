"""A killed run goes on as if nothing had happened; a damaged checkpoint is refused and never executed."""

from __future__ import annotations

import io
import os
import shutil
import signal
import zipfile
from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from faults import FORK

import sqnn
from sqnn.core import RecordWarning
from sqnn.training import CheckpointError, Run, RunError, SafeCheckpointIO, checkpoints

# The callback that kills a run is not passed again when it is resumed.
pytestmark = pytest.mark.filterwarnings("ignore:callbacks. .* began with Killer")

OPTIONS = {
    "phase": {},
    "rate": {"encoding": "rate", "timesteps": 4},
    "shots": {"shots": 16, "noise": "amplitude-damping:0.1"},
}
STEPS = 5  # steps an epoch: 160 images in batches of 32


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(pl.Callback):
    """Kills the process after a step of the training."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: pl.Trainer, *rest: object) -> None:
        if trainer.global_step == self.step:
            die()


class HalfSave:
    """`torch.save` that kills the process in the middle of the checkpoint of a name and number."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number, self.real, self.written = name, number, torch.save, 0

    def __call__(self, value: object, path: Path) -> None:
        self.written += f".{self.name}.ckpt." in path.name
        if self.written < self.number:
            self.real(value, path)
            return
        whole = io.BytesIO()
        self.real(value, whole)
        path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
        die()


def train_and_die(folder: Path, encoding: str, moment: str) -> None:
    kind, *details = moment.split()
    callbacks = [Killer(int(details[0]))] if kind == "step" else []
    if kind == "write":
        checkpoints.torch.save = HalfSave(details[0], int(details[1]))
    fit(folder, encoding, callbacks)


def train(folder: Path, encoding: str, moment: str) -> int:
    """Train three epochs in a copy of this process, which kills itself at `moment`; return its exit code."""
    process = FORK.Process(target=train_and_die, args=(folder, encoding, moment))
    process.start()
    process.join()
    return process.exitcode


def fit(folder: Path, encoding: str, callbacks: Sequence[pl.Callback] = ()) -> None:
    data = sqnn.load_data("digits").subset(train=160, validation=60, test=70)
    model = sqnn.create_model("sqdr-cnn", data, seed=5, channels=(2, 3), n_qubits=3, **OPTIONS[encoding])
    sqnn.fit(model, data, out=folder, epochs=3, batch_size=32, seed=5, progress=False, callbacks=callbacks)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, Path]:
    folders = {}
    for encoding in OPTIONS:
        folders[encoding] = tmp_path_factory.mktemp("undisturbed") / encoding
        fit(folders[encoding], encoding)
    return folders


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A run killed in the middle of its second epoch."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    assert train(folder, "phase", f"step {STEPS + 2}") == -signal.SIGKILL
    return folder


def assert_same_run(folder: Path, reference: Path) -> None:
    one, two = (Run.load(place) for place in (folder, reference))
    for name, tensor in two.model.state_dict().items():
        assert torch.equal(one.model.state_dict()[name], tensor), name
    last, last_reference = (
        torch.load(place / "checkpoints" / "last.ckpt", weights_only=True) for place in (folder, reference)
    )
    assert last["state_dict"].keys() == last_reference["state_dict"].keys()
    for name, tensor in last_reference["state_dict"].items():
        assert torch.equal(last["state_dict"][name], tensor), name
    assert (last["epoch"], last["global_step"]) == (last_reference["epoch"], last_reference["global_step"])
    assert one.history.equals(two.history)
    same = ("best_epoch", "validation_accuracy", "test_accuracy", "test_loss", "confusion", "epochs")
    assert {key: one.result[key] for key in same} == {key: two.result[key] for key in same}
    assert list(folder.rglob("*.partial")) == []


@pytest.mark.parametrize(
    ("encoding", "moment"),
    [
        ("rate", f"step {STEPS + 2}"),
        ("phase", "step 3"),  # before there is any checkpoint
        ("phase", "write best 1"),  # while the first checkpoint is written
        ("rate", "write last 2"),
        ("shots", f"step {STEPS + 2}"),
    ],
)
def test_a_killed_run_ends_as_if_undisturbed(tmp_path, digits, undisturbed, encoding: str, moment: str) -> None:
    folder = tmp_path / "run"
    assert train(folder, encoding, moment) == -signal.SIGKILL
    assert_half_written(folder, moment)
    assert not (folder / "result.json").exists()
    with pytest.raises(RunError, match=r"has no finished run; continue it with sqnn\.resume"):
        Run.load(folder)
    random = torch.get_rng_state()
    run = sqnn.resume(folder, digits, progress=False)
    assert torch.equal(torch.get_rng_state(), random)
    assert run.history.index.tolist() == [1, 2, 3]
    assert_same_run(folder, undisturbed[encoding])


def assert_half_written(folder: Path, moment: str) -> None:
    """Where the process was to die while it wrote, it did: half a file lies beside the whole one of before."""
    partials = list((folder / "checkpoints").glob(".*.partial"))
    assert len(partials) == moment.startswith("write")
    for partial in partials:
        with pytest.raises(CheckpointError, match="not a whole checkpoint"):
            SafeCheckpointIO().load_checkpoint(partial)
    if moment == "write last 2":
        assert SafeCheckpointIO().load_checkpoint(folder / "checkpoints" / "last.ckpt")["global_step"] == STEPS


def test_a_run_killed_in_mid_epoch_ends_as_if_undisturbed(copy: Path, digits, undisturbed) -> None:
    assert sqnn.resume(copy, digits, progress=False).history.index.tolist() == [1, 2, 3]
    assert_same_run(copy, undisturbed["phase"])


def test_a_run_goes_on_in_another_folder(tmp_path, digits, killed: Path, undisturbed) -> None:
    """The best score so far moves along, so that a later, worse epoch does not take its place."""
    moved = tmp_path / "elsewhere"
    shutil.copytree(killed, moved)
    shutil.move(killed / "checkpoints", killed / "hidden")
    try:
        sqnn.resume(moved, digits, progress=False)
    finally:
        shutil.move(killed / "hidden", killed / "checkpoints")
    assert_same_run(moved, undisturbed["phase"])


def test_a_run_killed_behind_its_last_epoch_only_measures(tmp_path, digits, undisturbed) -> None:
    folder = tmp_path / "run"
    shutil.copytree(undisturbed["phase"], folder)
    for name in ("result.json", "model.safetensors", "training.png"):
        (folder / name).unlink()
    sqnn.resume(folder, digits, progress=False)
    assert_same_run(folder, undisturbed["phase"])


class Payload:
    """Unpickling this makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


def refuse(folder: Path, data: sqnn.ImageData, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        sqnn.resume(folder, data, progress=False)
    assert len(str(caught.value).splitlines()) == 1
    assert not (folder / "result.json").exists()


@pytest.fixture
def copy(tmp_path, killed: Path) -> Path:
    shutil.copytree(killed, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_a_truncated_checkpoint_is_refused(copy: Path, digits, share: float) -> None:
    last = copy / "checkpoints" / "last.ckpt"
    whole = last.read_bytes()
    last.write_bytes(whole[: min(int(share * len(whole)), len(whole) - 1)])
    refuse(copy, digits, "checkpoint: .*last.ckpt is not a whole checkpoint")


def test_a_flipped_bit_in_the_weights_is_noticed(copy: Path, digits) -> None:
    last = copy / "checkpoints" / "last.ckpt"
    content = bytearray(last.read_bytes())
    with zipfile.ZipFile(last) as file:
        part = max((info for info in file.infolist() if "/data/" in info.filename), key=lambda info: info.file_size)
        raw = file.read(part)
    content[content.find(raw) + 5] ^= 16
    last.write_bytes(content)
    refuse(copy, digits, f"not a whole checkpoint .{part.filename} has changed since it was written")


@pytest.mark.parametrize("nested", [False, True])
def test_a_payload_in_a_checkpoint_is_not_executed(copy: Path, digits, tmp_path, nested: bool) -> None:
    last, target = copy / "checkpoints" / "last.ckpt", tmp_path / "executed"
    content = torch.load(last, weights_only=True)
    torch.save({**content, "hyper_parameters": Payload(target)} if nested else Payload(target), last)
    refuse(copy, digits, "checkpoint: .*last.ckpt holds more than tensors and plain values; refused")
    assert not target.exists()


def test_checkpoints_of_something_else_are_refused(copy: Path, digits) -> None:
    last = copy / "checkpoints" / "last.ckpt"
    content = {name: part for name, part in torch.load(last, weights_only=True).items() if name != "sha256"}
    for other in ([1, 2], {}, {"state_dict": {}}, {k: v for k, v in content.items() if k != "loops"}):
        torch.save(other, last)
        refuse(copy, digits, "checkpoint: .*last.ckpt is not a checkpoint of a training run")
    weights = content["state_dict"]
    fewer = {k: v for k, v in weights.items() if k != "model.circuit.weights"}
    torch.save({**content, "state_dict": fewer}, last)
    with pytest.warns(RecordWarning, match="last.ckpt carries no digest"):
        refuse(copy, digits, "last.ckpt is of another architecture: it lacks circuit.weights")
    torch.save({**content, "state_dict": {**weights, "model.circuit.weights": torch.zeros(2, 4, 3)}}, last)
    shapes = "circuit.weights has shape .2, 4, 3., expected .2, 3, 3."
    with pytest.warns(RecordWarning, match="last.ckpt carries no digest"):
        refuse(copy, digits, f"last.ckpt is of another architecture: {shapes}")


@pytest.mark.filterwarnings("ignore:.*carries no digest")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("model: [", "run: .*settings.yaml is damaged"),
        ("- 1", r"run: .*settings.yaml is damaged \(it holds \[1\], expected names with values\); restore"),
        (
            "{model: sqdr-cnn, config: 3, training: {}, data: {}}",
            r"settings.yaml is damaged \(config: got 3, expected names with values\)",
        ),
        (
            "{model: sqdr-cnn, config: {}, training: {}, data: digits}",
            r"settings.yaml is damaged \(data: got 'digits', expected names with values\)",
        ),
        ("{model: vgg, config: {}, training: {}, data: {name: digits}}", "describes no run .model: got 'vgg'"),
        ("{model: sqdr-cnn, config: {n_qubits: 0}, training: {}, data: {}}", "describes no run .n_qubits: got 0"),
        ("{model: sqdr-cnn, config: {}, training: {epochs: x}, data: {}}", "describes no run .epochs: got 'x'"),
        ("{model: sqdr-cnn, config: {}, training: {}, data: {name: digits, x: 1}}", "no data that can be loaded"),
    ],
)
def test_a_folder_with_damaged_settings_is_refused(tmp_path, settings: str, expected: str) -> None:
    (tmp_path / "settings.yaml").write_text(settings)
    with pytest.raises(RunError, match=expected) as caught:
        sqnn.resume(tmp_path, progress=False)
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_no_unfinished_run_is_refused(tmp_path, undisturbed, digits) -> None:
    with pytest.raises(RunError, match=r"holds no run .settings.yaml is missing"):
        sqnn.resume(tmp_path)
    with pytest.raises(RunError, match=r"holds no run .settings.yaml is missing"):
        Run.load(tmp_path)
    with pytest.raises(RunError, match="has finished; there is nothing to resume"):
        sqnn.resume(undisturbed["phase"], digits)


def test_writing_a_checkpoint_that_fails_leaves_the_old_one(tmp_path) -> None:
    path = tmp_path / "last.ckpt"
    SafeCheckpointIO().save_checkpoint({"a": torch.ones(2)}, path)
    old = path.read_bytes()
    with pytest.raises(Exception, match="pickle"):
        SafeCheckpointIO().save_checkpoint({"a": lambda: None}, path)
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_run_is_not_continued_on_other_images(copy: Path, digits) -> None:
    other = sqnn.load_data("digits", split_seed=1).subset(train=160, validation=60, test=70)
    with pytest.raises(RunError, match=r"expected the images that .* began with"):
        sqnn.resume(copy, other, progress=False)
    assert not (copy / "result.json").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 64 vs 0")])
def test_a_full_disk_gets_one_line_and_keeps_the_old_checkpoint(tmp_path, monkeypatch, error: Exception) -> None:
    path = tmp_path / "last.ckpt"
    SafeCheckpointIO().save_checkpoint({"a": torch.ones(2)}, path)
    old = path.read_bytes()

    def full(value: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise error

    monkeypatch.setattr("sqnn.training.checkpoints.torch.save", full)
    with pytest.raises(CheckpointError, match=r"cannot write .*last.ckpt .*sqnn.resume"):
        SafeCheckpointIO().save_checkpoint({"a": torch.zeros(2)}, path)
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
