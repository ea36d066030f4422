"""Runs that begin with weights of their own resume to the same bits; a network's mode makes no difference."""

from __future__ import annotations

import pytest
import torch
import yaml
from runs import assert_same, killed
from toys import register

import sqnn
from sqnn.models import ModelFileError

TRAINING = {"epochs": 2, "batch_size": 32, "seed": 5, "progress": False}
CHANGED = {**TRAINING, "augmentation": "shift-flip", "bit_penalty": 0.1, "learning_rate": 0.01}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def own_network(digits: sqnn.ImageData) -> torch.nn.Module:
    """A network that no seed draws, in its running statistics either."""
    model = sqnn.create_model("toy", digits, seed=3, activation="qcfs")
    model(digits.validation.floats())
    return model


def test_a_run_with_weights_of_its_own_resumes_to_the_same_bits(digits, tmp_path) -> None:
    model = own_network(digits)
    before = state(model)
    run = sqnn.fit(model, digits, out=tmp_path / "run", **CHANGED)
    stored = sqnn.load_model(run.folder / "initial.safetensors").state_dict()
    assert all(torch.equal(stored[name], tensor) for name, tensor in before.items())
    assert not torch.equal(run.model.layers[1].weight, before["layers.1.weight"])
    resumed = sqnn.resume(killed(run, tmp_path / "killed"), digits, progress=False)
    assert_same(resumed, run)


def test_a_run_with_weights_of_its_seed_stores_none(digits, tmp_path) -> None:
    for seed, names in ((5, []), (4, ["initial.safetensors"])):
        model = sqnn.create_model("toy", digits, seed=seed)
        run = sqnn.fit(model, digits, out=tmp_path / str(seed), **TRAINING)
        assert [path.name for path in run.folder.glob("initial*")] == names
        assert ("initial" in yaml.safe_load((run.folder / "settings.yaml").read_text())) == bool(names)
        assert_same(sqnn.resume(killed(run, tmp_path / f"killed-{seed}"), digits, progress=False), run)


def test_a_changed_bit_counts_as_weights_of_its_own(digits, tmp_path) -> None:
    model = sqnn.create_model("toy", digits, seed=5)
    model.layers[3].running_var[0] += 2**-20
    run = sqnn.fit(model, digits, out=tmp_path / "run", **TRAINING)
    assert (run.folder / "initial.safetensors").is_file()


def test_a_lost_beginning_is_not_replaced_by_the_seeds(digits, tmp_path) -> None:
    folder = killed(sqnn.fit(own_network(digits), digits, out=tmp_path / "run", **TRAINING), tmp_path / "killed")
    (folder / "initial.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"path: no file .*killed/initial\.safetensors"):
        sqnn.resume(folder, digits, progress=False)


def test_a_run_goes_on_from_the_network_of_another(digits, tmp_path) -> None:
    """Networks that were trained or read are in evaluation mode; they train as any other, batch norms included."""
    first = sqnn.fit(sqnn.create_model("toy", digits), digits, out=tmp_path / "first", **TRAINING)
    read = sqnn.load_model(first.folder / "model.safetensors")
    assert not read.training
    runs = [
        sqnn.fit(model, digits, out=tmp_path / name, **TRAINING)
        for name, model in (
            ("evaluating", read),
            ("training", sqnn.load_model(first.folder / "model.safetensors").train()),
        )
    ]
    assert_same(*runs)
    assert not torch.equal(runs[0].model.layers[3].running_mean, first.model.layers[3].running_mean)
    assert_same(sqnn.resume(killed(runs[0], tmp_path / "killed"), digits, progress=False), runs[0])
