"""A network that states what it learns from: another loss, or a rule of its own without gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from toys import Toy, register

import sqnn
from sqnn.core import ConfigError
from sqnn.training import TrainingConfig
from sqnn.training.module import Classifier

SETTINGS = {"epochs": 3, "batch_size": 80, "progress": False, "threads": 1}


class Squared(Toy):
    """A toy that learns from squares instead of cross-entropy."""

    def learn(
        self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        logits = self(images)
        return logits, (logits - F.one_hot(labels, logits.shape[1])).square().mean()


class Counting(Toy):
    """A toy that counts its batches in a weight, without gradients."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.layers.register_parameter("batches", nn.Parameter(torch.zeros(())))

    @torch.no_grad()
    def learn(
        self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        self.layers.batches += 1
        seen.append(progress)
        return self(images), torch.tensor(0.25)


class KilledError(Exception):
    pass


seen: list[float] = []


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    from sqnn.core import Choices
    from sqnn.models import MODELS

    table = Choices("model", {**MODELS, "toy": Toy, "squared": Squared, "counting": Counting})
    monkeypatch.setattr("sqnn.models.create.MODELS", table)
    seen.clear()


def test_training_minimises_the_loss_that_the_network_states(known: None, digits: sqnn.ImageData) -> None:
    model = sqnn.create_model("squared", digits)
    module = Classifier(model, TrainingConfig(), 10)
    module.log = lambda *arguments, **options: None  # type: ignore[method-assign]
    module.trainer = type("Trainer", (), {"num_training_batches": 4, "current_epoch": 0})()  # type: ignore[assignment]
    images, labels = digits.train.floats(slice(40)), digits.train.labels[:40]
    loss = module.training_step((images, labels), 0)
    logits = model(images)
    expected = (logits - torch.eye(10)[labels]).square().mean()
    torch.testing.assert_close(loss, expected)
    given = torch.autograd.grad(loss, list(model.parameters()))
    wanted = torch.autograd.grad(expected, list(model.parameters()))
    for one, other in zip(given, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_a_rule_without_gradients_is_a_run_as_any_other(known: None, digits: sqnn.ImageData, tmp_path) -> None:
    """The rule changes the weights, the optimiser none, not even by weight decay; every epoch is validated and kept."""
    model = sqnn.create_model("counting", digits)
    before = {name: value.clone() for name, value in model.named_parameters()}
    run = sqnn.fit(model, digits, out=tmp_path / "run", weight_decay=0.1, **SETTINGS)
    assert seen == pytest.approx([step / 6 for step in range(6)])
    for name, value in run.model.named_parameters():
        if name != "layers.batches":
            assert torch.equal(value, before[name])
    assert run.model.layers.batches.item() == 2 * run.result["best_epoch"]
    assert run.history["train_loss"].tolist() == [0.25] * 3
    last = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert (last["epoch"], float(last["state_dict"]["model.layers.batches"])) == (2, 6.0)


def test_training_by_stdp_goes_on_after_an_interruption(digits: sqnn.ImageData, tmp_path) -> None:
    """Weights, thresholds and counted responses of a resumed run are those of an undisturbed one."""

    options = {**SETTINGS, "seed": 3}
    network = {"neurons": 30, "rule": "r-stdp", "seed": 3}
    whole = sqnn.fit(sqnn.create_model("snn-wta", digits, **network), digits, out=tmp_path / "whole", **options)
    assert whole.test_accuracy > 0.5
    torch.testing.assert_close(whole.model.weight.norm(dim=1), torch.ones(30))
    model = sqnn.create_model("snn-wta", digits, **network)
    steps = iter(range(100))
    learn = model.learn

    def stopping(*arguments: object) -> tuple[Tensor, Tensor]:
        if next(steps) == 3:
            raise KilledError
        return learn(*arguments)

    model.learn = stopping
    with pytest.raises(KilledError):
        sqnn.fit(model, digits, out=tmp_path / "killed", **options)
    again = sqnn.resume(tmp_path / "killed", digits, progress=False)
    assert again.history["validation_loss"].tolist() == whole.history["validation_loss"].tolist()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name


@pytest.mark.parametrize("name", ["snn-wta", "counting"])
def test_a_network_that_changes_its_weights_itself_takes_one_device(
    known: None, digits: sqnn.ImageData, tmp_path, name: str
) -> None:
    """Where the class states it, nothing is written; where only its loss tells, no batch changes weights twice."""
    model = sqnn.create_model(name, digits)
    message = "^devices: got 2, expected 1 where a rule changes weights, since each process would change its own$"
    if name == "snn-wta":
        with pytest.raises(ConfigError, match=message):
            sqnn.fit(model, digits, out=tmp_path / "run", trainer={"accelerator": "cpu", "devices": 2}, **SETTINGS)
        assert not (tmp_path / "run").exists()
    else:
        module = Classifier(model, TrainingConfig(), 10)
        module.trainer = type("Trainer", (), {"world_size": 2})()  # type: ignore[assignment]
        with pytest.raises(ConfigError, match=message):
            module.backward(model.learn(digits.train.floats(slice(2)), digits.train.labels[:2])[1])
