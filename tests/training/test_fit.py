"""What a training run promises: repeatable numbers, an unread test split, files that tell what happened."""

from __future__ import annotations

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from matplotlib.figure import Figure

import sqnn
from sqnn.core import ConfigError
from sqnn.data import Split
from sqnn.training import NotFiniteError, Run, RunError, TrainingConfig, fit

QUIET = {"epochs": 2, "batch_size": 32, "progress": False}


def weights(model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory) -> Run:
    model = sqnn.create_model("sqdr-cnn", digits, channels=(2, 3), n_qubits=3)
    return fit(model, digits, out=tmp_path_factory.mktemp("run") / "one", **{**QUIET, "epochs": 3})


@pytest.mark.parametrize("encoding", ["phase", "rate"])
def test_the_same_seed_gives_the_same_weights(digits, make_model, tmp_path, encoding: str) -> None:
    trained = []
    for number, seed in enumerate((1, 1, 2)):
        torch.rand(number + 1)
        before = torch.get_rng_state()
        run = fit(make_model(encoding=encoding), digits, out=tmp_path / str(number), seed=seed, **QUIET)
        assert torch.equal(torch.get_rng_state(), before), "training moved the global generator"
        trained.append((weights(run.model), run.history))
    assert equal(trained[0][0], trained[1][0])
    pd.testing.assert_frame_equal(trained[0][1], trained[1][1], check_exact=True)
    assert not equal(trained[0][0], trained[2][0])


def test_training_never_reads_the_test_split(digits, make_model, tmp_path) -> None:
    """The test images are replaced by noise with other labels: only the test's own numbers change."""
    noise = torch.randint(0, 17, digits.test.images.shape, generator=torch.Generator().manual_seed(0))
    other = dataclasses.replace(digits, test=Split(noise.to(torch.uint8), digits.test.labels.flip(0), 16))
    one, two = (fit(make_model(), d, out=tmp_path / str(i), **QUIET) for i, d in enumerate((digits, other)))
    assert equal(weights(one.model), weights(two.model))
    pd.testing.assert_frame_equal(one.history, two.history, check_exact=True)
    assert one.result["best_epoch"] == two.result["best_epoch"]
    assert one.result["test_loss"] != two.result["test_loss"]


def test_the_epoch_is_chosen_by_the_validation_split(run: Run, digits) -> None:
    best = run.history["validation_accuracy"].max()
    assert run.validation_accuracy == pytest.approx(best, abs=1e-6)
    first = int(run.history.index[run.history["validation_accuracy"] == best][0])
    assert run.result["best_epoch"] == first
    assert sqnn.evaluate(run.model, digits, "validation", progress=False).accuracy == pytest.approx(best, abs=1e-6)


def test_training_learns(digits, make_model, tmp_path) -> None:
    model = make_model(channels=(4, 8), n_qubits=6)
    run = fit(model, digits, out=tmp_path / "run", **{**QUIET, "epochs": 15})
    assert run.history["train_loss"].iloc[-1] < 0.8 * run.history["train_loss"].iloc[0]
    assert run.history["train_accuracy"].iloc[-1] > 0.3  # ten classes: chance is a tenth


def test_the_result_tells_what_happened(run: Run, digits) -> None:
    stored = json.loads((run.folder / "result.json").read_text())
    assert len(stored.pop("sha256")) == 64
    assert stored == run.result
    assert (stored["model"], stored["data"], stored["epochs"], stored["seed"]) == ("sqdr-cnn", "digits", 3, 0)
    assert stored["classes"] == list(digits.classes)
    assert stored["parameters"] == sqnn.count(run.model).to_dict()
    confusion = np.array(stored["confusion"])
    assert confusion.sum(1).tolist() == torch.bincount(digits.test.labels, minlength=10).tolist()
    assert stored["test_accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum(), abs=1e-6)
    assert stored["seconds"] > 0
    assert {"python", "torch", "lightning", "pennylane", "sqnn"} <= stored["versions"].keys()


def test_the_history_has_one_row_an_epoch(run: Run) -> None:
    assert run.history.index.tolist() == [1, 2, 3]
    assert run.history.index.name == "epoch"
    assert list(run.history) == ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
    assert run.history.notna().all(axis=None)
    assert run.history.filter(like="accuracy").max(axis=None) <= 1


def test_a_run_read_from_its_folder_is_the_run(run: Run) -> None:
    read = Run.load(run.folder)
    assert read.result == run.result
    pd.testing.assert_frame_equal(read.history, run.history, check_exact=True)
    pd.testing.assert_frame_equal(read.confusion, run.confusion)
    assert equal(weights(read.model), weights(run.model))
    assert (read.test_accuracy, read.parameters) == (run.test_accuracy, run.parameters)
    assert repr(read) == repr(run)
    assert f"{run.test_accuracy:.2%}" in run._repr_html_()


def test_the_picture_has_labels_with_units(run: Run) -> None:
    assert (run.folder / "training.png").read_bytes().startswith(b"\x89PNG")
    figure = run.plot()
    loss, accuracy, confusion, colours = figure.axes
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "cross-entropy (nats)")
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy (%)")
    assert (confusion.get_xlabel(), confusion.get_ylabel()) == ("predicted class", "true class")
    assert "%" in colours.get_ylabel()
    drawn = {line.get_label(): line.get_ydata() for line in loss.lines}
    assert drawn["train"].tolist() == run.history["train_loss"].tolist()
    drawn = {line.get_label(): line.get_ydata() for line in accuracy.lines}
    assert drawn["validation"].tolist() == (100 * run.history["validation_accuracy"]).tolist()
    best = run.result["best_epoch"]
    places = {line.get_label(): line.get_xydata().tolist() for line in accuracy.lines}
    assert places[f"chosen: epoch {best}"] == [[best, 100 * run.history["validation_accuracy"][best]]]
    assert places[f"test {run.test_accuracy:.2%}".replace("%", " %")] == [[best, 100 * run.test_accuracy]]


def test_the_picture_is_written_where_no_folder_is_yet_or_drawn_into_another(run: Run, tmp_path) -> None:
    figure = run.plot(tmp_path / "figures" / "a.pdf", title="mine")
    assert (tmp_path / "figures" / "a.pdf").read_bytes().startswith(b"%PDF")
    assert figure.get_suptitle() == "mine"
    left, right = Figure().subplots(1, 2)
    assert run.plot(ax=right) is right.figure
    assert (len(left.lines), right.get_title(), right.get_ylabel()) == (0, "", "accuracy (%)")
    assert run.plot(tmp_path / "part.png", ax=left, title="first") is left.figure
    assert left.get_title() == "first"
    assert (tmp_path / "part.png").read_bytes().startswith(b"\x89PNG")


def test_a_loss_that_is_not_finite_names_the_remedy(digits, make_model, tmp_path) -> None:
    model = make_model()
    with torch.no_grad():  # a finite weight, as a wild step leaves it; the mean over a batch overflows
        model.head[-1].bias[0] = torch.finfo(torch.float32).max
    with pytest.raises(NotFiniteError, match=r"^loss became inf in epoch 1; lower learning_rate or gradient_clip"):
        fit(model, digits, out=tmp_path / "run", **QUIET)


def test_weights_that_are_not_finite_are_told_before_the_circuit_complains(digits, make_model, tmp_path) -> None:
    model = make_model(readout="membrane")
    torch.nn.init.constant_(model.frontend.linear.bias, float("nan"))
    with pytest.raises(NotFiniteError, match=r"^weights became infinite or NaN in epoch 1; lower learning_rate"):
        fit(model, digits, out=tmp_path / "run", **QUIET)


def test_weights_that_hide_behind_silent_neurons_are_noticed(digits, make_model, tmp_path) -> None:
    """A membrane that is NaN never fires: the circuit reads angles of 0, and the loss is finite in every step."""
    model = make_model(readout="spike")
    torch.nn.init.constant_(model.frontend.linear.bias, float("nan"))
    batch = digits.train.floats(slice(8)), digits.train.labels[:8]
    assert torch.isfinite(torch.nn.functional.cross_entropy(model(batch[0]), batch[1]))
    out = tmp_path / "run"
    with pytest.raises(NotFiniteError, match=r"^weights became infinite or NaN in epoch 1; lower learning_rate"):
        fit(model, digits, out=out, gradient_clip=0.0, **QUIET)
    assert not list(out.rglob("*.ckpt")), "the spoiled weights were kept"


@pytest.mark.parametrize("stage", [0, -1])
def test_a_branch_that_fell_silent_for_good_is_noticed(digits, tmp_path, stage: int) -> None:
    """Of a NaN in the first stage no loss ever tells; from the last one, gradients spoil the stages before it."""
    model = sqnn.create_model("has8-vgg", digits, width=2, depth=1, hidden=(4,))
    weights = next(p for name, p in model.stages[stage].snn.named_parameters() if name.endswith("weight"))
    torch.nn.init.constant_(weights, float("nan"))
    assert torch.isfinite(model(digits.train.floats(slice(8)))).all()
    with pytest.raises(NotFiniteError, match=r"^weights became infinite or NaN in epoch 1"):
        fit(model, digits, out=tmp_path / "run", gradient_clip=0.0, **QUIET)


def test_statistics_that_are_not_finite_are_noticed(digits, make_model, tmp_path) -> None:
    """Training does not read a norm's running mean, evaluation does: its channel would be silent."""
    model = make_model()
    model.frontend.blocks[-1].norm.running_mean[0] = float("inf")
    with pytest.raises(NotFiniteError, match=r"^weights became infinite or NaN in epoch 1"):
        fit(model, digits, out=tmp_path / "run", **QUIET)


def test_a_network_may_have_training_defaults_of_its_own(digits, make_model, tmp_path, monkeypatch) -> None:
    model = make_model()
    monkeypatch.setattr(type(model), "training_defaults", {"learning_rate": 0.003, "epochs": 1}, raising=False)
    for rate, given in ((0.003, {}), (0.02, {"learning_rate": 0.02})):
        run = fit(make_model(), digits, out=tmp_path / str(rate), seed=3, batch_size=80, progress=False, **given)
        stored = yaml.safe_load((run.folder / "settings.yaml").read_text())["training"]
        assert stored == TrainingConfig(learning_rate=rate, epochs=1, seed=3, batch_size=80, threads=1).to_dict()


def test_a_mistaken_training_default_is_refused_as_a_setting_is() -> None:
    class Mistaken(sqnn.models.Network):
        training_defaults: ClassVar[dict[str, float]] = {"learning_rate": -1.0}

    with pytest.raises(ConfigError, match=r"learning_rate: got -1\.0"):
        TrainingConfig.for_model(Mistaken, {})
    assert TrainingConfig.for_model(Mistaken, {"learning_rate": 0.5}) == TrainingConfig(learning_rate=0.5)
    assert TrainingConfig.for_model(sqnn.models.Network, {}) == TrainingConfig()


@pytest.mark.parametrize("name", sqnn.MODELS)
def test_the_training_defaults_of_every_network_are_settings(name: str) -> None:
    stated = dict(sqnn.MODELS[name].training_defaults)
    assert TrainingConfig.for_model(sqnn.MODELS[name], {}) == TrainingConfig(**stated)


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_single_step_can_be_trained(digits, make_model, tmp_path, optimizer: str, schedule: str) -> None:
    model = make_model()
    before = weights(model)
    options = {"optimizer": optimizer, "schedule": schedule, "weight_decay": 0.01, "gradient_clip": 0.0}
    run = fit(model, digits, out=tmp_path / "run", epochs=1, batch_size=1000, progress=False, **options)
    moved = [name for name, p in run.model.named_parameters() if not torch.equal(before[name], p)]
    assert "circuit.weights" in moved
    assert "head.0.weight" in moved


def test_what_does_not_fit_leaves_no_folder(digits, make_model, tmp_path) -> None:
    out = tmp_path / "run"
    other = sqnn.create_model("sqdr-cnn", in_channels=3, n_qubits=3)
    with pytest.raises(ValueError, match="data: digits has in_channels 1, but the network was built for 3"):
        fit(other, digits, out=out, **QUIET)
    with pytest.raises(ConfigError, match="trainer: Lightning does not take accelerator='bogus'"):
        fit(make_model(), digits, out=out, trainer={"accelerator": "bogus"}, **QUIET)
    with pytest.raises(ConfigError, match="n_epochs: the training loop has no such setting; it has epochs"):
        fit(make_model(), digits, out=out, n_epochs=3)
    with pytest.raises(ConfigError, match=r"data: got .*test 0.*, expected two or more training images"):
        fit(make_model(), digits.subset(test=0), out=out, **QUIET)
    assert not out.exists()


def test_a_folder_in_use_is_not_overwritten(run: Run, digits, make_model, tmp_path) -> None:
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=r"out: .* is not empty; choose another folder"):
        fit(make_model(), digits, out=run.folder, **QUIET)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"out: .*file is a file, expected a folder, new or empty"):
        fit(make_model(), digits, out=tmp_path / "file", **QUIET)
    with pytest.raises(RunError, match=r"run: .*file is a file, expected the folder of a run"):
        Run.load(tmp_path / "file")
    with pytest.raises(RunError, match=r"out: cannot write .*choose a writable folder"):
        fit(make_model(), digits, out=tmp_path / "file" / "run", **QUIET)


def test_runs_without_a_name_are_numbered(digits, make_model, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [fit(make_model(), digits, **{**QUIET, "epochs": 1}).folder.as_posix() for _ in range(2)]
    assert folders == ["runs/sqdr-cnn-digits-1", "runs/sqdr-cnn-digits-2"]


BAD_SETTINGS = [
    *(("epochs", value) for value in (0, -1, 1.5, "3", True, None)),
    *(("batch_size", value) for value in (0, 1, 2_000_000, "8", True)),
    *(("seed", value) for value in (-1, 2**32, 1.0, None)),
    *(("learning_rate", value) for value in (0.0, -1.0, 1e7, float("nan"), float("inf"), "1", None, True)),
    *((name, value) for name in ("weight_decay", "gradient_clip") for value in (-0.1, float("nan"), "0", None)),
    *((name, value) for name in ("optimizer", "schedule", "augmentation") for value in ("bogus", None, 3)),
    *(("shift", value) for value in (0, -1, 1.5, "1", True)),
    *(("augmented", value) for value in (0.0, -0.1, 1.1, float("nan"), "1", None)),
    *(("pixel_noise", value) for value in (-0.1, 11.0, float("nan"), "0", None)),
    *(("threads", value) for value in (0, -1, 1.5, True, None, "many")),
]


@pytest.mark.parametrize(("name", "value"), BAD_SETTINGS)
def test_a_bad_setting_is_one_line_that_names_it(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(**{name: value})
    assert str(caught.value).startswith(f"{name}: got {value!r}, expected ")
    assert len(str(caught.value).splitlines()) == 1


def test_no_setting_is_left_out_of_the_bad_values() -> None:
    assert {name for name, _ in BAD_SETTINGS} == {field.name for field in dataclasses.fields(TrainingConfig)}


def test_a_shift_without_shifts_is_refused(digits, make_model, tmp_path) -> None:
    with pytest.raises(
        ConfigError, match="shift: got 2, expected none, or one beside augmentation shift, shift-flip or affine"
    ):
        TrainingConfig(shift=2)
    assert TrainingConfig(shift=2, augmentation="shift").shift == 2
    with pytest.raises(ValueError, match="shift: got 8, expected a whole number from 1 to 7"):
        fit(make_model(), digits, out=tmp_path / "run", augmentation="shift", shift=8, **QUIET)
    assert not (tmp_path / "run").exists()


def test_a_share_of_epochs_without_changed_images_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"augmented: got 0\.5, expected 1, or less beside augmentation or pixel_noise"
    ):
        TrainingConfig(augmented=0.5)
    assert TrainingConfig(augmented=0.5, pixel_noise=0.1, epochs=3).augmented_epochs == 2


@pytest.mark.parametrize(
    ("share", "epochs", "changed"), [(1.0, 7, 7), (0.7, 10, 7), (0.1, 30, 3), (0.8, 80, 64), (0.01, 3, 1)]
)
def test_shares_of_epochs_are_rounded_up(share: float, epochs: int, changed: int) -> None:
    assert TrainingConfig(augmentation="affine", augmented=share, epochs=epochs).augmented_epochs == changed


def test_the_last_epochs_show_images_as_they_are(digits, make_model, tmp_path) -> None:
    same = {**QUIET, "augmentation": "affine", "learning_rate": 1e-9, "schedule": "constant"}
    every, some, none = (
        fit(make_model(), digits, out=tmp_path / name, **{**same, **other}).history["train_loss"].tolist()
        for name, other in (("every", {}), ("some", {"augmented": 0.5}), ("none", {"augmentation": "none"}))
    )
    assert some[0] == every[0] != none[0]
    assert some[1] == pytest.approx(none[1], rel=1e-5)
    assert some[1] != pytest.approx(every[1], rel=1e-3)


def test_settings_survive_a_round_trip() -> None:
    config = TrainingConfig(
        epochs=3,
        learning_rate=1,
        optimizer="sgd",
        schedule="cosine",
        seed=2**32 - 1,
        augmentation="shift",
        shift=1,
        pixel_noise=0.3,
    )
    assert TrainingConfig.from_dict(config.to_dict()) == config
