"""Whole numbers that no tensor and no table holds are refused where they enter, by the option's name."""

from __future__ import annotations

import pytest

from sqnn.core import ConfigError
from sqnn.models import SQDRCNNConfig
from sqnn.studies import STUDIES
from sqnn.studies.compare import CompareStudy
from sqnn.training import TrainingConfig


@pytest.mark.parametrize("number", [2**63, 10**30])
@pytest.mark.parametrize(
    ("config", "name"),
    [
        (TrainingConfig, "epochs"),
        (SQDRCNNConfig, "n_blocks"),
        (CompareStudy, "budget"),
        (CompareStudy, "least_steps"),
        (CompareStudy, "train_images"),
        (STUDIES["gradients"], "steps"),
        (STUDIES["noise-sweep"], "images"),
    ],
)
def test_a_number_that_no_table_holds_is_refused_at_once(config: type, name: str, number: int) -> None:
    value = (number,) if name == "train_images" else number
    with pytest.raises(ConfigError, match=rf"^{name}: got \d+, expected a whole number of at most 9,223,372"):
        config(**{name: value})


def test_a_budget_is_one_that_a_memory_holds() -> None:
    assert CompareStudy(budget=10**12).budget == 10**12
    with pytest.raises(
        ConfigError, match=r"^budget: got 1000000000001, expected a whole number from 1 to 1,000,000,000,000"
    ):
        CompareStudy(budget=10**12 + 1)
