"""The rows of an encoder study."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import pandas as pd

from sqnn.studies.runner.folder import RowsFolder

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "model": "str",
        "data": "str",
        "train_images": "int64",
        "epochs": "int64",
        "variant": "str",
        "surrogate": "str",
        "rescaling": "str",
        "seed": "int64",
        "parameters": "int64",
        "best_epoch": "Int64",
        "validation_accuracy": "float64",
        "test_accuracy": "float64",
        "test_loss": "float64",
        "train_accuracy": "float64",
        "train_loss": "float64",
        "failure": "str",
    }
)
"""Every column and the kind of its values.

Accuracies are fractions, losses mean cross-entropies in nats. Validation and test belong to the weights of
`best_epoch`, the epoch that did best on validation images, train to the last epoch. `failure` says why a training ended
early: such a row has no numbers behind its parameters.
"""


class StudyFolder(RowsFolder):
    """The folder of an encoder study, with the runs of its cells."""

    file: ClassVar[str] = "encoders.csv"
    columns: ClassVar[Mapping[str, str]] = COLUMNS
    key: ClassVar[tuple[str, ...]] = ("variant", "surrogate", "rescaling", "seed")
    again: ClassVar[str] = "the runs beside it fill it again"

    @staticmethod
    def complete(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame.failure == ""]
