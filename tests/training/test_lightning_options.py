"""Options, callbacks and paths that a run does not take get one line, before anything is written."""

from __future__ import annotations

import re

import lightning.pytorch as pl
import pytest
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader

import sqnn
from sqnn.core import ConfigError
from sqnn.training import BitPenalty, RunError, RunFolder, fit

QUIET = {"epochs": 2, "batch_size": 32, "progress": False}

MISTAKES = [
    (
        lambda net, data: fit("sqdr-cnn", data),
        "model: got str, expected a network; create_model('sqdr-cnn', data)",
    ),
    (
        lambda net, data: fit(torch.nn.Linear(2, 2), data),
        "model: its forward on [4, 1, 8, 8] in training mode fails",
    ),
    (lambda net, data: fit(net, "digits"), "data: got 'digits', expected an ImageData; load_data('digits') gives one"),
    (
        lambda net, data: fit(net, DataLoader([])),
        "data: got DataLoader, expected an ImageData: load_data(name or path), or",
    ),
    (lambda net, data: sqnn.evaluate(net, "mnist"), "data: got 'mnist', expected an ImageData; load_data('mnist')"),
    (lambda net, data: fit(net, data, lr=1e-2), "; did you mean learning_rate?"),
    (lambda net, data: fit(net, data, learning_rat=1e-2), "; did you mean 'learning_rate'?"),
    (lambda net, data: fit(net, data, max_epochs=2), "; did you mean epochs?"),
    (lambda net, data: fit(net, data, device="cuda"), "; did you mean trainer={'accelerator': 'gpu'}?"),
    (lambda net, data: fit(net, data, terms=[0.2]), "terms: got 0.2, expected loss terms, such as BitPenalty(0.2)"),
    *(
        (lambda net, data, value=value: fit(net, data, terms=value), f"terms: got {value!r}, expected loss terms, such")
        for value in (5, "bits", {"bit": 1}, BitPenalty, print)
    ),
    (lambda net, data: fit(net, data, terms=[BitPenalty()] * 2), "expected each term once"),
    (
        lambda net, data: fit(net, data, terms=BitPenalty()),
        "bit_penalty: got a network without qcfs activations, expected some whose bits can be penalised: "
        'create_model(name, data, activation="qcfs") of vgg11, vgg16, resnet18, resnet20, resnet34, mobilenetv2, vit',
    ),
    (lambda net, data: fit(net, data, bit_penality=1), "bit_penalty, rate_penalty; did you mean 'bit_penalty'?"),
    (lambda net, data: fit(net, data, bit_penalty=-1), "bit_penalty: got -1.0, expected a number of at least 0"),
    (lambda net, data: fit(net, data, bit_penalty="0"), "bit_penalty: got '0', expected a number"),
    (lambda net, data: fit(net, data, callbacks=["stop"]), "callbacks: got 'stop', expected callbacks of Lightning"),
    (
        lambda net, data: fit(net, data, trainer={"max_epochs": 3}),
        "trainer: max_epochs is set by epochs when a run begins",
    ),
    *(
        (
            lambda net, data, value=value: fit(net, data, trainer=value),
            f"trainer: got {value!r}, expected a mapping of Lightning's options, such as {{'accelerator': 'gpu'}}",
        )
        for value in (5, "gpu", ["gpu"])
    ),
    (lambda net, data: sqnn.evaluate(net, data, trainer=5), "trainer: got 5, expected a mapping of Lightning's"),
    *(
        (
            lambda net, data, name=name, value=value: fit(net, data, trainer={name: value}),
            f"trainer: got {name}={value!r}, but",
        )
        for name, value in (
            ("fast_dev_run", True),
            ("max_steps", 2),
            ("max_time", "00:00:00:01"),
            ("barebones", True),
            ("overfit_batches", 1),
            ("limit_val_batches", 0),
            ("limit_train_batches", 0.0),
            ("check_val_every_n_epoch", 11),
            ("precision", "bf16-true"),
        )
    ),
    (lambda net, data: fit(net, data, trainer={"devices": 0}), "trainer: got devices=0, expected a whole number of at"),
    (lambda net, data: fit(net, data, augmented_epochs=3), "; did you mean augmented, a share of the epochs?"),
    (lambda net, data: fit(net, data, epochs=2**31), "epochs: got 2147483648, expected a whole number from 1 to 2,147"),
    (lambda net, data: fit(net, data, trainer={"devices": "x"}), "trainer: Lightning does not take devices='x' ("),
    (
        lambda net, data: fit(net, data, callbacks=EarlyStopping("val_loss")),
        "callbacks: monitor of EarlyStopping: got 'val_loss', expected one of train_loss, validation_loss, "
        "train_accuracy, validation_accuracy; did you mean 'validation_loss'?",
    ),
    (
        lambda net, data: fit(net, data, trainer={"callbacks": [ModelCheckpoint("x", monitor="acc")]}),
        "callbacks: monitor of ModelCheckpoint: got 'acc', expected one of train_loss",
    ),
    (lambda net, data: fit(net, data, out=5), "out: got 5, expected a path, as text or pathlib.Path"),
    (lambda net, data: sqnn.resume(5), "folder: got 5, expected a path"),
    (lambda net, data: sqnn.Run.load(5), "folder: got 5, expected a path"),
    (lambda net, data: RunFolder(5), "path: got 5, expected a path"),
    (lambda net, data: sqnn.Run.load("firs"), "run: no folder firs"),
    (lambda net, data: sqnn.resume("firs"), "run: no folder firs"),
    (lambda net, data: fit(net, data, trainer={"logger": False}), "trainer: logger=False cannot be: the history"),
    (
        lambda net, data: fit(net, data, trainer={"plugins": TorchCheckpointIO()}),
        "trainer: got the plugin TorchCheckpointIO, but a run writes its checkpoints itself",
    ),
    (
        lambda net, data: fit(net, data, out="run", callbacks=[ModelCheckpoint("run/checkpoints")]),
        "callbacks: got a ModelCheckpoint that writes to",
    ),
    (
        lambda net, data: sqnn.evaluate(net, data, trainer={"max_epochs": 3}),
        "trainer: got max_epochs=3, expected only accelerator, devices",
    ),
]


@pytest.mark.parametrize(("mistake", "expected"), MISTAKES, ids=[expected[:40] for _, expected in MISTAKES])
def test_a_mistake_is_one_line_and_leaves_nothing(
    digits, make_model, tmp_path, monkeypatch, mistake, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(expected)) as caught:
        mistake(make_model(), digits)
    assert len(str(caught.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_options_that_say_what_holds_anyway_are_taken(digits, make_model, tmp_path) -> None:
    idle = {"fast_dev_run": False, "max_steps": -1, "max_time": None, "check_val_every_n_epoch": 1, "precision": "64"}
    run = fit(make_model(), digits, out=tmp_path / "run", trainer=idle, terms=None, callbacks=None, **QUIET)
    assert run.history["validation_loss"].notna().all()


def test_no_validation_is_one_line(digits, make_model, tmp_path) -> None:
    rare = {"check_val_every_n_epoch": None, "val_check_interval": 1000}
    with pytest.raises(RunError, match=r"^run: .* ended after 2 of 2 epochs without a validation, so no network was"):
        fit(make_model(), digits, out=tmp_path / "run", trainer=rare, **QUIET)
    with pytest.raises(ConfigError, match=r"^trainer: Lightning refuses the run \(You requested to check 0.001 of"):
        fit(make_model(), digits, out=tmp_path / "few", trainer={"limit_val_batches": 0.001}, **QUIET)


def test_a_callback_of_ones_own_may_log_what_another_watches(digits, make_model, tmp_path) -> None:
    class Count(pl.Callback):
        def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            pl_module.log("count", float(trainer.current_epoch))

    both = [Count(), EarlyStopping("count", patience=1)]
    run = fit(make_model(), digits, out=tmp_path / "run", callbacks=both, **QUIET)
    assert run.result["epochs"] == 2


def test_the_circuit_of_a_network_in_mixed_precision_keeps_its_own(digits, make_model, tmp_path) -> None:
    model, seen = make_model(), []
    hook = model.circuit.register_forward_hook(lambda circuit, inputs, output: seen.append((inputs[0], output)))
    run = fit(model, digits, out=tmp_path / "run", trainer={"precision": "bf16-mixed"}, **QUIET)
    hook.remove()
    assert {(angles.dtype, output.dtype) for angles, output in seen} == {(torch.float32, torch.float32)}
    angles, output = seen[-1]
    assert torch.equal(run.model.circuit(angles), output)
    assert torch.equal(angles, angles.bfloat16().float())
