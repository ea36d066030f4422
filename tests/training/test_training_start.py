"""The doors of training and metrics are light: what is heavy is loaded when it is used."""

from __future__ import annotations

import pytest
from light import heavy_after


@pytest.mark.parametrize(
    "line",
    [
        "from sqnn.training import SPLITS, NotFiniteError, RunFolder, TrainingConfig, evaluate, versions",
        "import sqnn.metrics",
    ],
)
def test_light_names_load_nothing_heavy(line: str) -> None:
    assert heavy_after(line) == []


def test_the_loop_loads_lightning() -> None:
    assert "lightning" in heavy_after("from sqnn.training import SafeCheckpointIO")
