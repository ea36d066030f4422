"""Two small networks to be swept, in about a second."""

from __future__ import annotations

import math
import types

import pytest
import torch
from torch import nn

import sqnn
from sqnn import training
from sqnn.metrics import OperationCount
from sqnn.studies.compare import study

OPTIONS = {"channels": (2, 3), "n_qubits": 3}


@pytest.fixture(scope="session")
def digits() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=200, validation=40, test=60)


@pytest.fixture(scope="session")
def networks(digits: sqnn.ImageData) -> list[torch.nn.Module]:
    return [sqnn.create_model("sqdr-cnn", digits, seed=seed, **OPTIONS) for seed in range(2)]


@pytest.fixture(scope="session")
def run(digits: sqnn.ImageData, tmp_path_factory: pytest.TempPathFactory) -> sqnn.Run:
    """A run of one epoch that trained under noise, with seed 7, on the whole data set."""
    data = sqnn.load_data("digits")
    model = sqnn.create_model("sqdr-cnn", data, noise="depolarizing:0.02", **OPTIONS)
    out = tmp_path_factory.mktemp("sweep") / "run"
    return sqnn.fit(model, data, out=out, epochs=1, seed=7, progress=False)


@pytest.fixture
def few(digits: sqnn.ImageData) -> sqnn.ImageData:
    return digits.subset(train=100, validation=20, test=30)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """In the place of `fit`: what it was asked for, each time; validation is best at a learning rate of 0.01."""
    asked: list[dict[str, object]] = []

    def fit(model: nn.Module, data: sqnn.ImageData, **options: object) -> types.SimpleNamespace:
        asked.append({**options, "data": data})
        accuracy = 1 / (1 + abs(math.log10(options["learning_rate"]) + 2))
        result = {"seconds": 2.0, "machine": "m"}
        return types.SimpleNamespace(
            model=model, result=result, warnings=[], validation_accuracy=accuracy, test_accuracy=0.25
        )

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(study, "effective_parameters", lambda *arguments: types.SimpleNamespace(rank=5, settled=True))
    monkeypatch.setattr(study, "operations", lambda *arguments: OperationCount(()))
    return asked
