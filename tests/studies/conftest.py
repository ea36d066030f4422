"""Two small networks to be swept, in about a second."""

from __future__ import annotations

import pytest
import torch

import sqnn

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
