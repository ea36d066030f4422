"""The doors of training and metrics are light: what is heavy is loaded when it is used."""

from __future__ import annotations

from light import HEAVY, WITHOUT_TOP, begins_to_load, heavy_after


def test_light_names_load_nothing_heavy() -> None:
    names = "SPLITS, NotFiniteError, RunFolder, TrainingConfig, evaluate, versions"
    assert heavy_after(f"from sqnn.training import {names}", "import sqnn.metrics") == [[], []]


def test_the_loop_loads_lightning() -> None:
    assert "lightning" in HEAVY
    assert begins_to_load(f"{WITHOUT_TOP}from sqnn.training import SafeCheckpointIO", "lightning")
