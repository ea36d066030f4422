"""Tries of a comparison: the same after a stop, and nearer to what was good."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import sqnn
from sqnn.core import ConfigError
from sqnn.studies.compare.tuning import LEARNING_RATES, WEIGHT_DECAYS, Choice, made, propose, tune


def test_a_tuning_that_was_stopped_ends_as_the_undisturbed_one(tmp_path: Path) -> None:
    own, tried = Choice(0.5, 0.0), []

    def attempt(choice: Choice) -> dict[str, object]:
        if len(tried) == 6 and stops:
            raise KeyboardInterrupt
        tried.append(choice)
        accuracy = 1 / (1 + abs(math.log10(choice.learning_rate) + 2))
        return {"failure": "nan"} if len(tried) == 3 else {"validation_accuracy": accuracy, "failure": ""}

    stops = False
    best = tune(tmp_path / "a" / "tuning.csv", 9, own, attempt)
    whole, tried[:] = list(tried), []
    stops = True
    with pytest.raises(KeyboardInterrupt):
        tune(tmp_path / "b" / "tuning.csv", 9, own, attempt)
    stops = False
    assert tune(tmp_path / "b" / "tuning.csv", 9, own, attempt) == best
    assert tried == whole
    assert whole[0] == own
    assert len(set(whole)) == 9
    inside = [LEARNING_RATES, WEIGHT_DECAYS]
    assert all(low <= value <= high for each in whole[1:] for value, (low, high) in zip(each, inside, strict=True))
    known = [each for number, each in enumerate(whole) if number != 2]
    assert best == min(known, key=lambda choice: abs(math.log10(choice.learning_rate) + 2))
    assert tune(tmp_path / "c" / "tuning.csv", 2, own, lambda choice: {"failure": "nan"}) is None


def test_the_sampler_looks_for_what_was_good() -> None:
    """Where only high learning rates were good, it asks for high ones."""
    rows = []
    for number in range(16):
        choice = propose(made(rows)) if rows else Choice(1e-3, 1e-4)
        accuracy = float(choice.learning_rate > 0.03)
        rows.append({"number": number, **choice._asdict(), "validation_accuracy": accuracy})
    asked = [row["learning_rate"] > 0.03 for row in rows]
    assert sum(asked[8:]) > 1.5 * sum(asked[:8])


def test_without_optuna_the_tuning_says_what_to_install(
    digits: sqnn.ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"^tuning: got 3, expected 0, or Optuna installed: pip install 'sqnn\[tuning"
    ):
        sqnn.study("compare", digits, tuning=3, workers=0, progress=False)
