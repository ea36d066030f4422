"""Small data and networks to train in a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import sqnn

OPTIONS = {"channels": (2, 3), "n_qubits": 3}


@pytest.fixture(scope="session")
def digits() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=160, validation=60, test=70)


@pytest.fixture
def make_model(digits: sqnn.ImageData) -> Callable[..., torch.nn.Module]:
    def make(seed: int = 0, **options) -> torch.nn.Module:
        return sqnn.create_model("sqdr-cnn", digits, seed=seed, **{**OPTIONS, **options})

    return make
