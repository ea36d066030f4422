"""What training minimises and on which images: checked against a step done by hand."""

from __future__ import annotations

import copy
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close
from toys import register

import sqnn
from sqnn.core import ConfigError
from sqnn.data import ImageDataModule
from sqnn.neurons import QCFS
from sqnn.training import BitPenalty
from sqnn.training.progress import EpochLines

ONE_STEP = {"epochs": 1, "batch_size": 1000, "progress": False, "seed": 2, "gradient_clip": 0.0}
PLAIN = {**ONE_STEP, "optimizer": "sgd", "schedule": "constant", "learning_rate": 0.1}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def spikes_by_hand(model: torch.nn.Module, images: torch.Tensor) -> float:
    """Ones in the binary digits of all levels, over the number of neurons: NumPy counts them."""
    ones, neurons, values = 0, 0, images
    for layer in model.layers:
        values = layer(values)
        if isinstance(layer, QCFS):
            levels = (values * layer.steps / layer.threshold).round().int().numpy()
            ones += sum(int((levels >> place & 1).sum()) for place in range(layer.timesteps))
            neurons += levels.size
    return ones / neurons


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_a_step_follows_the_gradient_of_the_stated_loss(digits, tmp_path, weight: float) -> None:
    model = sqnn.create_model("toy", digits, seed=2, activation="qcfs")
    hand = copy.deepcopy(model)
    images, labels = next(iter(ImageDataModule(digits, 1000, 2).train_dataloader()))
    with BitPenalty().attach(hand) as spikes_of_hand:
        cross_entropy = F.cross_entropy(hand(images), labels)
    (cross_entropy + weight * spikes_of_hand()).backward()
    with torch.no_grad():
        for parameter in hand.parameters():
            parameter -= 0.1 * parameter.grad
    with torch.no_grad():
        spikes = spikes_by_hand(copy.deepcopy(model), images)
    run = sqnn.fit(model, digits, out=tmp_path / "run", bit_penalty=weight, **PLAIN)
    for name, parameter in hand.named_parameters():
        assert_close(dict(run.model.named_parameters())[name], parameter, msg=name)
    assert run.history["train_loss"].tolist() == pytest.approx([cross_entropy.item()], abs=1e-6)
    assert ("train_spikes" in run.history) == (weight > 0)
    if weight:
        assert run.history["train_spikes"].tolist() == pytest.approx([spikes], abs=1e-6)
        assert run.plot().axes[0].get_ylabel() == "cross-entropy (nats)"


def test_a_penalty_makes_spikes_rare(digits, tmp_path) -> None:
    shared = {"batch_size": 32, "progress": False, "epochs": 6, "learning_rate": 0.02}
    runs = [
        sqnn.fit(
            sqnn.create_model("toy", digits, activation="qcfs"), digits, out=tmp_path / str(w), bit_penalty=w, **shared
        )
        for w in (1e-6, 5.0)
    ]
    free, charged = (run.history["train_spikes"] for run in runs)
    assert free.iloc[0] > 0.2
    assert charged.iloc[-1] < 0.5 * free.iloc[-1]


def test_a_penalty_on_a_network_without_bits_leaves_no_folder(digits, tmp_path) -> None:
    for name in ("toy", "sqdr-cnn"):
        with pytest.raises(ConfigError, match="bit_penalty: ") as caught:
            sqnn.fit(sqnn.create_model(name, digits), digits, out=tmp_path / "run", bit_penalty=0.1, **ONE_STEP)
        assert len(str(caught.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_training_sees_changed_images_and_evaluation_does_not(digits, tmp_path) -> None:
    seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    model = sqnn.create_model("toy", digits)

    def see(module: torch.nn.Module, arguments: tuple[torch.Tensor]) -> None:
        if module.training or seen[True]:  # before the first step, fit looks whether the network answers at all
            seen[module.training].append(arguments[0].clone())

    model.register_forward_pre_hook(see)
    shared = {"epochs": 2, "batch_size": 50, "seed": 4, "progress": False}
    sqnn.fit(model, digits, out=tmp_path / "run", augmentation="shift-flip", **shared)
    expected = []
    for epoch in range(2):
        loader = ImageDataModule(digits, 50, 4, augmentation="shift-flip").train_dataloader()
        loader.sampler.set_epoch(epoch)
        expected += [images for images, _ in loader]
    assert all(torch.equal(one, other) for one, other in zip(seen[True], expected, strict=True))
    *validated, tested = seen[False]
    assert len(validated) >= 2
    assert all(torch.equal(images, digits.validation.floats()) for images in validated)
    assert torch.equal(tested, digits.test.floats())


def test_a_line_tells_the_seconds_of_training_and_validation(monkeypatch, capsys) -> None:
    clock = iter([0.0, 100.0, 181.26, 200.0, 203.0])
    monkeypatch.setattr("sqnn.training.progress.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    lines = EpochLines()
    metrics = {"validation_loss": np.float64(0.5), "validation_accuracy": np.float64(0.75)}
    for epoch in range(2):
        trainer = SimpleNamespace(
            is_global_zero=True, sanity_checking=False, callback_metrics=metrics, current_epoch=epoch, max_epochs=2
        )
        lines.on_train_epoch_start(trainer, None)
        lines.on_validation_end(trainer, None)
    shared = "validation cross-entropy 0.5000 nats, accuracy 75.00%"
    assert capsys.readouterr().out.splitlines() == [f"epoch 1 of 2: {shared}, 81.3 s", f"epoch 2 of 2: {shared}, 3.0 s"]


def test_lines_come_once_an_epoch_where_nobody_watches(digits, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sqnn.training.lightning_options.progress_callback", EpochLines)
    sqnn.fit(
        sqnn.create_model("toy", digits), digits, out=tmp_path / "run", **{**ONE_STEP, "epochs": 3, "progress": True}
    )
    found = re.findall(r"^epoch (\d) of 3: .*, \d+\.\d s$", capsys.readouterr().out, re.MULTILINE)
    assert found == ["1", "2", "3"]
