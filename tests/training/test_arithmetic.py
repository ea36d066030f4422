"""What a run is computed by: noted with it, and no other is taken when it goes on, unless the user says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

import circuits.kernels
import sqnn
import sqnn.kernels
import sqnn.neurons
from sqnn.cli.train import _as_command
from sqnn.core import check_kernels
from sqnn.layers import arithmetic_of, kernels_for
from sqnn.studies import STUDIES, run_study
from sqnn.training import Run, RunError
from sqnn.training.arithmetic import Arithmetic

KERNELS = circuits.kernels.KERNELS
LIBRARIES = (circuits.kernels.kernels, sqnn.kernels.kernels, sqnn.neurons.kernels)
OFF = "none: turned off by SQNN_KERNELS"
COMPILED = circuits.kernels.kernels().library is not None

pytestmark = pytest.mark.filterwarnings("ignore:callbacks. .* began with Stop")


class StoppedError(Exception):
    pass


class Stop(pl.Callback):
    """Stops a training in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, trainer: pl.Trainer, *rest: object) -> None:
        if trainer.current_epoch + 1 == self.epoch:
            raise StoppedError


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets SQNN_KERNELS and looks for kernels anew."""

    def turn(wish: str) -> None:
        monkeypatch.setenv(KERNELS, wish)
        for library in LIBRARIES:
            library.cache_clear()

    yield turn
    monkeypatch.undo()
    for library in LIBRARIES:
        library.cache_clear()


def model_for(data: sqnn.ImageData) -> torch.nn.Module:
    return sqnn.create_model("sqdr-cnn", data, seed=5, channels=(2, 3), n_qubits=3)


def begin(folder: Path, data: sqnn.ImageData, stop: int = 3) -> None:
    """Begin a run of four epochs that ends in one of them."""
    with pytest.raises(StoppedError):
        sqnn.fit(model_for(data), data, out=folder, epochs=4, batch_size=32, progress=False, callbacks=Stop(stop))


@pytest.mark.skipif(not COMPILED, reason="there are no kernels here")
def test_a_run_goes_on_by_other_kernels_only_where_the_user_says_so(tmp_path, digits, kernels) -> None:
    kernels("auto")
    compiled = kernels_for(model_for(digits))
    begin(tmp_path / "run", digits)
    kernels("off")
    with pytest.raises(
        RunError, match=r"^kernels: .* was trained by kernels compiled by .* \(layers, circuit\)"
    ) as caught:
        sqnn.resume(tmp_path / "run", digits, progress=False)
    said = str(caught.value)
    assert "and now by PyTorch (layers, circuit)" in said
    assert f"; unset {KERNELS}, or go on" in said
    assert said.endswith(f"with sqnn.resume({str(tmp_path / 'run')!r}, other_arithmetic=True)")
    assert _as_command(said).endswith(f"with sqnn train --resume {tmp_path / 'run'} --other-arithmetic")
    assert not (tmp_path / "run" / "result.json").exists()

    shutil.copytree(tmp_path / "run", tmp_path / "again")
    run = sqnn.resume(tmp_path / "run", digits, progress=False, other_arithmetic=True)
    both = f"{compiled}; from epoch 3: layers and circuit, {OFF}"
    assert (run.result["kernels"], Run.load(run.folder).result["kernels"]) == (both, both)
    assert run.history.index.tolist() == [1, 2, 3, 4]

    kernels("auto")
    assert sqnn.resume(tmp_path / "again", digits, progress=False).result["kernels"] == compiled


@pytest.mark.skipif(not COMPILED, reason="there are no kernels here")
def test_a_run_without_kernels_is_not_continued_by_kernels_whyever_there_were_none(
    tmp_path, digits, kernels, monkeypatch
) -> None:
    kernels("off")
    begin(tmp_path / "run", digits)
    begin(tmp_path / "early", digits, stop=1)
    kernels("auto")
    with pytest.raises(RunError, match=f"was trained by PyTorch .*; set {KERNELS}=off, or go on"):
        sqnn.resume(tmp_path / "run", digits, progress=False)
    # Nothing is there yet that would round otherwise than the rest.
    early = sqnn.resume(tmp_path / "early", digits, progress=False)
    assert early.result["kernels"] == kernels_for(early.model)
    kernels("auto")
    monkeypatch.setattr("circuits.kernels.library._compilers", lambda named: [])
    assert arithmetic_of(early.model) == {"layers": "PyTorch", "circuit": "PyTorch"}
    run = sqnn.resume(tmp_path / "run", digits, progress=False)
    assert run.result["kernels"] == f"layers and circuit, {OFF}"


def test_another_device_is_named(digits) -> None:
    model = model_for(digits)
    assert arithmetic_of(model, "cuda")["device"] == "cuda"
    assert arithmetic_of(sqnn.create_model("tiny-cnn", digits)) == {}


def test_the_way_back_to_what_computed_before_is_named(digits, kernels) -> None:
    kernels("auto")
    now = Arithmetic(model_for(digits), "cpu", 1)
    on_gpu = {"device": "cuda", "neurons": "compiled by Triton 3.6"}
    cases = [
        (now.parts, on_gpu, "take the accelerator and the devices of then"),
        (now.parts, {**now.parts, "devices": "2"}, "take the accelerator and the devices of then"),
        ({**on_gpu, "neurons": "compiled by Triton 9"}, on_gpu, "install the Triton of then"),
        (on_gpu, {**on_gpu, "neurons": "PyTorch"}, f"set {KERNELS}=off"),
        ({"layers": "compiled by c++ 12, 8 lanes"}, {"layers": "compiled by c++ 12, 16 lanes"}, "or the processor"),
    ]
    for parts, before, mend in cases:
        now.parts = parts
        checkpoint = {"callbacks": {now.state_key: {"notes": [{"epoch": 1, "line": "", "parts": before}]}}}
        with pytest.raises(RunError, match=f"which rounds otherwise, .*; .*{mend}"):
            now.check(checkpoint, Path("run"))
        now.parts = before
        now.check(checkpoint, Path("run"))


def test_a_run_that_noted_nothing_goes_on(tmp_path, digits) -> None:
    """As those of older versions."""
    begin(tmp_path / "run", digits)
    for path in (tmp_path / "run").rglob("*.ckpt"):
        stored = torch.load(path, weights_only=True)
        del stored["callbacks"]["Arithmetic"], stored["sha256"]
        torch.save(stored, path)
    with pytest.warns(sqnn.core.RecordWarning, match="carries no digest"):
        run = sqnn.resume(tmp_path / "run", digits, progress=False)
    assert run.result["kernels"] == f"not noted; from epoch 3: {kernels_for(run.model)}"


@pytest.mark.parametrize("wish", ["perhaps", "on"])
def test_a_wish_that_cannot_be_had_is_refused_before_anything_is_written(
    tmp_path, digits, kernels, monkeypatch, wish: str
) -> None:
    monkeypatch.setattr("circuits.kernels.library._compilers", lambda named: [])
    monkeypatch.chdir(tmp_path)
    kernels(wish)
    with pytest.raises(ValueError, match=f"^{KERNELS}: got '{wish}'"):
        sqnn.fit(model_for(digits), digits, epochs=1, progress=False)
    with pytest.raises(ValueError, match=f"^{KERNELS}: got '{wish}'"):
        run_study(STUDIES["layers"](), digits, out="study", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_where_kernels_are_left_to_the_machine_they_are_not_looked_for(kernels) -> None:
    for wish in ("auto", "off"):
        kernels(wish)
        check_kernels()
        assert circuits.kernels.kernels.cache_info().currsize == 0
