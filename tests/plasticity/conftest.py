"""A few digits for the tests of plasticity."""

from __future__ import annotations

import pytest

import sqnn


@pytest.fixture(scope="session")
def digits() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=64, validation=20, test=20)
