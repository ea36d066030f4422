"""Where the cells of an encoder study lie: one folder with its settings, its rows and the runs of its cells."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import yaml

from sqnn.files import write_text
from sqnn.training import RunError

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
KEY = ("variant", "surrogate", "rescaling", "seed")
ROWS, SETTINGS, LOCK = "encoders.csv", "settings.yaml", ".lock"

Row = dict[str, Any]


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study; what was written last is whole, whenever the writer was killed."""

    path: Path

    def holds(self) -> Any:
        """Return the description of the study in the folder: None where nothing is, {} where it is something else."""
        try:
            if not any(path.name[0] != "." for path in self.path.iterdir()):
                return None
            return yaml.safe_load((self.path / SETTINGS).read_text()) or {}
        except (FileNotFoundError, NotADirectoryError):
            return {} if self.path.exists() else None
        except (OSError, yaml.YAMLError, UnicodeDecodeError):
            return {}

    @contextlib.contextmanager
    def open(self, description: Mapping[str, Any]) -> Iterator[None]:
        """Begin the study described, or go on with it; nobody else can do so until the block ends.

        RunError where the folder holds something else, cannot be written, or is in use.
        """
        if self.holds() not in (None, description):
            raise RunError(
                f"out: {self.path} holds something else than this study (another network, other data or training); "
                "choose another folder"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            # The system lifts the lock when its process dies.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_text(self.path / SETTINGS, yaml.safe_dump(dict(description), sort_keys=False))
            yield
        except BlockingIOError as error:
            raise RunError(f"out: another process is at work in {self.path}; wait for it, or choose another") from error
        finally:
            os.close(lock)

    def rows(self) -> dict[tuple[Any, ...], Row]:
        """Return the finished cells by their key, in the order in which they were finished."""
        file = self.path / ROWS
        try:
            frame = pd.read_csv(
                file, dtype=dict(COLUMNS), float_precision="round_trip", na_values="", keep_default_na=False
            )
        except FileNotFoundError:
            return {}
        except (ValueError, OSError) as error:
            raise self._damaged(error) from error
        if list(frame.columns) != list(COLUMNS):
            raise self._damaged("other columns")
        texts = [name for name, kind in COLUMNS.items() if kind == "str"]
        frame = frame.fillna(dict.fromkeys(texts, ""))
        numbers = frame.loc[frame.failure == "", [name for name in COLUMNS if name not in texts]]
        if numbers.isna().to_numpy().any():
            raise self._damaged("a row without all of its numbers")
        accuracies = numbers.filter(like="accuracy")
        if not ((accuracies >= 0) & (accuracies <= 1)).to_numpy().all():
            raise self._damaged("an accuracy outside [0, 1]")
        rows: list[Any] = frame.to_dict("records")
        return {tuple(row[name] for name in KEY): row for row in rows}

    def write(self, rows: Iterable[Row]) -> None:
        """Write the rows of all finished cells; RunError where that fails, the file then stays as it was."""
        try:
            write_text(self.path / ROWS, self.frame(rows).to_csv(index=False))
        except OSError as error:
            raise self._unwritable(error) from error

    @staticmethod
    def frame(rows: Iterable[Row]) -> pd.DataFrame:
        """Return rows as a data frame, missing numbers where they have none."""
        records = list(rows)
        return pd.DataFrame(
            {name: pd.Series([row.get(name) for row in records], dtype=kind) for name, kind in COLUMNS.items()}  # type: ignore[call-overload]
        )

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"out: cannot write {self.path} ({error.strerror}); choose a writable folder")

    def _damaged(self, reason: object) -> RunError:
        return RunError(
            f"out: {self.path / ROWS} is damaged ({reason}); remove it, and the runs beside it fill it again"
        )
