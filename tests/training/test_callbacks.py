"""A user's callbacks, loggers and loss terms work beside the run's own, and outlast a resumption."""

from __future__ import annotations

import contextlib
import gc
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import lightning.pytorch as pl
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import CSVLogger
from runs import assert_same, killed
from torch import Tensor, nn
from toys import register

import sqnn
from sqnn.core import ConfigError, RecordWarning, option
from sqnn.kernels import are_wanted
from sqnn.training import BitPenalty, LossTerm, RunError, RunSettings, SafeCheckpointIO

SHORT = {"epochs": 3, "batch_size": 32, "seed": 5, "progress": False}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def stop() -> EarlyStopping:
    """Stop after the second epoch, whatever it brings."""
    return EarlyStopping("validation_loss", min_delta=1e9, patience=1)


def toy(digits, **options) -> nn.Module:
    return sqnn.create_model("toy", digits, seed=5, **options)


@pytest.mark.parametrize("by_trainer", [False, True])
def test_a_run_stops_early_and_says_so(digits, tmp_path, by_trainer: bool) -> None:
    given = {"trainer": {"callbacks": stop()}} if by_trainer else {"callbacks": [stop()]}
    run = sqnn.fit(toy(digits), digits, out=tmp_path / "run", **SHORT, **given)
    assert run.result["epochs"] == 2
    assert run.history.index.tolist() == [1, 2]
    whole = sqnn.fit(toy(digits), digits, out=tmp_path / "whole", **SHORT)
    assert run.history.equals(whole.history.iloc[:2])
    assert whole.result["epochs"] == 3


def test_a_resumed_run_takes_its_callbacks_again(digits, tmp_path) -> None:
    run = sqnn.fit(toy(digits), digits, out=tmp_path / "run", callbacks=[stop()], **SHORT)
    assert yaml.safe_load((run.folder / "settings.yaml").read_text())["callbacks"] == ["EarlyStopping"]
    again = sqnn.resume(killed(run, tmp_path / "killed"), digits, progress=False, callbacks=[stop()])
    assert_same(again, run)
    with pytest.warns(UserWarning, match=r"callbacks: .*lost began with EarlyStopping, which is not stored"):
        lost = sqnn.resume(killed(run, tmp_path / "lost"), digits, progress=False)
    assert lost.result["epochs"] == 3


class PowerCut(pl.Callback):
    """Fail as the third epoch begins."""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == 2:
            raise RuntimeError("power cut")


class Exits(pl.Callback):
    """End the program as the second epoch begins."""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise SystemExit(3)


def test_a_callback_that_exits_is_no_ctrl_c(digits, tmp_path) -> None:
    begins = r"^callbacks: code of your own ends the program: SystemExit in line \d+ of .*test_callbacks.py \(3\); "
    with pytest.raises(ConfigError, match=begins) as told:
        sqnn.fit(toy(digits), digits, out=tmp_path / "run", callbacks=[Exits()], **SHORT)
    assert told.value.__notes__ == [f"the run goes on with sqnn.resume({str(tmp_path / 'run')!r})"]


class LostDisk(pl.Callback):
    """Fail in the middle of a validation."""

    def on_validation_batch_end(self, *_: object) -> None:
        raise RuntimeError("lost disk")


def test_a_validation_that_fails_leaves_nothing_behind(digits, tmp_path) -> None:
    numbers = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="lost disk") as failed:
        sqnn.fit(toy(digits), digits, out=tmp_path / "run", callbacks=[LostDisk()], **SHORT)
    with torch.no_grad():
        assert not are_wanted(training=False)
    del failed
    gc.collect()
    assert torch.equal(torch.get_rng_state(), numbers)


def test_a_callback_goes_on_with_what_it_had_seen(digits, tmp_path) -> None:
    """The run stops after its third epoch; a callback that began anew in it would wait two epochs more."""
    options = {**SHORT, "epochs": 6, "out": tmp_path / "whole"}

    def patient() -> EarlyStopping:
        return EarlyStopping("validation_loss", min_delta=1e9, patience=2)

    whole = sqnn.fit(toy(digits), digits, callbacks=[patient()], **options)
    assert whole.result["epochs"] == 3
    folder = tmp_path / "cut"
    with pytest.raises(RuntimeError, match="power cut"):
        sqnn.fit(toy(digits), digits, callbacks=[patient(), PowerCut()], **{**options, "out": folder})
    with pytest.warns(UserWarning, match="began with EarlyStopping, PowerCut, which are not stored; pass them again"):
        cut = sqnn.resume(shutil.copytree(folder, tmp_path / "copy"), digits, progress=False)
    assert cut.result["epochs"] == 6
    with pytest.warns(UserWarning, match="began with PowerCut, which is not stored; pass it again"):
        assert_same(sqnn.resume(folder, digits, callbacks=[patient()], progress=False), whole)


def test_a_users_logger_and_plugin_leave_ours_in_place(digits, tmp_path, monkeypatch) -> None:
    written = []
    save = SafeCheckpointIO.save_checkpoint
    monkeypatch.setattr(
        SafeCheckpointIO, "save_checkpoint", lambda self, *rest, **more: written.append(save(self, *rest, **more))
    )
    mine = {"logger": CSVLogger(tmp_path, "mine"), "plugins": []}
    run = sqnn.fit(toy(digits), digits, out=tmp_path / "run", trainer=mine, **SHORT)
    assert run.history.index.tolist() == [1, 2, 3]
    assert "validation_loss" in (tmp_path / "mine" / "version_0" / "metrics.csv").read_text()
    assert written


def test_what_a_callback_logs_is_a_column_of_the_history(digits, tmp_path) -> None:
    class Norm(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            pl_module.log("epochs_squared", float((trainer.current_epoch + 1) ** 2))

    run = sqnn.fit(toy(digits), digits, out=tmp_path / "run", callbacks=[Norm()], **SHORT)
    assert run.history["epochs_squared"].tolist() == [1, 4, 9]


@dataclass(frozen=True)
class Shrink(LossTerm):
    """The squared length of the logits."""

    name: ClassVar[str] = "shrink"
    curve: ClassVar[str] = "train_length"
    power: int = option(2, "power", least=1)

    def check(self, model: nn.Module) -> None:
        pass

    @contextlib.contextmanager
    def attach(self, model: nn.Module) -> Iterator[Callable[[], Tensor]]:
        outputs: list[Tensor] = []
        hook = model.register_forward_hook(lambda module, inputs, output: outputs.append(output))
        try:
            yield lambda: torch.cat(outputs).pow(self.power).mean()
        finally:
            hook.remove()


def test_a_callback_sees_the_curves_of_the_epoch_that_ends(digits, tmp_path) -> None:
    class Seen(pl.Callback):
        losses: ClassVar[list[float]] = []

        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            self.losses.append(float(trainer.callback_metrics["train_loss"]))

    run = sqnn.fit(toy(digits), digits, out=tmp_path / "run", callbacks=[Seen()], **SHORT)
    assert run.history.train_loss.tolist() == pytest.approx(Seen.losses, rel=1e-6)


def test_a_term_of_ones_own_works_beside_ours_and_is_asked_for_again(digits, tmp_path) -> None:
    terms = [Shrink(5.0), BitPenalty(0.2)]
    run = sqnn.fit(toy(digits, activation="qcfs"), digits, out=tmp_path / "run", terms=terms, **SHORT)
    free = sqnn.fit(toy(digits, activation="qcfs"), digits, out=tmp_path / "free", bit_penalty=0.2, **SHORT)
    assert list(run.history)[4:] == ["train_length", "train_spikes"]
    assert list(free.history)[4:] == ["train_spikes"]
    assert not run.model._forward_hooks
    stored = yaml.safe_load((run.folder / "settings.yaml").read_text())["terms"]
    assert stored == [{"name": "shrink", "weight": 5.0, "power": 2}, {"name": "bit-penalty", "weight": 0.2}]
    folder = killed(run, tmp_path / "killed")
    with pytest.raises(RunError, match=r"terms: got none called 'shrink'.*pass it as terms="):
        sqnn.resume(folder, digits, progress=False)
    with pytest.raises(RunError, match=r"terms: got Shrink\(weight=4.0, power=2\), expected shrink with the options"):
        sqnn.resume(folder, digits, progress=False, terms=[Shrink(4.0)])
    assert_same(sqnn.resume(folder, digits, progress=False, terms=[Shrink(5.0)]), run)


def test_weight_and_term_are_two_spellings_of_one_loss(digits, tmp_path) -> None:
    one, other = (
        sqnn.fit(toy(digits, activation="qcfs"), digits, out=tmp_path / name, **SHORT, **given)
        for name, given in (("weight", {"bit_penalty": 0.3}), ("term", {"terms": [BitPenalty(0.3)]}))
    )
    assert_same(one, other)
    assert (one.folder / "settings.yaml").read_text() == (other.folder / "settings.yaml").read_text()


def test_a_run_of_version_0_1_resumes_to_the_same_bits(digits, tmp_path) -> None:
    """There the penalty was one of the settings, zero where there was none."""
    for weight in (0.0, 0.3):
        run = sqnn.fit(
            toy(digits, activation="qcfs"), digits, out=tmp_path / f"run-{weight}", bit_penalty=weight, **SHORT
        )
        folder = killed(run, tmp_path / f"killed-{weight}")
        stored = yaml.safe_load((folder / "settings.yaml").read_text())
        assert ("terms" in stored) == (weight > 0)
        for name in ("terms", "sha256"):
            stored.pop(name, None)
        stored["training"]["bit_penalty"] = weight
        (folder / "settings.yaml").write_text(yaml.safe_dump(stored, sort_keys=False))
        with pytest.warns(RecordWarning, match="settings.yaml carries no digest"):
            assert_same(sqnn.resume(folder, digits, progress=False), run)


def test_a_run_begun_in_a_notebook_resumes_from_its_folder_alone(tmp_path) -> None:
    data = sqnn.load_data("digits", validation=1200, split_seed=2)
    run = sqnn.fit(toy(data), data, out=tmp_path / "run", **{**SHORT, "epochs": 1})
    stored = yaml.safe_load((run.folder / "settings.yaml").read_text())["data"]
    assert stored == {"name": "digits", "validation": 1200, "split_seed": 2}
    assert_same(sqnn.resume(killed(run, tmp_path / "killed"), progress=False), run)


def test_where_images_came_from_was_once_an_argument(digits, tmp_path) -> None:
    with pytest.warns(DeprecationWarning, match="data_source: is no longer needed"):
        run = sqnn.fit(toy(digits), digits, out=tmp_path / "run", data_source={"validation": 60}, **SHORT)
    assert yaml.safe_load((run.folder / "settings.yaml").read_text())["data"] == {"name": "digits", "validation": 60}


def test_images_without_a_name_are_asked_for(digits, tmp_path) -> None:
    mine = sqnn.ImageData("mine", digits.train, digits.validation, digits.test, digits.classes)
    run = sqnn.fit(toy(mine), mine, out=tmp_path / "run", **SHORT)
    folder = killed(run, tmp_path / "killed")
    with pytest.raises(RunError, match=r"data: .* was trained on 'mine', which is no named data set; pass the images"):
        sqnn.resume(folder, progress=False)
    assert_same(sqnn.resume(folder, mine, progress=False), run)


def test_settings_survive_a_round_trip(digits, tmp_path) -> None:
    run = sqnn.fit(
        toy(digits, activation="qcfs", width=7),
        digits,
        out=tmp_path / "run",
        terms=[BitPenalty(0.1)],
        callbacks=[stop()],
        **SHORT,
    )
    settings = RunSettings.from_yaml((run.folder / "settings.yaml").read_text())
    assert RunSettings.from_yaml(settings.to_yaml()) == settings
    assert (settings.model, settings.config.width, settings.training.seed) == ("toy", 7, 5)
    assert (settings.terms, settings.callbacks) == ((BitPenalty(0.1),), ("EarlyStopping",))
    assert settings.data_sha256 == digits.fingerprint
    built = settings.build().state_dict()
    assert all(torch.equal(built[name], t) for name, t in toy(digits, activation="qcfs", width=7).state_dict().items())
