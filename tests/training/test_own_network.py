"""Any module from images to logits is trained, measured and stored; what would spoil the numbers is told before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import snntorch
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from circuits import ReuploadLayer
from sqnn.core import ConfigError, is_whole
from sqnn.metrics import score
from sqnn.models import ModelFileError, logits_of
from sqnn.neurons import LIF
from sqnn.training import Run, RunError

FIT = {"epochs": 3, "batch_size": 32, "progress": False}


class Plain(nn.Module):
    """A network with what a run has to bring back: dropout, running statistics, a tensor under two names."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.first = nn.Linear(64, width)
        self.norm = nn.BatchNorm1d(width)
        self.again = nn.Linear(width, width)
        self.tied = self.again
        self.last = nn.Linear(width, 10)
        self.register_buffer("mask", torch.tensor([0.0] * 9 + [-1e30]).where(torch.arange(10) < 9, -torch.inf))

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.norm(self.first(images.flatten(1)))
        hidden = F.dropout(self.tied(self.again(hidden).relu()), 0.3, self.training)
        return self.last(hidden) + self.mask.clamp(min=-1)


class Spiking(nn.Module):
    """snnTorch neurons that keep their membranes, read out as their library's users do."""

    def __init__(self, reset: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.neuron = snntorch.Leaky(beta=0.9, init_hidden=True, output=True)
        self.reset = reset

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if self.reset:
            self.neuron.reset_mem()
        steps = [self.neuron(self.linear(images.flatten(1))) for _ in range(4)]
        return torch.stack([spikes for spikes, _ in steps]), torch.stack([membrane for _, membrane in steps])


def made(seed: int = 3) -> Plain:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Plain()


class Stop(pl.Callback):
    """Ends a session in the middle of an epoch."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == 7:  # five steps an epoch
            raise InterruptedError


@pytest.fixture(scope="module")
def undisturbed(digits: sqnn.ImageData, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sqnn.fit(made(), digits, out=tmp_path_factory.mktemp("own") / "run", **FIT)


@pytest.mark.filterwarnings("ignore:callbacks. .* began with Stop")
def test_a_run_goes_on_bit_for_bit(undisturbed: Run, digits: sqnn.ImageData, tmp_path: Path) -> None:
    with pytest.raises(InterruptedError) as stopped:
        sqnn.fit(made(), digits, out=tmp_path / "run", callbacks=[Stop()], **FIT)
    assert stopped.value.__notes__ == [f"the run goes on with sqnn.resume({str(tmp_path / 'run')!r})"]
    with pytest.raises(ConfigError, match=r"model: the run trains a network of your own, .*test_own_network:Plain"):
        sqnn.resume(tmp_path / "run", digits)
    with pytest.raises(ConfigError, match=r"model: got Plain with weights of other names or shapes"):
        sqnn.resume(tmp_path / "run", digits, model=lambda: Plain(7))
    numbers = torch.rand(5)  # the other session has drawn from the same generator
    random = torch.get_rng_state()
    run = sqnn.resume(tmp_path / "run", digits, model=Plain, progress=False)
    assert torch.equal(torch.get_rng_state(), random)
    assert numbers.numel() == 5
    assert run.history.equals(undisturbed.history)
    theirs = undisturbed.model.state_dict()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in run.model.state_dict().items())
    assert run.result["confusion"] == undisturbed.result["confusion"]


def test_a_run_is_read_with_what_makes_its_network(undisturbed: Run, digits: sqnn.ImageData) -> None:
    assert undisturbed.result["model"].endswith("test_own_network:Plain")
    with pytest.raises(RunError, match=r"trained a network of your own, .* give what makes it: Run\.load\("):
        Run.load(undisturbed.folder)
    run = Run.load(undisturbed.folder, Plain)
    assert sqnn.evaluate(run.model, digits, progress=False).confusion == undisturbed.result["confusion"]
    with pytest.raises(ModelFileError, match=r"again\.bias has shape \[6\], expected \[9\]"):
        sqnn.load_model(undisturbed.folder, lambda: Plain(9))
    with pytest.raises(ConfigError, match="model: got 5, expected a function or a class"):
        sqnn.load_model(undisturbed.folder, 5)  # type: ignore[call-overload]


def test_measures_are_those_done_by_hand(digits: sqnn.ImageData) -> None:
    model, images = made(), digits.test.floats()
    before = torch.get_rng_state()
    result = sqnn.evaluate(model, digits, progress=False)
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    logits = model.eval()(images).detach()
    assert result.accuracy == pytest.approx(float((logits.argmax(1) == digits.test.labels).float().mean()))
    assert_close(sqnn.predict(model, images), logits.softmax(1))
    assert score(model, digits.test).accuracy == pytest.approx(result.accuracy)


def test_random_spikes_of_torchs_generator_repeat(digits: sqnn.ImageData) -> None:
    class Noisy(Plain):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(torch.bernoulli(images))

    model = Noisy()
    assert sqnn.evaluate(model, digits, progress=False) == sqnn.evaluate(model, digits, progress=False)


@pytest.mark.filterwarnings("ignore:model. gives the same logits")
def test_a_network_of_snntorch_is_read_by_its_spike_counts(digits: sqnn.ImageData, tmp_path: Path) -> None:
    model = Spiking()
    images = digits.test.floats(slice(5))
    assert_close(logits_of(model, images), model(images)[0].sum(0))
    before = model.linear.weight.detach().clone()
    run = sqnn.fit(model, digits, out=tmp_path / "run", **{**FIT, "epochs": 1})
    assert not torch.equal(model.linear.weight, before)
    assert run.parameters["spiking"] == 650


class Counter(Plain):
    calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(images) + self.calls


class Membrane(Plain):
    """Starts afresh where the number of images changes, and keeps no graph."""

    kept: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        if self.kept is not None and self.kept.shape == logits.shape:
            logits = logits + 0.5 * self.kept
        self.kept = logits.detach()
        return logits


class Measured(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return super().forward(images)


class Lambda(Plain):
    """A plain network whose logits go through a function."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> object:
        return self.function(super().forward(images))


REFUSED = {
    "kept membrane": (lambda: Spiking(reset=False), r"fails .*nothing may outlive it.*snntorch\.utils\.reset\(self\)"),
    "counter": (Counter, r"other logits for the same images .* begin forward with a reset"),
    "membrane of a size": (Membrane, r"other logits for the same images .* begin forward with a reset"),
    "numpy": (
        lambda: Lambda(lambda logits: logits + float(np.random.rand())),  # noqa: NPY002
        "other generators than torch's",
    ),
    "buffer": (Measured, r"its buffer seen changes in evaluation mode.*if self\.training"),
    "fixed batch": (
        lambda: Lambda(lambda logits: logits.view(2, -1)),
        r"got an output \[2, 20\].*images\.flatten\(1\)",
    ),
    "fixed view": (lambda: Lambda(lambda logits: logits.view(4, 10)), r"batch may have any number of images"),
    "lazy": (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "call it once on some images"),
    "no gradient": (lambda: Lambda(lambda logits: logits.detach()), "no gradient reaches its weights"),
    "levels": (lambda: Lambda(lambda logits: (logits > 0).float()), "no gradient reaches its weights"),
    "no weights": (nn.Flatten, "got no weight that learns"),
    "classes": (lambda: Lambda(lambda logits: logits[:, :7]), "got 7 logits per image, expected 10"),
    "nan": (lambda: Lambda(lambda logits: logits * torch.nan), "logits that are NaN"),
    "map": (lambda: nn.Conv2d(1, 10, 3), r"got an output \[4, 10, 6, 6\].*nn\.Flatten\(\)"),
    "labels": (lambda: Lambda(lambda logits: logits.sum(1)), r"got an output \[4\].*leave out squeeze"),
    "time second": (
        lambda: Lambda(lambda logits: logits[:, None].repeat(1, 3, 1)),
        r"got an output \[4, 3, 10\].*return output\.sum\(1\)",
    ),
    "time second, as many": (lambda: Lambda(lambda logits: logits[:, None].repeat(1, 4, 1)), r"output \[3, 4, 10\]"),
    "whole numbers": (
        lambda: Lambda(lambda logits: logits.long()),
        r"\[4, 10\] of torch.int64 .*logits are floating point numbers: return output\.float\(\)",
    ),
    "complex": (lambda: Lambda(lambda logits: logits + 0j), r"of torch.complex64 .*return output\.real or output\.abs"),
    "complex in time": (lambda: Lambda(lambda logits: logits[None] + 0j), r"\[1, 4, 10\] of torch.complex64 .*\.real"),
    "mapping": (lambda: Lambda(lambda logits: {"logits": logits}), "an output of type dict"),
    "size": (lambda: nn.Linear(2, 2), r"its forward on \[4, 1, 8, 8\] in training mode fails \(RuntimeError"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_spoil_the_numbers_is_told_before_there_is_a_folder(
    kind: str, digits: sqnn.ImageData, tmp_path: Path
) -> None:
    make, message = REFUSED[kind]
    with pytest.raises(ConfigError, match=f"^model: .*{message}") as told:
        sqnn.fit(make(), digits, out=tmp_path / "run", **FIT)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["counter", "membrane of a size", "buffer", "classes", "nan", "map", "mapping"])
def test_it_is_told_of_an_evaluation_too(kind: str, digits: sqnn.ImageData) -> None:
    make, message = REFUSED[kind]
    with pytest.raises(ConfigError, match=message):
        sqnn.evaluate(make(), digits, progress=False)


def test_a_trial_leaves_no_trace(digits: sqnn.ImageData) -> None:
    model = made()
    model.norm.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    sqnn.training.check_fit(model, digits, learns=True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training
    assert not model.norm.training
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("shape", ["trains", "pair", "list", "logits"])
def test_what_an_output_may_be(shape: str) -> None:
    trains = torch.rand(5, 2, 3)
    given = {"trains": trains, "pair": (trains, trains - 1), "list": [trains, None], "logits": trains.sum(0)}

    class Fixed(nn.Module):
        def forward(self, images: Tensor) -> object:
            return given[shape]

    assert_close(logits_of(Fixed(), torch.zeros(2, 1, 8, 8)), trains.sum(0))


def test_a_generator_is_handed_on_where_forward_takes_one() -> None:
    class Drawing(nn.Module):
        def forward(self, images: Tensor, scale: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
            return scale * torch.rand(len(images), 3, generator=generator)

    wanted = torch.rand(2, 3, generator=torch.Generator().manual_seed(4))
    assert torch.equal(logits_of(Drawing(), torch.zeros(2, 1), torch.Generator().manual_seed(4)), wanted)


def test_a_file_keeps_precision_and_names(tmp_path: Path) -> None:
    model = made().double()
    sqnn.save_model(model, tmp_path / "net.safetensors", name="nets:make")
    with pytest.raises(ModelFileError, match="holds a network of your own, nets:make, and no code"):
        sqnn.load_model(tmp_path / "net.safetensors")
    again = sqnn.load_model(tmp_path / "net.safetensors", Plain)
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())
    sqnn.save_model(sqnn.create_model("vit", image_size=(8, 8)), tmp_path / "vit.safetensors")
    with pytest.raises(ConfigError, match="holds a network of the package, 'vit'; leave model out"):
        sqnn.load_model(tmp_path / "vit.safetensors", Plain)


def test_parts_are_told_apart_where_none_are_declared() -> None:
    class Hybrid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.neuron = nn.Linear(4, 6), LIF(learn_beta=True)
            self.circuit = ReuploadLayer(2, 1)

    counted = sqnn.count(Hybrid())
    assert (counted.spiking, counted.quantum, counted.classical) == (31, 6, 0)
    assert (sqnn.count(nn.Linear(4, 6)).classical, sqnn.count(nn.Linear(4, 6)).spiking) == (30, 0)


@pytest.mark.parametrize("number", [np.int64(3), np.uint8(3), np.int32(3)])
def test_numbers_of_numpy_are_whole(number: object, digits: sqnn.ImageData, tmp_path: Path) -> None:
    assert is_whole(number)
    with pytest.raises(ConfigError, match="check_val_every_n_epoch=3, but a run of 2 epochs"):
        sqnn.fit(made(), digits, out=tmp_path, epochs=2, trainer={"check_val_every_n_epoch": int(number)})  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match=r"but a run of 2 epochs"):
        sqnn.fit(made(), digits, out=tmp_path, epochs=2, trainer={"check_val_every_n_epoch": number})
