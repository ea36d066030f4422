"""Where the cells of a study lie: one folder with settings and rows, which no death of its writer can spoil."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import yaml

from sqnn.core import write_text
from sqnn.training import RunError

SETTINGS, LOCK = "settings.yaml", ".lock"

Row = dict[str, Any]


@dataclass(frozen=True)
class RowsFolder:
    """The folder of one study; what was written last is whole, whenever the writer was killed.

    A kind of study names its file of rows, its `columns` and the kinds of their values, the `key` that tells a row's
    cell, and how lost rows come back (`again`). Columns whose name ends on `accuracy` are fractions.
    """

    file: ClassVar[str]
    columns: ClassVar[Mapping[str, str]]
    key: ClassVar[tuple[str, ...]]
    again: ClassVar[str]

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
        file = self.path / self.file
        try:
            frame = pd.read_csv(
                file, dtype=dict(self.columns), float_precision="round_trip", na_values="", keep_default_na=False
            )
        except FileNotFoundError:
            return {}
        except (ValueError, OSError) as error:
            raise self._damaged(error) from error
        if list(frame.columns) != list(self.columns):
            raise self._damaged("other columns")
        texts = [name for name, kind in self.columns.items() if kind == "str"]
        frame = frame.fillna(dict.fromkeys(texts, ""))
        numbers = self.complete(frame).drop(columns=texts, errors="ignore")
        if numbers.isna().to_numpy().any():
            raise self._damaged("a row without all of its numbers")
        accuracies = numbers.filter(like="accuracy")
        if not ((accuracies >= 0) & (accuracies <= 1)).to_numpy().all():
            raise self._damaged("an accuracy outside [0, 1]")
        rows: list[Any] = frame.to_dict("records")
        return {tuple(row[name] for name in self.key): row for row in rows}

    @staticmethod
    def complete(frame: pd.DataFrame) -> pd.DataFrame:
        """Return the part of the rows in which no number may be missing."""
        return frame

    def write(self, rows: Iterable[Row]) -> None:
        """Write the rows of all finished cells; RunError where that fails, the file then stays as it was."""
        try:
            write_text(self.path / self.file, self.frame(rows).to_csv(index=False))
        except OSError as error:
            raise self._unwritable(error) from error

    @classmethod
    def frame(cls, rows: Iterable[Row]) -> pd.DataFrame:
        """Return rows as a data frame, missing numbers where they have none."""
        records = list(rows)
        return pd.DataFrame(
            {name: pd.Series([row.get(name) for row in records], dtype=kind) for name, kind in cls.columns.items()}  # type: ignore[call-overload]
        )

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"out: cannot write {self.path} ({error.strerror}); choose a writable folder")

    def _damaged(self, reason: object) -> RunError:
        return RunError(f"out: {self.path / self.file} is damaged ({reason}); remove it, and {self.again}")
